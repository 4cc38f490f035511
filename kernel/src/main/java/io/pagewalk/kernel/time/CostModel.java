package io.pagewalk.kernel.time;

/**
 * What one event costs on a CPU core, in nanoseconds.
 *
 * <p>The defaults are for a server core of about 2.5 GHz without page-table isolation. Each says where it comes from; "measured" numbers are medians on such a machine
 * (a 2-core 2.5 GHz Xeon under a hypervisor, Linux 6.18), of which entry and exit are the larger part.
 *
 * @param minorFaultNanos exception entry, handler and return of a fault that needs no page to be filled. Measured: 500 ns to 2 us a first touch, clearing included; the lower end, less {@code clearPageNanos}
 * @param clearPageNanos clearing 4096 bytes: 32 bytes a cycle at 2.5 GHz is 51 ns, doubled for cache misses
 * @param copyPageNanos copying 4096 bytes: twice the traffic of clearing
 * @param mapAroundNanos one more entry written by fault-around: an entry store and two counters
 * @param majorFaultNanos CPU part of a fault that starts input: block-layer submission and completion, about 5 us in published NVMe path measurements
 * @param syscallNanos entry and exit of a system call with mitigations for Spectre: 100 ns (lmbench lat_syscall null on such machines: 80 to 200 ns)
 * @param copyNanosPerKib copying between kernel and user memory: 10 GB/s
 * @param contextSwitchNanos scheduler and register switch: lmbench lat_ctx 2p/0K gives 1 to 2 us with both halves of a pipe, about 1 us one way
 * @param tlbFlushPageNanos one INVLPG: 100 to 200 cycles (Linux's comment on {@code tlb_single_page_flush_ceiling} assumes about 100 ns)
 * @param tlbFlushAllNanos writing CR3 with flush: about 200 cycles; the refills show up as page walks
 * @param ipiNanos interrupting other CPUs and waiting for them: 2 us in published measurements (LATR, ASPLOS 2018: 1.5 us for a few cores)
 * @param forkNanos making a task without its page tables: lmbench lat_proc fork minus page copies
 * @param copyEntryNanos copying one page-table entry in fork, with its counters
 * @param zapEntryNanos dropping one page-table entry with its page: {@code zap_pte_range()} and the free to the per-CPU list
 * @param execNanos opening, mapping and starting a program, without its faults
 */
public record CostModel(
        long minorFaultNanos,
        long clearPageNanos,
        long copyPageNanos,
        long mapAroundNanos,
        long majorFaultNanos,
        long syscallNanos,
        long copyNanosPerKib,
        long contextSwitchNanos,
        long tlbFlushPageNanos,
        long tlbFlushAllNanos,
        long ipiNanos,
        long forkNanos,
        long copyEntryNanos,
        long zapEntryNanos,
        long execNanos) {

    /** Returns the defaults that the record's description explains. */
    public static CostModel server() {
        return new CostModel(400, 100, 200, 15, 5_000, 100, 100, 1_000, 100, 200, 2_000, 50_000, 20, 40, 300_000);
    }
}
