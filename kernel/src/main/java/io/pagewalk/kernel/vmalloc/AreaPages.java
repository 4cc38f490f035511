package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import java.util.Arrays;

/** The frames of areas: where they come from and how they are entered into the kernel's tables. */
final class AreaPages {
    /** The bulk allocator is asked for at most so many pages at a time. */
    private static final int BULK = 100;

    /** {@code GFP_RECLAIM_MASK}: what a request says about reclaim, apart from where memory may come from. */
    static final int RECLAIM_MASK = Gfp.RECLAIM
            | Gfp.HIGH
            | Gfp.IO
            | Gfp.FS
            | Gfp.NOWARN
            | Gfp.RETRY_MAYFAIL
            | Gfp.NOFAIL
            | Gfp.NORETRY
            | Gfp.MEMALLOC
            | Gfp.NOMEMALLOC;

    private final InitMm initMm;
    private final PagingMode mode;
    private final PageAllocator allocator;

    AreaPages(InitMm initMm, PageAllocator allocator) {
        this.initMm = initMm;
        this.mode = initMm.mode();
        this.allocator = allocator;
    }

    /**
     * Takes frames one by one, or in blocks that are split: {@code vm_area_alloc_pages()}.
     *
     * @param gfp request flags
     * @param node where they come from first, or -1 for the current CPU's
     * @param order order of the blocks
     * @param pfns receives them
     * @return how many there are
     */
    int allocate(int gfp, int node, int order, long[] pfns) {
        int preferred = node < 0 ? allocator.currentNode() : node;
        int got = order == 0 ? allocateBulk(gfp, preferred, pfns) : 0;
        while (got < pfns.length) {
            long pfn = allocator.allocPages(gfp, order, preferred);
            if (pfn == PageAllocator.NO_PAGE) {
                break;
            }
            if (order > 0) {
                allocator.splitPage(pfn, order);
            }
            for (int i = 0; i < 1 << order; i++) {
                pfns[got++] = pfn + i;
            }
        }
        for (int i = 0; i < got; i++) {
            allocator.memMap().setOwner(pfns[i], FrameOwner.VMALLOC);
        }
        return got;
    }

    private int allocateBulk(int gfp, int preferred, long[] pfns) {
        int got = 0;
        long[] some = new long[Math.min(BULK, pfns.length)];
        while (got < pfns.length) {
            int wanted = Math.min(BULK, pfns.length - got);
            Arrays.fill(some, 0);
            int count = allocator.allocPagesBulk(gfp, preferred, some, wanted);
            System.arraycopy(some, 0, pfns, got, count);
            got += count;
            if (count != wanted) {
                break;
            }
        }
        return got;
    }

    /**
     * Enters frames: {@code vmap_pages_range_noflush()}.
     *
     * @param area where
     * @param pfns the frames
     * @param count how many of them
     * @param flags {@code PteFlags}
     * @param level size of the blocks that the frames came in
     * @return 0 or a negated errno
     */
    long map(VmArea area, long[] pfns, int count, int flags, int level) {
        int step = 1 << (mode.shift(level) - 12);
        for (int i = 0; i < count; i += step) {
            long vaddr = area.address() + ((long) i << 12);
            long error = level == 1
                    ? initMm.mapLeaf(vaddr, pfns[i], flags, 1)
                    : initMm.mapRange(vaddr, pfns[i] << 12, (long) step << 12, flags, level);
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    /** Checks an area's entries against its frames. */
    void verify(VmArea area, Violations out) {
        String where = "area at " + Bits.hex(area.address());
        for (int i = 0; i < area.pageCount(); i++) {
            out.expectEqual(
                    where,
                    "entry " + i + " maps its frame",
                    initMm.translate(area.address() + ((long) i << 12)),
                    area.pfn(i) << 12);
        }
        if (!area.has(VmFlags.NO_GUARD)) {
            out.expectEqual(where, "guard page unmapped", -1, initMm.translate(area.end - 4096));
        }
    }
}
