/**
 * The one door through which every workload calls the kernel: numbers and names of x86-64 system calls, error numbers, arguments, user memory.
 *
 * <p>Models {@code arch/x86/entry/syscalls/syscall_64.tbl} and {@code arch/x86/entry/common.c:do_syscall_64()}. The package knows no subsystem: each
 * one registers its handlers with {@link io.pagewalk.kernel.syscall.SyscallDoor}, so that everything above may use {@link io.pagewalk.kernel.syscall.Errno}.
 *
 * <p>Differs from Linux: calls that touch no memory management are not executed; they are listed as without effect, so that a recorded
 * trace can pass through them.
 */
@NullMarked
package io.pagewalk.kernel.syscall;

import org.jspecify.annotations.NullMarked;
