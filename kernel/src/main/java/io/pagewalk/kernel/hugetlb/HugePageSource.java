package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zonelist;
import org.jspecify.annotations.Nullable;

/** Where the pages of pools come from and go to: {@code mm/hugetlb.c:alloc_buddy_hugetlb_folio()} and {@code alloc_gigantic_folio()}. */
final class HugePageSource {
    private static final int GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.COMP | Gfp.NOWARN | Gfp.RETRY_MAYFAIL;

    private final Folios folios;
    private final PageAllocator allocator;
    private final ContiguousAllocator contiguous;
    private final MemMap memmap;

    HugePageSource(Folios folios, ContiguousAllocator contiguous) {
        this.folios = folios;
        this.allocator = folios.allocator();
        this.contiguous = contiguous;
        this.memmap = folios.memmap();
    }

    PageAllocator allocator() {
        return allocator;
    }

    VmCounters counters() {
        return allocator.counters();
    }

    /** Allocates a page on one node and no other; returns its first frame or {@link PageAllocator#NO_PAGE}. */
    long allocateOn(int order, int node) {
        return order > MemMap.MAX_PAGE_ORDER
                ? gigantic(order, node)
                : counted(order, allocator.allocPages(GFP | Gfp.THISNODE, order, node));
    }

    /** Allocates a page that the page allocator has blocks for, first on one node, then on others. */
    long allocate(int order, int node, @Nullable Nodemask allowed) {
        if (allowed == null) {
            return counted(order, allocator.allocPages(GFP, order, node));
        }
        Zonelist zones = allocator.nodes().get(node).fallback().only(allowed::has, allowed.toString());
        return counted(order, allocator.allocPages(GFP, order, zones));
    }

    private long counted(int order, long head) {
        boolean isSuccess = head != PageAllocator.NO_PAGE;
        counters().count(isSuccess ? VmEvent.HTLB_BUDDY_ALLOC_SUCCESS : VmEvent.HTLB_BUDDY_ALLOC_FAIL);
        if (isSuccess) {
            memmap.setBlockOwner(head, order, FrameOwner.HUGETLB);
        }
        return head;
    }

    /** {@code prep_compound_gigantic_folio()}: single pages become one, of which only the first is counted. */
    private long gigantic(int order, int node) {
        long head = contiguous.allocatePages(1L << order, node);
        if (head == PageAllocator.NO_PAGE) {
            return head;
        }
        if (allocator.zoneOf(head).node() != node) {
            contiguous.free(head, 1L << order);
            return PageAllocator.NO_PAGE;
        }
        for (long pfn = head; pfn < head + (1L << order); pfn++) {
            MemMapSection section = memmap.section(pfn);
            int i = (int) pfn & MemMap.SECTION_MASK;
            section.flags[i] = pfn == head ? PageFlags.HEAD : PageFlags.TAIL;
            section.refcount[i] = pfn == head ? 1 : 0;
            if (pfn == head) {
                section.order[i] = (byte) order;
            } else {
                section.next[i] = (int) head;
            }
            memmap.setOwner(section, i, FrameOwner.HUGETLB);
        }
        return head;
    }

    /** Gives a page back that nobody uses. */
    void free(long head, int order) {
        KernelBug.on(memmap.refcount(head) != 1, "huge page " + head + " is freed in use");
        folios.large().clear(head);
        if (order <= MemMap.MAX_PAGE_ORDER) {
            memmap.section(head).flags[(int) head & MemMap.SECTION_MASK] = PageFlags.HEAD;
            allocator.freePages(head, order);
            return;
        }
        // Blocks of the largest order, none of which is compound any more.
        long block = 1L << MemMap.MAX_PAGE_ORDER;
        for (long pfn = head; pfn < head + (1L << order); pfn++) {
            MemMapSection section = memmap.section(pfn);
            int i = (int) pfn & MemMap.SECTION_MASK;
            section.flags[i] = 0;
            section.order[i] = 0;
            section.next[i] = 0;
            section.refcount[i] = (pfn & (block - 1)) == 0 ? 1 : 0;
            memmap.setOwner(section, i, FrameOwner.KERNEL);
        }
        for (long pfn = head; pfn < head + (1L << order); pfn += block) {
            allocator.freePages(pfn, MemMap.MAX_PAGE_ORDER);
        }
    }
}
