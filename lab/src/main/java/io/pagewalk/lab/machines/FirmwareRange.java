package io.pagewalk.lab.machines;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;

/**
 * A range of physical addresses as the firmware reports it, an entry of the e820 map.
 *
 * @param start first byte
 * @param end first byte behind it
 * @param type {@code System RAM} for usable memory, otherwise a name as {@code /proc/iomem} writes it, such as {@code Reserved}
 */
public record FirmwareRange(long start, long end, String type) {
    /** The type of memory that the kernel may use. */
    public static final String USABLE = "System RAM";

    /** The type of memory that belongs to firmware or devices. */
    public static final String RESERVED = "Reserved";

    /** Refuses an empty range and one beyond 52 bits of physical address. */
    public FirmwareRange {
        KernelBug.on(
                start < 0 || end <= start || end > 1L << 56,
                "no physical range: " + Bits.hex(start) + ".." + Bits.hex(end));
    }

    /** Returns the length in bytes. */
    public long sizeBytes() {
        return end - start;
    }

    /** Returns whether the kernel may use it. */
    public boolean isUsable() {
        return type.equals(USABLE);
    }
}
