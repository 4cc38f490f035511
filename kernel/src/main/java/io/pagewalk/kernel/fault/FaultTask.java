package io.pagewalk.kernel.fault;

/** The task on whose behalf pages are faulted in: the part of {@code current} that the fault handler changes. */
public interface FaultTask {
    /** Counts a minor fault ({@code current->min_flt}). */
    void countMinorFault();

    /** Counts a major fault ({@code current->maj_flt}). */
    void countMajorFault();

    /** Returns the thread number. */
    int tid();

    /** Returns whether the task is ending, so that nobody may hear of its faults any more ({@code PF_EXITING}). */
    boolean isExiting();

    /** Returns whether the task was killed, so that it must not touch its memory any more ({@code fatal_signal_pending()}). */
    boolean isKilled();
}
