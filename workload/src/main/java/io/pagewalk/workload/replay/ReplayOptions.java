package io.pagewalk.workload.replay;

/**
 * How a trace is replayed.
 *
 * @param mode how closely the accesses are looked at
 * @param maxAccesses after how many accesses to stop, at the next end of a span
 * @param progress who is told how far it is
 * @param placement who says where new mappings go
 */
public record ReplayOptions(ReplayMode mode, long maxAccesses, ReplayProgress progress, Placement placement) {
    /** Who says where the mappings go that a program makes. */
    public enum Placement {
        /** The recording: every mapping is made where it was, whatever tool made the recording. */
        RECORDED,
        /** The model's kernel, from the arguments alone. For recordings by single steps, whose addresses are those of a real kernel: each that differs counts as a divergence. */
        CHOSEN
    }

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
        return new ReplayOptions(mode, Long.MAX_VALUE, ReplayProgress.NONE, Placement.RECORDED);
    }

    /**
     * Returns these options with a listener.
     *
     * @param listener who is told how far it is
     */
    public ReplayOptions withProgress(ReplayProgress listener) {
        return new ReplayOptions(mode, maxAccesses, listener, placement);
    }

    /** Returns these options with the model's kernel choosing addresses. */
    public ReplayOptions withChosenAddresses() {
        return new ReplayOptions(mode, maxAccesses, progress, Placement.CHOSEN);
    }
}
