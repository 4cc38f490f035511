package io.pagewalk.kernel.mempolicy;

import io.pagewalk.kernel.numa.TaskPolicy;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmTask;
import org.jspecify.annotations.Nullable;

/** The caller of a policy call, or the task that it is about. */
public interface PolicyTask extends MmTask {
    /** Returns its memory policy. */
    TaskPolicy policy();

    /** Returns its address space, null when it has exited or is a kernel thread. */
    @Nullable
    Mm mmOrNull();
}
