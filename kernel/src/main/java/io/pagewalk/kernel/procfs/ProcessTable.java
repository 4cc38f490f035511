package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.vma.Mm;
import org.jspecify.annotations.Nullable;

/** Finds tasks by number for the files of {@code /proc}: {@code get_proc_task()}. */
public interface ProcessTable {
    /**
     * Returns whether a task of this number exists, be it a zombie.
     *
     * @param tid number of a thread
     */
    boolean exists(int tid);

    /**
     * Returns the address space of a task.
     *
     * @param tid number of a thread
     * @return null when the task does not exist or has none
     */
    @Nullable
    Mm mmOf(int tid);
}
