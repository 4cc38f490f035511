package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Digest;

/** What a program writes into a byte that it was given: a value that no other program, segment or offset shares in the long run. */
final class Pattern {
    private static final int KEY_SHIFT = 40;

    private Pattern() {}

    /** Returns the byte at an offset. */
    static byte at(int program, int segment, int offset) {
        long word = Digest.mix(((long) program << KEY_SHIFT) ^ ((long) segment << 32) ^ (offset >>> 3));
        return (byte) (word >>> ((offset & 7) << 3));
    }

    /** Fills an array with the bytes from an offset on. */
    static void fill(int program, int segment, int from, byte[] target) {
        for (int i = 0; i < target.length; i++) {
            target[i] = at(program, segment, from + i);
        }
    }

    /** Returns a byte that differs from what stood there, so that every stray store shows. */
    static byte damaged(byte value) {
        return (byte) (value ^ 0x5a);
    }
}
