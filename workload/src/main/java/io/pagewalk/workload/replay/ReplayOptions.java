package io.pagewalk.workload.replay;

/**
 * How a trace is replayed.
 *
 * @param mode how closely the accesses are looked at
 * @param maxAccesses after how many accesses to stop, at the next end of a span
 * @param progress who is told how far it is
 */
public record ReplayOptions(ReplayMode mode, long maxAccesses, ReplayProgress progress) {
    /** Refuses limits below one. */
    public ReplayOptions {
        if (maxAccesses < 1) {
            throw new IllegalArgumentException("maxAccesses " + maxAccesses);
        }
    }

    /**
     * Returns the options of a whole replay that tells nobody how far it is.
     *
     * @param mode how closely the accesses are looked at
     */
    public static ReplayOptions of(ReplayMode mode) {
        return new ReplayOptions(mode, Long.MAX_VALUE, ReplayProgress.NONE);
    }
}
