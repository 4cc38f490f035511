package io.pagewalk.observe.proc;

import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmKsm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** {@code /proc/PID/ksm_stat} and {@code /proc/PID/ksm_merging_pages}: {@code fs/proc/base.c:proc_pid_ksm_stat()}. */
public final class PidKsm {
    private PidKsm() {}

    /**
     * Prints {@code ksm_stat}.
     *
     * @param process the process
     */
    public static String printStat(ProcessState process) {
        Mm mm = process.mm();
        MmKsm ksm = mm.ksm();
        boolean isMergeable = false;
        for (Vma vma : mm.vmas()) {
            isMergeable |= vma.has(VmaFlags.VM_MERGEABLE);
        }
        return "ksm_rmap_items " + ksm.rmapItems()
                + "\nksm_zero_pages " + ksm.zeroPages()
                + "\nksm_merging_pages " + ksm.mergingPages()
                + "\nksm_process_profit " + ksm.profitBytes()
                + "\nksm_merge_any: " + (ksm.mergesAny() ? "yes" : "no")
                + "\nksm_mergeable: " + (isMergeable ? "yes" : "no") + "\n";
    }

    /**
     * Prints {@code ksm_merging_pages}.
     *
     * @param process the process
     */
    public static String printMergingPages(ProcessState process) {
        return process.mm().ksm().mergingPages() + "\n";
    }
}
