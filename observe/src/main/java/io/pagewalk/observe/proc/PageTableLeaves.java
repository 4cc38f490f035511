package io.pagewalk.observe.proc;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;

/** The leaf entries of an address space that have a frame, those under PROT_NONE too ({@code pte_present()}), read out of simulated frames without any side effect: {@code walk_page_range()}. */
final class PageTableLeaves {
    /** Receives one leaf. */
    @FunctionalInterface
    interface Visitor {
        /**
         * One present leaf entry.
         *
         * @param vaddr first address it maps
         * @param pfn first frame
         * @param flags {@code PteFlags} bits
         * @param pages 4 KiB pages it maps
         */
        void leaf(long vaddr, long pfn, int flags, long pages);
    }

    private final PhysicalMemory memory;
    private final PagingMode paging;

    PageTableLeaves(PhysicalMemory memory, PagingMode paging) {
        this.memory = memory;
        this.paging = paging;
    }

    /** Visits the leaves of {@code [start, end)} in ascending order. */
    void visit(long rootPfn, long start, long end, Visitor visitor) {
        if (rootPfn >= 0) {
            table(rootPfn, paging.levels(), start, end, visitor);
        }
    }

    private void table(long tablePfn, int level, long start, long end, Visitor visitor) {
        long span = 1L << paging.shift(level);
        long vaddr = start;
        while (Long.compareUnsigned(vaddr, end) < 0) {
            long next = (vaddr & -span) + span;
            long stop = next == 0 || Long.compareUnsigned(next, end) > 0 ? end : next;
            long entry = paging.readEntry(memory, tablePfn, paging.index(vaddr, level));
            boolean isLeaf = entry != 0 && (level == 1 || paging.isLeaf(entry, level));
            if (isLeaf && (paging.flags(entry, level) & PteFlags.PROT_NONE) != 0) {
                visitor.leaf(vaddr, paging.pfn(entry, level), paging.flags(entry, level), paging.pagesPerLeaf(level));
            } else if (paging.isPresent(entry)) {
                if (level == 1 || paging.isLeaf(entry, level)) {
                    visitor.leaf(
                            vaddr, paging.pfn(entry, level), paging.flags(entry, level), paging.pagesPerLeaf(level));
                } else {
                    table(paging.pfn(entry, level), level - 1, vaddr, stop, visitor);
                }
            }
            vaddr = stop;
        }
    }
}
