package io.pagewalk.base;

/** The simulated time of one machine, in nanoseconds since its boot. */
public final class SimClock {
    private long nanos;

    /** Creates a clock that stands at zero. */
    public SimClock() {}

    /** Returns the simulated nanoseconds since boot. */
    public long nanos() {
        return nanos;
    }

    /**
     * Moves time forward.
     *
     * @param deltaNanos how far, at least 0
     */
    public void advance(long deltaNanos) {
        KernelBug.on(deltaNanos < 0, "time cannot run backwards");
        nanos += deltaNanos;
    }
}
