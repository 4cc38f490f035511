package io.pagewalk.kernel.syscall;

/**
 * The code behind one system call.
 *
 * @param <T> the task that calls
 */
@FunctionalInterface
public interface SyscallHandler<T> {
    /**
     * Performs the call.
     *
     * @param task who calls
     * @param args its arguments, only read
     * @return the result, or a negated {@link Errno} number
     */
    long call(T task, SyscallArgs args);
}
