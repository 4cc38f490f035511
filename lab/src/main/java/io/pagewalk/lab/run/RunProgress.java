package io.pagewalk.lab.run;

/** Is told how far a run has come. */
@FunctionalInterface
public interface RunProgress {
    /** Nobody listens. */
    RunProgress NONE = (done, all) -> {};

    /**
     * The run has come this far.
     *
     * @param doneAccesses accesses replayed so far
     * @param allAccesses accesses of the whole trace
     */
    void update(long doneAccesses, long allAccesses);
}
