package io.pagewalk.hardware.machine;

import io.pagewalk.base.Bits;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What the firmware says about physical addresses: sorted ranges that do not overlap, each with a type. What no range covers is a hole.
 *
 * @param entries in ascending order of address
 */
public record FirmwareMap(List<Entry> entries) {
    private static final long FRAME_BYTES = 4096;
    private static final long KIB = 1024;
    private static final long MIB = 1024 * KIB;
    private static final long GIB = 1024 * MIB;

    /** What a range is, with the name it has in Linux's /proc/iomem ({@code arch/x86/kernel/e820.c:e820_type_to_string()}). */
    public enum Type {
        /** RAM that the kernel may use. */
        USABLE("System RAM"),
        /** Not for the kernel: firmware, devices. */
        RESERVED("Reserved"),
        /** ACPI tables: RAM, free once they were read. */
        ACPI_DATA("ACPI Tables"),
        /** ACPI memory that must survive sleep. */
        ACPI_NVS("ACPI Non-volatile Storage"),
        /** RAM with errors. */
        UNUSABLE("Unusable memory"),
        /** Persistent memory. */
        PERSISTENT("Persistent Memory"),
        /** Memory set aside for drivers, such as high-bandwidth memory. */
        SOFT_RESERVED("Soft Reserved");

        private final String resourceName;

        Type(String resourceName) {
            this.resourceName = resourceName;
        }

        /** Returns the name in /proc/iomem. */
        public String resourceName() {
            return resourceName;
        }
    }

    /**
     * One range.
     *
     * @param start the first byte
     * @param end the first byte past it
     * @param type what it is
     */
    public record Entry(long start, long end, Type type) {
        /** Refuses an empty or backward range. */
        public Entry {
            if (start < 0 || end <= start) {
                throw new IllegalArgumentException(
                        "firmware range from " + Bits.hex(start) + " to " + Bits.hex(end) + " is empty");
            }
        }

        /** Returns the addresses. */
        public MemoryRange range() {
            return new MemoryRange(start, end);
        }
    }

    /** Sorts the ranges and refuses an overlap or a map without usable memory. */
    public FirmwareMap {
        entries =
                entries.stream().sorted(Comparator.comparingLong(Entry::start)).toList();
        for (int i = 1; i < entries.size(); i++) {
            if (entries.get(i).start() < entries.get(i - 1).end()) {
                throw new IllegalArgumentException(
                        "firmware ranges overlap at " + Bits.hex(entries.get(i).start()));
            }
        }
        if (entries.stream().noneMatch(entry -> entry.type() == Type.USABLE)) {
            throw new IllegalArgumentException("a firmware map without usable memory");
        }
    }

    /**
     * Returns the map of a PC: 640 KiB, the hole for video and ROM, memory up to at most 3 GiB, the hole for PCI devices below 4 GiB, and the rest above.
     *
     * @param ramBytes the RAM installed, a multiple of 4096 and at least 2 MiB
     */
    public static FirmwareMap pc(long ramBytes) {
        if (ramBytes < 2 * MIB || ramBytes % FRAME_BYTES != 0) {
            throw new IllegalArgumentException("a PC with " + ramBytes + " bytes of RAM");
        }
        long low = Math.min(ramBytes, 3 * GIB);
        List<Entry> entries = new ArrayList<>();
        entries.add(new Entry(0, 639 * KIB, Type.USABLE));
        entries.add(new Entry(639 * KIB, 640 * KIB, Type.RESERVED));
        entries.add(new Entry(960 * KIB, MIB, Type.RESERVED));
        entries.add(new Entry(MIB, low, Type.USABLE));
        if (ramBytes > low) {
            entries.add(new Entry(4 * GIB, 4 * GIB + ramBytes - low, Type.USABLE));
        }
        return new FirmwareMap(entries);
    }

    /**
     * Returns a map of one usable range, as a small board's device tree gives it.
     *
     * @param start where RAM begins
     * @param ramBytes how much there is
     */
    public static FirmwareMap flat(long start, long ramBytes) {
        return new FirmwareMap(List.of(new Entry(start, start + ramBytes, Type.USABLE)));
    }

    /** Returns the first frame past everything that is RAM of some kind: Linux's {@code max_pfn} rounds down to whole frames. */
    public long endFrame() {
        return entries.stream()
                        .filter(e -> e.type() == Type.USABLE)
                        .mapToLong(Entry::end)
                        .max()
                        .orElseThrow()
                / FRAME_BYTES;
    }

    /** Returns the usable ranges in ascending order. */
    public List<MemoryRange> usable() {
        return entries.stream()
                .filter(e -> e.type() == Type.USABLE)
                .map(Entry::range)
                .toList();
    }

    /** Returns the bytes of all usable ranges. */
    public long usableBytes() {
        return usable().stream().mapToLong(MemoryRange::sizeBytes).sum();
    }

    /**
     * Returns the map with the usable memory above an address cut off: the boot parameter {@code mem=}.
     *
     * @param limit the first byte that must not be used
     */
    public FirmwareMap limitedTo(long limit) {
        List<Entry> kept = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.type() != Type.USABLE || entry.end() <= limit) {
                kept.add(entry);
            } else if (entry.start() < limit) {
                kept.add(new Entry(entry.start(), limit, Type.USABLE));
            }
        }
        return new FirmwareMap(kept);
    }
}
