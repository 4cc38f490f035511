package io.pagewalk.workload.trace;

import org.jspecify.annotations.Nullable;

/**
 * One completed system call in the raw x86-64 convention.
 *
 * @param number the call's number in the x86-64 table
 * @param a0 first argument
 * @param a1 second argument
 * @param a2 third argument
 * @param a3 fourth argument
 * @param a4 fifth argument
 * @param a5 sixth argument
 * @param result the value returned, or minus the errno
 * @param path the path that the call named, or null when it named none
 */
public record SyscallEvent(
        int number,
        long a0,
        long a1,
        long a2,
        long a3,
        long a4,
        long a5,
        long result,
        @Nullable String path) {}
