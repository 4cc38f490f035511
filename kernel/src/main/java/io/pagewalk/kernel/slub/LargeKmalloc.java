package io.pagewalk.kernel.slub;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;

/** Requests that are too large for a cache: whole blocks of pages, {@code mm/slub.c:___kmalloc_large_node()}. */
final class LargeKmalloc {
    /** Largest request ({@code KMALLOC_MAX_SIZE}): a block of the largest order. */
    static final long MAX_BYTES = 4096L << 10;

    private final SlabCore core;
    private long pages;
    private boolean hasWarned;

    LargeKmalloc(SlabCore core) {
        this.core = core;
    }

    /** Returns how many pages are in use by large allocations. */
    long pages() {
        return pages;
    }

    long allocate(long size, int gfp, int node) {
        if (size < 0 || size > MAX_BYTES) {
            core.warnOfOrder(gfp);
            return KmemCache.NULL;
        }
        int flags = gfp | Gfp.COMP;
        if (core.pages.isInInterrupt() && (gfp & Gfp.DIRECT_RECLAIM) != 0) {
            core.reportSleepInInterrupt();
            flags &= ~Gfp.DIRECT_RECLAIM;
        }
        int order = SlabGeometry.orderOf(size);
        long pfn = node < 0 ? core.pages.allocPages(flags, order) : core.pages.allocPages(flags, order, node);
        if (pfn == PageAllocator.NO_PAGE) {
            return KmemCache.NULL;
        }
        core.memMap.setBlockOwner(pfn, order, FrameOwner.SLAB);
        core.memMap.setMapping(pfn, SlabCore.LARGE_KMALLOC, 0);
        core.account(0, core.pages.zoneOf(pfn).node(), 1L << order);
        pages += 1L << order;
        return core.addressOf(pfn);
    }

    /** {@code free_large_kmalloc()}. */
    void free(long vaddr) {
        long pfn = core.pfnOf(vaddr);
        if (pfn < 0) {
            core.log("BUG: unable to handle page fault for address: "
                    + SlabCore.pointer(vaddr).substring(2));
            return;
        }
        if (!isLarge(pfn)) {
            if (!hasWarned) {
                hasWarned = true;
                core.warn("mm/slub.c free_large_kmalloc");
            }
            core.log("page dumped because: Not a kmalloc allocation");
            return;
        }
        if (core.addressOf(pfn) != vaddr) {
            core.warn("mm/slub.c free_large_kmalloc");
            core.log("object pointer: " + SlabCore.pointer(vaddr));
            return;
        }
        int order = core.memMap.order(pfn);
        core.account(0, core.pages.zoneOf(pfn).node(), -(1L << order));
        pages -= 1L << order;
        core.memMap.setMapping(pfn, 0, 0);
        core.pages.freePages(pfn, order);
    }

    /** A copy that runs past the end of the block is reported: {@code check_heap_object()}, {@code usercopy_abort("page alloc", ...)}. */
    boolean checkCopy(long vaddr, long bytes, boolean isToUser) {
        long pfn = core.pfnOf(vaddr);
        if (pfn < 0) {
            return true;
        }
        long head = core.memMap.compoundHead(pfn);
        long offset = vaddr - core.addressOf(head);
        if (!isLarge(head) || bytes <= (4096L << core.memMap.order(head)) - offset) {
            return true;
        }
        core.reportCopy("page alloc", offset, bytes, isToUser);
        return false;
    }

    long size(long vaddr) {
        long pfn = core.pfnOf(vaddr);
        return pfn >= 0 && isLarge(pfn) && core.addressOf(pfn) == vaddr ? 4096L << core.memMap.order(pfn) : 0;
    }

    private boolean isLarge(long pfn) {
        return core.memMap.owner(pfn) == FrameOwner.SLAB && core.memMap.mapping(pfn) == SlabCore.LARGE_KMALLOC;
    }
}
