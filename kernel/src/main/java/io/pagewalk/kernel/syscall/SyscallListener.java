package io.pagewalk.kernel.syscall;

/**
 * Told when a system call returns: Linux's tracepoint {@code raw_syscalls:sys_exit}. It may look at the kernel but not change it.
 *
 * @param <T> the kind of task that calls
 */
@FunctionalInterface
public interface SyscallListener<T> {
    /**
     * A call is about to return.
     *
     * @param task who called
     * @param args number and arguments, valid during the call only
     * @param result the result, or a negated {@link Errno} number
     */
    void sysExit(T task, SyscallArgs args, long result);
}
