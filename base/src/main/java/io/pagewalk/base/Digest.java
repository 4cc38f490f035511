package io.pagewalk.base;

/** A 64-bit hash over a sequence of numbers and texts, the same on every machine. Not for security. */
public final class Digest {
    private long state = 0x243f6a8885a308d3L;

    /** Creates the digest of the empty sequence. */
    public Digest() {}

    /**
     * Adds one number.
     *
     * @param value any value
     */
    public void add(long value) {
        state = mix(state ^ mix(value + 0x9e3779b97f4a7c15L)) + value;
    }

    /**
     * Adds a text with its length.
     *
     * @param text any text
     */
    public void add(String text) {
        add(text.length());
        for (int i = 0; i < text.length(); i++) {
            add(text.charAt(i));
        }
    }

    /** Returns the hash of everything added so far. */
    public long value() {
        return mix(state);
    }

    /** Returns {@link #value()} as sixteen hexadecimal digits. */
    public String hex() {
        return String.format("%016x", value());
    }

    /**
     * Mixes 64 bits so that each input bit reaches each output bit (the finalizer of SplitMix64).
     *
     * @param value any value
     */
    public static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
