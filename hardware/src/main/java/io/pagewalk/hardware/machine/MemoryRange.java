package io.pagewalk.hardware.machine;

import io.pagewalk.base.Bits;

/**
 * A range of physical addresses.
 *
 * @param start the first byte
 * @param end the first byte past it
 */
public record MemoryRange(long start, long end) {
    /** Refuses an empty or backward range. */
    public MemoryRange {
        if (start < 0 || end <= start) {
            throw new IllegalArgumentException(
                    "physical range from " + Bits.hex(start) + " to " + Bits.hex(end) + " is empty");
        }
    }

    /** Returns its size. */
    public long sizeBytes() {
        return end - start;
    }

    /**
     * Returns whether an address lies inside.
     *
     * @param paddr a physical address
     */
    public boolean contains(long paddr) {
        return paddr >= start && paddr < end;
    }

    /**
     * Returns whether a whole range lies inside.
     *
     * @param other a range
     */
    public boolean contains(MemoryRange other) {
        return other.start >= start && other.end <= end;
    }

    /**
     * Returns whether two ranges share a byte.
     *
     * @param other a range
     */
    public boolean overlaps(MemoryRange other) {
        return start < other.end && other.start < end;
    }

    @Override
    public String toString() {
        return String.format("[mem 0x%016x-0x%016x]", start, end - 1);
    }
}
