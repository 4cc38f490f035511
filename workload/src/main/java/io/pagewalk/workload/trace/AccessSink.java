package io.pagewalk.workload.trace;

/**
 * Where a program's memory accesses and system calls go, in the order in which they happened.
 *
 * <p>Calls that follow each other belong to one thread until {@link #switchThread} names another.
 */
public interface AccessSink {
    /**
     * One access of the current thread. An access that crosses a page border is given whole; the sink splits it.
     *
     * @param kind {@code Access.LOAD}, {@code Access.STORE} or {@code Access.FETCH}; a read-modify-write is a load and then a store
     * @param vaddr first byte
     * @param sizeBytes at least 1
     */
    void access(int kind, long vaddr, int sizeBytes);

    /**
     * What follows is done by another thread.
     *
     * @param thread 0 for the first thread; others are numbered in the order of their creation
     */
    void switchThread(int thread);

    /**
     * A system call of the current thread, at the place where it returned.
     *
     * @param event number, arguments and result
     */
    void syscall(SyscallEvent event);

    /**
     * A thread has ended; it makes no further accesses.
     *
     * @param thread its number
     * @param status the status it gave to {@code exit}
     */
    void exitThread(int thread, int status);

    /**
     * The whole process has ended: the last event of a complete trace.
     *
     * @param status the exit code, or 128 plus the number of the signal that ended it
     */
    void exitProcess(int status);
}
