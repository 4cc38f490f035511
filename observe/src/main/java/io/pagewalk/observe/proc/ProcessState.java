package io.pagewalk.observe.proc;

import io.pagewalk.kernel.vma.Mm;

/**
 * What the files of one process read besides its address space.
 *
 * @param pid process number
 * @param parentPid process number of the parent
 * @param comm name, at most 15 characters
 * @param state letter as in {@code ps}: {@code R}, {@code S}, {@code Z}
 * @param threads number of threads
 * @param cpu CPU it ran on last
 * @param minorFaults faults without input
 * @param majorFaults faults with input
 * @param userNanos simulated time in the program
 * @param systemNanos simulated time in the kernel
 * @param startNanos simulated time of its start
 * @param cpus CPUs of the machine
 * @param nodes nodes of the machine
 * @param is32Bit whether addresses have 32 bits
 * @param isX8664 whether the vsyscall page exists
 * @param exitCode what {@code wait} would give, 0 while it lives
 * @param mm its address space
 */
public record ProcessState(
        int pid,
        int parentPid,
        String comm,
        char state,
        int threads,
        int cpu,
        long minorFaults,
        long majorFaults,
        long userNanos,
        long systemNanos,
        long startNanos,
        int cpus,
        int nodes,
        boolean is32Bit,
        boolean isX8664,
        int exitCode,
        Mm mm) {}
