package io.pagewalk.hardware.bus;

/**
 * What one base address register of a function maps.
 *
 * @param kind ports, or memory below 4 GiB, or memory anywhere
 * @param sizeBytes a power of two: at least 4 for ports (and at most 256), at least 16 for memory
 * @param isPrefetchable whether reads have no effect, so that bridges and kernels may gather accesses; memory only
 */
public record PciBar(Kind kind, long sizeBytes, boolean isPrefetchable) {
    /** Where a register's window lies. */
    public enum Kind {
        /** In port space. */
        IO,
        /** In physical memory, below 4 GiB. */
        MEMORY_32,
        /** In physical memory, anywhere; it takes two registers. */
        MEMORY_64
    }

    /** Refuses what PCI cannot express. */
    public PciBar {
        boolean isFine = Long.bitCount(sizeBytes) == 1
                && switch (kind) {
                    case IO -> sizeBytes >= 4 && sizeBytes <= 256 && !isPrefetchable;
                    case MEMORY_32 -> sizeBytes >= 16 && sizeBytes <= 1L << 31;
                    case MEMORY_64 -> sizeBytes >= 16 && sizeBytes <= 1L << 40;
                };
        if (!isFine) {
            throw new IllegalArgumentException("a PCI " + kind + " window of " + sizeBytes + " bytes");
        }
    }

    /** Returns the low bits of the register, which cannot be written: {@code PCI_BASE_ADDRESS_*}. */
    int typeBits() {
        return switch (kind) {
            case IO -> 1;
            case MEMORY_32 -> isPrefetchable ? 8 : 0;
            case MEMORY_64 -> isPrefetchable ? 12 : 4;
        };
    }
}
