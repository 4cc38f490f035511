package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * The huge page of zeros that first reads of huge pages share: {@code mm/huge_memory.c:get_huge_zero_folio()}.
 *
 * <p>Differs from Linux: once made it stays, because nothing shrinks it yet.
 */
final class HugeZeroPage {
    private static final int GFP = (Gfp.GFP_TRANSHUGE | Gfp.ZERO) & ~Gfp.MOVABLE;

    private final Folios folios;
    private long pfn = -1;

    HugeZeroPage(Folios folios) {
        this.folios = folios;
    }

    /** Returns its first frame, made now when it is the first time; -1 when there is no memory for it. */
    long get() {
        if (pfn < 0) {
            pfn = folios.allocator().allocPages(GFP, Folios.HUGE_ORDER);
            folios.counters().count(pfn < 0 ? VmEvent.THP_ZERO_PAGE_ALLOC_FAILED : VmEvent.THP_ZERO_PAGE_ALLOC);
            if (pfn >= 0) {
                folios.memmap().setBlockOwner(pfn, Folios.HUGE_ORDER, FrameOwner.ZERO_PAGE);
                folios.memmap().setFlags(pfn, PageFlags.UPTODATE);
            }
        }
        return pfn;
    }

    /** Returns whether a frame belongs to it. */
    boolean holds(long frame) {
        return pfn >= 0 && frame >= pfn && frame < pfn + (1L << Folios.HUGE_ORDER);
    }
}
