/**
 * Boot, tasks, files at the system call door, and the one place that wires all of the kernel: {@code init/main.c}, {@code kernel/fork.c}, {@code kernel/exit.c}, {@code fs/exec.c},
 * and {@code switch_mm()} of {@code arch/x86/mm/tlb.c}.
 *
 * <p>Simplified: one task runs at a time and runs until its caller moves on; a task's CPU is its id modulo the number of CPUs. Neighbours: everything below; workloads and observers above.
 */
@NullMarked
package io.pagewalk.kernel.system;

import org.jspecify.annotations.NullMarked;
