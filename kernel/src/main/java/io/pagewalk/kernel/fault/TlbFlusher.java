package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.vma.Mm;

/** Removes translations from the TLBs of every CPU that may hold them: {@code arch/x86/mm/tlb.c:flush_tlb_mm_range()}. The scheduler's side implements it. */
public interface TlbFlusher {
    /**
     * Flushes a range of one address space.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind
     * @param freedTables whether page tables went too, so that page-walk caches must forget them
     */
    void flushRange(Mm mm, long start, long end, boolean freedTables);

    /**
     * Flushes everything of one address space: {@code flush_tlb_mm()}.
     *
     * @param mm the address space
     */
    void flushMm(Mm mm);
}
