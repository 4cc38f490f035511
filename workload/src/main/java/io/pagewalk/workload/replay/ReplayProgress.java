package io.pagewalk.workload.replay;

/** Who wants to know how far a replay is. */
@FunctionalInterface
public interface ReplayProgress {
    /** Does nothing. */
    ReplayProgress NONE = (done, total) -> {};

    /**
     * Tells how far it is; called a few times a second or less.
     *
     * @param accessesDone accesses replayed so far
     * @param accessesTotal accesses of the whole trace
     */
    void at(long accessesDone, long accessesTotal);
}
