package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.UserMemory;
import org.jspecify.annotations.Nullable;

/** The caller of a memory call: what {@code current} is in Linux. The system package's task implements it. */
public interface MmTask {
    /** Returns the address space the task runs in. */
    Mm mm();

    /** Returns the task's user memory. */
    UserMemory userMemory();

    /**
     * Returns the open file behind a descriptor ({@code fget()}; no reference is taken), or null.
     *
     * @param fd file descriptor
     */
    @Nullable
    MappedFile file(int fd);
}
