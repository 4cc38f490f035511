package io.pagewalk.kernel.procfs;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PageRangeWalk;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** What a number written to {@code /proc/PID/clear_refs} does to an address space: {@code fs/proc/task_mmu.c:clear_refs_write()}. */
public final class ClearRefs {
    /** All pages become unreferenced. */
    public static final int ALL = 1;

    /** Pages of areas without a file become unreferenced. */
    public static final int ANON = 2;

    /** Pages of areas with a file become unreferenced. */
    public static final int MAPPED = 3;

    /** All pages become soft-clean and read-only. */
    public static final int SOFT_DIRTY = 4;

    /** The largest resident size becomes the present one. */
    public static final int HIWATER_RSS = 5;

    /** Level of the entries that map huge pages: Linux's PMD. */
    private static final int HUGE_LEVEL = 2;

    private ClearRefs() {}

    /**
     * Performs it. As in Linux, a CPU keeps the translations that it has and sets no accessed bit for them again, but for {@link #SOFT_DIRTY}.
     *
     * @param services the machine
     * @param mm the address space
     * @param type 1 to 5
     */
    public static void apply(TaskMmuServices services, Mm mm, int type) {
        if (type == HIWATER_RSS) {
            mm.resetHiwaterRss();
            return;
        }
        boolean isSoftDirty = type == SOFT_DIRTY;
        if (isSoftDirty) {
            for (Vma vma : mm.vmas()) {
                vma.setFlags(vma.flags() & ~VmaFlags.VM_SOFTDIRTY);
            }
        }
        if (!isSoftDirty || mm.services().settings().tracksSoftDirty()) {
            PageRangeWalk walk = new PageRangeWalk(services.tables());
            walk.walk(mm, 0, mm.taskSize(), new Visitor(services, walk, type));
        }
        if (isSoftDirty) {
            services.flusher().flushMm(mm);
        }
    }

    /** {@code clear_refs_test_walk()} and {@code clear_refs_pte_range()}. */
    private record Visitor(TaskMmuServices services, PageRangeWalk walk, int type) implements PageRangeWalk.Visitor {
        @Override
        public long test(Vma vma, long start, long end) {
            // There is no operation for huge pages of pools.
            boolean isPassedOver = vma.has(VmaFlags.VM_PFNMAP | VmaFlags.VM_HUGETLB)
                    || (type == ANON && vma.file() != null)
                    || (type == MAPPED && vma.file() == null);
            return isPassedOver ? 1 : 0;
        }

        @Override
        public long entry(Vma vma, long vaddr, long entry) {
            if (entry == 0 || PteMarkers.is(entry)) {
                return 0;
            }
            PagingMode mode = services.mode();
            int flags = mode.flags(entry, 1);
            if (type == SOFT_DIRTY) {
                change(entry, flags, flags & ~(PteFlags.WRITE | PteFlags.SOFT_DIRTY));
            } else if ((flags & PteFlags.SPECIAL) == 0) {
                change(entry, flags, flags & ~PteFlags.ACCESSED);
                MemMap memmap = services.memmap();
                memmap.clearFlags(mode.pfn(entry, 1), PageFlags.REFERENCED);
            }
            return 0;
        }

        @Override
        public boolean huge(Vma vma, long vaddr, long entry) {
            int flags = services.mode().flags(entry, HUGE_LEVEL);
            boolean isZero = (flags & PteFlags.SPECIAL) != 0;
            int lost = type == SOFT_DIRTY ? PteFlags.WRITE | PteFlags.SOFT_DIRTY : isZero ? 0 : PteFlags.ACCESSED;
            if ((flags & lost) != 0) {
                walk.setHugeFlags(vma, vaddr, entry, flags & ~lost);
            }
            if (type != SOFT_DIRTY && !isZero) {
                services.memmap().clearFlags(services.mode().pfn(entry, HUGE_LEVEL), PageFlags.REFERENCED);
            }
            return true;
        }

        private void change(long entry, int before, int after) {
            if (after != before) {
                walk.replace(services.mode().withFlags(entry, after, 1));
            }
        }
    }
}
