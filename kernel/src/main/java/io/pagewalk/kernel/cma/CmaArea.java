package io.pagewalk.kernel.cma;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageIsolation;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.compaction.ContiguousAllocator.Outcome;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.BitSet;

/** One area of the contiguous memory allocator: {@code struct cma}. */
public final class CmaArea {
    private final String name;
    private final long basePfn;
    private final int pages;
    private final MemMap memMap;
    private final VmCounters counters;
    private final ContiguousAllocator contiguous;
    /** Frames that drivers have, from the base on. */
    private final BitSet taken = new BitSet();

    /**
     * Creates an area over frames that boot gave the migrate type CMA.
     *
     * @param name as under {@code /sys/kernel/mm/cma}
     * @param basePfn first frame
     * @param pages how many
     * @param allocator the page allocator
     * @param contiguous moves pages out of the way
     */
    public CmaArea(String name, long basePfn, int pages, PageAllocator allocator, ContiguousAllocator contiguous) {
        this.name = name;
        this.basePfn = basePfn;
        this.pages = pages;
        this.memMap = allocator.memMap();
        this.counters = allocator.counters();
        this.contiguous = contiguous;
    }

    /** Returns the name: {@code cma_get_name()}. */
    public String name() {
        return name;
    }

    /** Returns the first frame: {@code cma_get_base()}. */
    public long basePfn() {
        return basePfn;
    }

    /** Returns the number of frames: {@code cma_get_size()}. */
    public int pages() {
        return pages;
    }

    /** Returns the frames that drivers have. */
    public int takenPages() {
        return taken.cardinality();
    }

    /**
     * Allocates contiguous frames: {@code cma_alloc()}. A place in which something cannot be moved now is passed over.
     *
     * @param count how many
     * @param alignOrder the first frame is aligned to {@code 2^alignOrder}
     * @return first frame, or {@link PageAllocator#NO_PAGE}
     */
    public long allocate(int count, int alignOrder) {
        if (count <= 0) {
            return PageAllocator.NO_PAGE;
        }
        boolean canFit = count <= pages && alignOrder >= 0 && alignOrder < Integer.SIZE - 1;
        long pfn = canFit ? find(count, alignOrder) : PageAllocator.NO_PAGE;
        counters.count(pfn == PageAllocator.NO_PAGE ? VmEvent.CMA_ALLOC_FAIL : VmEvent.CMA_ALLOC_SUCCESS);
        return pfn;
    }

    /**
     * Frees what {@link #allocate} gave: {@code cma_release()}.
     *
     * @param pfn first frame
     * @param count how many
     * @return whether the frames were this area's to free; nothing happens otherwise
     */
    public boolean release(long pfn, int count) {
        long start = pfn - basePfn;
        if (count <= 0 || start < 0 || start + count > pages) {
            return false;
        }
        if (taken.get((int) start, (int) start + count).cardinality() != count) {
            return false;
        }
        contiguous.free(pfn, count);
        taken.clear((int) start, (int) start + count);
        return true;
    }

    private long find(int count, int alignOrder) {
        long align = 1L << alignOrder;
        long pfn = (basePfn + align - 1) & -align;
        while (pfn + count <= basePfn + pages) {
            int start = (int) (pfn - basePfn);
            int nextTaken = taken.nextSetBit(start);
            if (nextTaken >= 0 && nextTaken < start + count) {
                pfn = (basePfn + nextTaken + 1 + align - 1) & -align;
                continue;
            }
            Outcome outcome = contiguous.allocate(pfn, pfn + count, PageIsolation.Purpose.CMA);
            if (outcome == Outcome.DONE) {
                taken.set(start, start + count);
                return pfn;
            }
            if (outcome == Outcome.NO_MEMORY) {
                return PageAllocator.NO_PAGE;
            }
            pfn += align;
        }
        return PageAllocator.NO_PAGE;
    }

    /**
     * Checks that every frame is of the type CMA, and that frames of drivers are allocated.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        for (long pfn = basePfn; pfn < basePfn + pages; pfn += 1L << MemMap.PAGEBLOCK_ORDER) {
            out.expectEqual("cma " + name, "type of pageblock at " + pfn, MigrateType.CMA, memMap.pageblockType(pfn));
        }
        taken.stream().forEach(i -> {
            FrameOwner owner = memMap.owner(basePfn + i);
            if (owner == FrameOwner.FREE || owner == FrameOwner.PCP || memMap.refcount(basePfn + i) < 1) {
                out.add("cma " + name, "frame " + (basePfn + i) + " was handed out but is free");
            }
        });
    }
}
