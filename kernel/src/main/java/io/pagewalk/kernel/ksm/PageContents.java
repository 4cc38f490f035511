package io.pagewalk.kernel.ksm;

import io.pagewalk.hardware.memory.PhysicalMemory;

/** Compares pages by what they hold. */
final class PageContents {
    private static final int WORDS = 512;
    private static final long MULTIPLIER = 0x9e3779b97f4a7c15L;

    private final PhysicalMemory memory;

    PageContents(PhysicalMemory memory) {
        this.memory = memory;
    }

    /** Compares byte by byte from the start: {@code memcmp_pages()}. */
    int compare(long left, long right) {
        long a = left << 12;
        long b = right << 12;
        for (int i = 0; i < WORDS; i++) {
            long x = memory.readLong(a + 8L * i);
            long y = memory.readLong(b + 8L * i);
            if (x != y) {
                return Long.compareUnsigned(Long.reverseBytes(x), Long.reverseBytes(y));
            }
        }
        return 0;
    }

    /** Returns 32 bits by which a changed page is known. Differs from Linux: not those of {@code xxhash()}; nobody sees them. */
    int checksum(long pfn) {
        long hash = 1;
        if (!memory.isZero(pfn)) {
            for (int i = 0; i < WORDS; i++) {
                hash = (Long.rotateLeft(hash, 23) ^ memory.readLong((pfn << 12) + 8L * i)) * MULTIPLIER;
            }
        }
        return (int) (hash >>> 32) ^ (int) hash;
    }

    /** Returns the checksum of a page of zeros. */
    static int zeroChecksum() {
        return 1;
    }
}
