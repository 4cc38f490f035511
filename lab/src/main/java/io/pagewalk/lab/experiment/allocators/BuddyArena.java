package io.pagewalk.lab.experiment.allocators;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * One free block of a small machine's page allocator, whose other frames are all taken: a stage on which every split and merge can be seen.
 *
 * <p>Requests may use the reserves ({@code __GFP_MEMALLOC}), so that watermarks keep nothing back.
 */
final class BuddyArena {
    /** A block that lies in the arena, free or not. */
    record FreeBlock(int page, int order) {}

    private static final long RAM_BYTES = 16 * Size.MIB;
    private static final int GFP = Gfp.MEMALLOC | Gfp.NOWARN | Gfp.MOVABLE | Gfp.IO | Gfp.FS;

    private final PageAllocator allocator;
    private final MemMap memMap;
    private final long startPfn;
    private final int pages;

    /** Boots a machine and takes all its frames but one block. */
    BuddyArena(int order) {
        BootPlan plan =
                BootPlan.simple(ZoneLayout.x8664(), RAM_BYTES, 1, AddressConversion.x8664FourLevel(RAM_BYTES >>> 12));
        allocator = BootMemory.boot(plan, new Sysctls(), pfn -> {}).allocator();
        memMap = allocator.memMap();
        startPfn = allocator.allocPages(GFP, order);
        pages = 1 << order;
        for (int other = MemMap.MAX_PAGE_ORDER; other >= 0; other--) {
            long taken;
            do {
                taken = allocator.allocPages(GFP, other);
            } while (taken != PageAllocator.NO_PAGE);
        }
        allocator.freePages(startPfn, order);
        allocator.drainAllPages();
    }

    /** Returns the pages of the arena. */
    int pages() {
        return pages;
    }

    /** Allocates a block and returns its first page, counted from the arena's, or -1. What the CPU's list took beside it is drained. */
    int allocate(int order) {
        long pfn = allocator.allocPages(GFP, order);
        allocator.drainAllPages();
        return pfn == PageAllocator.NO_PAGE ? -1 : (int) (pfn - startPfn);
    }

    /** Frees a block. Blocks of order 0 to 3 would rest on the CPU's list; they are drained, so that they merge. */
    void free(int page, int order) {
        allocator.freePages(startPfn + page, order);
        allocator.drainAllPages();
    }

    /** Returns the free blocks in ascending order. */
    List<FreeBlock> freeBlocks() {
        List<FreeBlock> blocks = new ArrayList<>();
        for (int page = 0; page < pages; page++) {
            if (memMap.hasFlags(startPfn + page, PageFlags.BUDDY)) {
                blocks.add(new FreeBlock(page, memMap.order(startPfn + page)));
            }
        }
        return blocks;
    }
}
