package io.pagewalk.kernel.vmalloc;

/** Who forgets the kernel's translations on all CPUs; the system wires it to the machine's TLBs. */
public interface KernelTlb {
    /**
     * Makes every CPU forget what it knows about a range of the kernel's half: {@code arch/x86/mm/tlb.c:flush_tlb_kernel_range()}.
     *
     * @param start first byte, page aligned
     * @param end first byte behind, page aligned
     */
    void flushKernelRange(long start, long end);

    /**
     * Puts a root entry that the kernel's own tables have got since boot into the roots of all processes: {@code arch_sync_kernel_mappings()} of i386.
     *
     * @param index index in the root table
     * @param entry the raw entry
     */
    void syncRootEntry(int index, long entry);
}
