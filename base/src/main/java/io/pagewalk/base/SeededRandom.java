package io.pagewalk.base;

/**
 * A small deterministic random generator (SplitMix64): the same seed gives the same numbers on every machine and every Java version.
 *
 * <p>Each user takes a generator of its own with {@link #fork}, so that one more draw in one place changes no other place.
 */
public final class SeededRandom {
    private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

    private long state;

    /**
     * Creates a generator.
     *
     * @param seed any value
     */
    public SeededRandom(long seed) {
        this.state = seed;
    }

    /** Returns the next 64 bits. */
    public long nextLong() {
        state += GOLDEN_GAMMA;
        return Digest.mix(state);
    }

    /**
     * Returns a number in {@code [0, bound)}.
     *
     * @param bound at least 1
     */
    public int nextInt(int bound) {
        return (int) nextLong(bound);
    }

    /**
     * Returns a number in {@code [0, bound)}.
     *
     * @param bound at least 1
     */
    public long nextLong(long bound) {
        if (bound <= 0) {
            throw new IllegalArgumentException("bound " + bound + " is not positive");
        }
        return Math.unsignedMultiplyHigh(nextLong(), bound);
    }

    /** Returns a fair coin's side. */
    public boolean nextBoolean() {
        return nextLong() < 0;
    }

    /**
     * Returns a generator whose numbers depend on this one's seed and a name, and leave this one as it is.
     *
     * @param name who will draw from it
     */
    public SeededRandom fork(String name) {
        Digest digest = new Digest();
        digest.add(state);
        digest.add(name);
        return new SeededRandom(digest.value());
    }
}
