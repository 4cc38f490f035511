package io.pagewalk.kernel.system;

import java.util.TreeMap;

/** A sparse array of counts by frame number, for checks. */
final class FrameCounts {
    private static final int CHUNK_BITS = 12;
    private static final int CHUNK = 1 << CHUNK_BITS;

    private final TreeMap<Long, int[]> chunks = new TreeMap<>();

    FrameCounts() {}

    /** Counts one more and returns the new count. */
    int add(long pfn) {
        return ++chunks.computeIfAbsent(pfn >>> CHUNK_BITS, key -> new int[CHUNK])[(int) pfn & (CHUNK - 1)];
    }

    int get(long pfn) {
        int[] chunk = chunks.get(pfn >>> CHUNK_BITS);
        return chunk == null ? 0 : chunk[(int) pfn & (CHUNK - 1)];
    }
}
