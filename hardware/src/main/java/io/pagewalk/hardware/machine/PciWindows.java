package io.pagewalk.hardware.machine;

import io.pagewalk.base.Bits;
import org.jspecify.annotations.Nullable;

/**
 * Where the host bridge passes memory accesses on to the PCI bus, as ACPI's {@code _CRS} tells Linux.
 *
 * @param low the window below 4 GiB
 * @param high the window above RAM, null when the CPU has no more than 32 physical address bits
 */
public record PciWindows(MemoryRange low, @Nullable MemoryRange high) {
    private static final long MIB = 1L << 20;
    private static final long GIB = 1L << 30;
    /** The interrupt controllers and the flash of a PC begin here. */
    private static final long LOW_END = 0xfec0_0000L;

    private static final long HIGH_BYTES = 256 * GIB;

    /**
     * Returns the windows of a PC: from the end of low memory (or 3 GiB, whichever is higher) to 0xfec00000, and the first 256 GiB above everything else, at a multiple of that size.
     *
     * @param firmware the memory map
     * @param physicalBits physical address bits of the CPU
     */
    public static PciWindows of(FirmwareMap firmware, int physicalBits) {
        long lowStart = 3 * GIB;
        long end = 4 * GIB;
        for (FirmwareMap.Entry entry : firmware.entries()) {
            if (entry.start() < 4 * GIB && entry.start() < LOW_END && entry.end() > lowStart) {
                lowStart = Math.min(LOW_END - 64 * MIB, Bits.roundUp(entry.end(), MIB));
            }
            end = Math.max(end, entry.end());
        }
        long highStart = Bits.roundUp(end, HIGH_BYTES);
        boolean hasHigh = highStart + HIGH_BYTES <= 1L << Math.min(physicalBits, 52);
        return new PciWindows(
                new MemoryRange(lowStart, LOW_END),
                hasHigh ? new MemoryRange(highStart, highStart + HIGH_BYTES) : null);
    }
}
