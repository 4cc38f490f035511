package io.pagewalk.kernel.system;

import io.pagewalk.kernel.procfs.ProcessTable;
import io.pagewalk.kernel.vma.Mm;
import org.jspecify.annotations.Nullable;

/** Finds tasks for the files of {@code /proc}. */
final class TaskNumbers implements ProcessTable {
    private final LinuxKernel kernel;

    TaskNumbers(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public boolean exists(int tid) {
        return kernel.task(tid) != null;
    }

    @Override
    public @Nullable Mm mmOf(int tid) {
        Task task = kernel.task(tid);
        return task == null ? null : task.mmOrNull();
    }
}
