package io.pagewalk.workload.trace;

import io.pagewalk.base.Bits;
import org.jspecify.annotations.Nullable;

/**
 * One mapping that a program has when its first instruction runs: a line of its first {@code /proc/PID/maps}.
 *
 * @param start first byte, a multiple of the page size
 * @param end first byte behind it, above {@code start}
 * @param prot four characters as in maps, such as {@code r-xp}
 * @param fileOffset offset in the file, a multiple of the page size; 0 without a file
 * @param path the mapped file, or null
 * @param name {@code [stack]}, {@code [heap]}, {@code [vdso]} and the like, or null
 */
public record InitialMap(
        long start,
        long end,
        String prot,
        long fileOffset,
        @Nullable String path,
        @Nullable String name) {
    /** Refuses empty, unaligned and unreadable mappings. */
    public InitialMap {
        if (!Bits.isAligned(start | end | fileOffset, 4096) || !Bits.isBelow(start, end)) {
            throw new IllegalArgumentException("mapping " + Bits.hex(start) + "-" + Bits.hex(end));
        }
        if (!prot.matches("[r-][w-][x-][ps]")) {
            throw new IllegalArgumentException("protection '" + prot + "'");
        }
    }
}
