package io.pagewalk.kernel.syscall;

import org.jspecify.annotations.Nullable;

/** The number and six arguments of one call. One object is reused for all calls of a workload. */
public final class SyscallArgs {
    /** The number of the call ({@code rax}). */
    public int nr;

    /** First argument ({@code rdi}). */
    public long a0;

    /** Second argument ({@code rsi}). */
    public long a1;

    /** Third argument ({@code rdx}). */
    public long a2;

    /** Fourth argument ({@code r10}). */
    public long a3;

    /** Fifth argument ({@code r8}). */
    public long a4;

    /** Sixth argument ({@code r9}). */
    public long a5;

    /** The path that a recorded call named; null when it must be read from user memory. */
    public @Nullable String path;

    /** Creates call 0 with zero arguments. */
    public SyscallArgs() {}

    /**
     * Sets everything but the path, which becomes null.
     *
     * @param number number of the call
     * @param arguments up to six; missing ones are zero
     * @return this
     */
    public SyscallArgs set(int number, long... arguments) {
        nr = number;
        a0 = arguments.length > 0 ? arguments[0] : 0;
        a1 = arguments.length > 1 ? arguments[1] : 0;
        a2 = arguments.length > 2 ? arguments[2] : 0;
        a3 = arguments.length > 3 ? arguments[3] : 0;
        a4 = arguments.length > 4 ? arguments[4] : 0;
        a5 = arguments.length > 5 ? arguments[5] : 0;
        path = null;
        return this;
    }
}
