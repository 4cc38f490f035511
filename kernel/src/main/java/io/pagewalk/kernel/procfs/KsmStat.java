package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmKsm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** The text of {@code /proc/PID/ksm_stat}: {@code fs/proc/base.c:proc_pid_ksm_stat()}. */
public final class KsmStat {
    private KsmStat() {}

    /**
     * Prints it.
     *
     * @param mm the address space
     */
    public static String print(Mm mm) {
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
}
