/**
 * A recorded program running again, on a simulated machine: its accesses go to the MMU of its task's CPU, its faults and system calls to the kernel, by the same doors as everything
 * else.
 *
 * <p>Three modes look at each access, at each change of page, or at each first touch of an episode only; they leave the same machine behind, to the last counter. What a trace
 * cannot tell (the memory that a call's pointers refer to, the numbers that another kernel gave to files and processes) is put right by {@link
 * io.pagewalk.workload.replay.SyscallReplay}.
 *
 * <p>A machine whose user half is too narrow for the recorded addresses gets them moved down ({@link io.pagewalk.workload.replay.AddressMap}); what the program does
 * stays the same.
 *
 * <p>Neighbours: {@code workload.trace} has the trace, {@code kernel.system} the kernel.
 */
@NullMarked
package io.pagewalk.workload.replay;

import org.jspecify.annotations.NullMarked;
