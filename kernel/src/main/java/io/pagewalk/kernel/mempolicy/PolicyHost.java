package io.pagewalk.kernel.mempolicy;

import org.jspecify.annotations.Nullable;

/**
 * What the calls need of the packages above.
 *
 * @param <T> the machine's task type
 */
public interface PolicyHost<T extends PolicyTask> {
    /**
     * Finds a thread: {@code find_task_by_vpid()}.
     *
     * @param pid its number
     * @return the task, also when it has exited but nobody asked yet; null when there is none
     */
    @Nullable
    T find(int pid);

    /**
     * Returns whether a task may look into another: {@code ptrace_may_access(PTRACE_MODE_READ_REALCREDS)}.
     *
     * @param task the caller
     * @param target the other, or itself
     */
    boolean mayRead(T task, T target);

    /**
     * Returns whether a task has {@code CAP_SYS_NICE}, with which it may move pages that others map too.
     *
     * @param task the caller
     */
    boolean hasSysNice(T task);

    /**
     * Makes a page of the caller readable and counts it as used: {@code get_user_pages_fast()} of one page.
     *
     * @param task the caller
     * @param vaddr an address in one of its areas
     * @return whether it is mapped now
     */
    boolean faultIn(T task, long vaddr);
}
