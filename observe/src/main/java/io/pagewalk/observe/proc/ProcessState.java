package io.pagewalk.observe.proc;

import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.ThreadGroup;
import io.pagewalk.kernel.time.Cause;
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
 * @param hugetlbPages small pages of the huge pages from pools that it maps
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
        Mm mm,
        long hugetlbPages) {
    /**
     * Reads a process.
     *
     * @param kernel the kernel
     * @param task its first thread
     * @param mm its address space
     */
    public static ProcessState of(LinuxKernel kernel, Task task, Mm mm) {
        ThreadGroup group = task.group();
        ThreadGroup parent = group.parent();
        MachineDescription description = kernel.machine().description();
        PagingMode paging = description.mode();
        long userNanos = kernel.time().nanos(Cause.PROGRAM) + kernel.time().nanos(Cause.TRANSLATION);
        boolean hasRun = task.minorFaults() > 0;
        return new ProcessState(
                task.tgid(),
                parent == null ? 0 : parent.tgid(),
                task.comm(),
                switch (task.state()) {
                    case RUNNABLE -> hasRun ? 'R' : 'S';
                    case ZOMBIE -> 'Z';
                    case DEAD -> 'X';
                },
                group.threads().size(),
                task.cpu(),
                group.minorFaults(),
                group.majorFaults(),
                hasRun ? userNanos : 0,
                hasRun ? kernel.clock().nanos() - userNanos - kernel.time().nanos(Cause.IO_WAIT) : 0,
                0,
                description.cpus(),
                description.nodes().size(),
                paging.architecture() == PagingMode.Architecture.I386,
                paging.architecture() == PagingMode.Architecture.X86_64,
                task.exitCode(),
                mm,
                kernel.hugetlb().mappedPages(mm));
    }
}
