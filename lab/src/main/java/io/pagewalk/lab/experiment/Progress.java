package io.pagewalk.lab.experiment;

/** Is told how far an experiment has come. */
@FunctionalInterface
public interface Progress {
    /** Nobody listens. */
    Progress NONE = (done, all) -> {};

    /**
     * The experiment has come this far.
     *
     * @param done steps done
     * @param all steps of the whole
     */
    void update(long done, long all);
}
