package io.pagewalk.kernel.io;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Which cache mode each physical range beside RAM is mapped with, so that no two mappings of one range differ: {@code arch/x86/mm/pat/memtype.c}.
 *
 * <p>Ranges may overlap, but all that touch one another have one mode. A request gets the mode that is there already; two modes in its way refuse it with {@code -EBUSY}.
 *
 * <p>Differs from Linux: MTRRs are not modelled as registers; firmware is taken to have set them to write-back for RAM and ACPI memory and uncached elsewhere. RAM has no modes
 * of its own: it is always write-back.
 */
public final class Memtypes {
    private static final long ISA_START = 0xa0000;
    private static final long ISA_END = 0x100000;
    /** {@code sizeof(struct memtype)}. */
    private static final int MEMTYPE_BYTES = 64;

    /** A mode that was reserved, or why not. */
    public sealed interface Reservation {
        /**
         * It worked.
         *
         * @param mode the mode to map with; not always the one that was asked for
         */
        record Granted(CacheMode mode) implements Reservation {}

        /**
         * It did not.
         *
         * @param errno positive
         */
        record Refused(int errno) implements Reservation {}
    }

    private record Range(long start, long end, CacheMode mode, long object) {
        boolean touches(long from, long to) {
            return start < to && from < end;
        }
    }

    private final ResourceTree iomem;
    private final FirmwareMap firmware;
    private final ObjectAllocator objects;
    private final Consumer<String> log;
    private final Supplier<String> current;
    private final List<Range> ranges = new ArrayList<>();

    /**
     * Creates an empty list of modes.
     *
     * @param iomem tells RAM from devices
     * @param firmware tells ACPI memory from devices
     * @param objects where {@code struct memtype} comes from
     * @param log receives lines of the kernel's log
     * @param current name and number of the running task as {@code comm:pid}
     */
    public Memtypes(
            ResourceTree iomem,
            FirmwareMap firmware,
            ObjectAllocator objects,
            Consumer<String> log,
            Supplier<String> current) {
        this.iomem = iomem;
        this.firmware = firmware;
        this.objects = objects;
        this.log = log;
        this.current = current;
    }

    /**
     * Reserves a range: {@code memtype_reserve()}.
     *
     * @param start first address, page aligned
     * @param end first address behind, page aligned
     * @param wanted the mode asked for
     * @return the mode to use, or the reason
     */
    public Reservation reserve(long start, long end, CacheMode wanted) {
        if (isUntracked(start, end)) {
            return new Reservation.Granted(CacheMode.WRITE_BACK);
        }
        if (isRam(start, end)) {
            return wanted == CacheMode.WRITE_BACK
                    ? new Reservation.Granted(wanted)
                    : new Reservation.Refused(Errno.EINVAL);
        }
        CacheMode actual = wanted == CacheMode.WRITE_BACK && !isWriteBackByFirmware(start, end)
                ? CacheMode.UNCACHED_MINUS
                : wanted;
        long object = objects.kmalloc(MEMTYPE_BYTES, Gfp.GFP_KERNEL | Gfp.ZERO);
        if (object == 0) {
            return new Reservation.Refused(Errno.ENOMEM);
        }
        CacheMode found = null;
        for (Range range : ranges) {
            if (!range.touches(start, end)) {
                continue;
            }
            if (found != null && found != range.mode()) {
                log.accept(String.format(
                        Locale.ROOT,
                        "x86/PAT: %s conflicting memory types %x-%x %s<->%s",
                        current.get(),
                        start,
                        end,
                        found.text(),
                        range.mode().text()));
                log.accept(String.format(
                        Locale.ROOT,
                        "x86/PAT: memtype_reserve failed [mem 0x%08x-0x%08x], track %s, req %s",
                        start,
                        end - 1,
                        actual.text(),
                        wanted.text()));
                objects.kfree(object);
                return new Reservation.Refused(Errno.EBUSY);
            }
            found = range.mode();
        }
        CacheMode mode = found == null ? actual : found;
        ranges.add(new Range(start, end, mode, object));
        ranges.sort(Comparator.comparingLong(Range::start).thenComparingLong(Range::end));
        return new Reservation.Granted(mode);
    }

    /**
     * Gives a range back: {@code memtype_free()}.
     *
     * @param start first address, as it was reserved
     * @param end first address behind, as it was reserved
     * @return 0, or {@code -EINVAL} with a line in the log when nobody has reserved it
     */
    public int free(long start, long end) {
        if (isUntracked(start, end) || isRam(start, end)) {
            return 0;
        }
        for (Range range : ranges) {
            if (range.start() == start && range.end() == end) {
                objects.kfree(range.object());
                ranges.remove(range);
                return 0;
            }
        }
        log.accept(String.format(
                Locale.ROOT, "x86/PAT: %s freeing invalid memtype [mem 0x%08x-0x%08x]", current.get(), start, end - 1));
        return -Errno.EINVAL;
    }

    /**
     * Returns the mode of one page: {@code lookup_memtype()}.
     *
     * @param paddr its address
     */
    public CacheMode lookup(long paddr) {
        if (isUntracked(paddr, paddr + 4096) || isRam(paddr, paddr + 4096)) {
            return CacheMode.WRITE_BACK;
        }
        Range found = find(paddr);
        return found == null ? CacheMode.UNCACHED_MINUS : found.mode();
    }

    /**
     * Returns whether a range is RAM: {@code pat_pagerange_is_ram()}.
     *
     * @param start first address
     * @param end first address behind
     */
    public boolean isRam(long start, long end) {
        long from = Math.max(start, ISA_END);
        return from < end && iomem.touchesRam(from, end - 1);
    }

    private @Nullable Range find(long paddr) {
        for (Range range : ranges) {
            if (range.touches(paddr, paddr + 4096)) {
                return range;
            }
        }
        return null;
    }

    private static boolean isUntracked(long start, long end) {
        return start >= ISA_START && end <= ISA_END;
    }

    private boolean isWriteBackByFirmware(long start, long end) {
        return firmware.entries().stream().anyMatch(entry -> switch (entry.type()) {
            case USABLE, ACPI_DATA, ACPI_NVS, PERSISTENT, SOFT_RESERVED -> entry.start() <= start && end <= entry.end();
            case RESERVED, UNUSABLE -> false;
        });
    }

    /** Returns how many ranges are reserved. */
    public int count() {
        return ranges.size();
    }

    /** Returns the list as {@code /sys/kernel/debug/x86/pat_memtype_list} prints it. */
    public String print() {
        StringBuilder text = new StringBuilder("PAT memtype list:\n");
        for (Range range : ranges) {
            text.append(String.format(
                    Locale.ROOT,
                    "PAT: [mem 0x%016x-0x%016x] %s\n",
                    range.start(),
                    range.end(),
                    range.mode().text()));
        }
        return text.toString();
    }

    /**
     * Adds all ranges to a digest.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (Range range : ranges) {
            digest.add(range.start());
            digest.add(range.end());
            digest.add(range.mode().ordinal());
        }
    }

    /**
     * Checks that ranges which overlap have one mode.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (Range one : ranges) {
            for (Range other : ranges) {
                if (one.mode() != other.mode() && one.touches(other.start(), other.end())) {
                    out.add("memory types", "two modes at " + Long.toHexString(one.start()));
                }
            }
        }
    }
}
