/**
 * Recorders: run a real program under a tool that sees its memory accesses and system calls, and keep them as a trace.
 *
 * <p>{@code Recorder} does the whole of it. The tools are valgrind's lackey, which needs nothing but its Debian package, and qemu-user with a plugin of Pagewalk's own that is compiled on first use.
 * Both show the program before it runs: the mappings that the kernel made at {@code execve}, the heap's start and the stack pointer.
 */
@NullMarked
package io.pagewalk.workload.record;

import org.jspecify.annotations.NullMarked;
