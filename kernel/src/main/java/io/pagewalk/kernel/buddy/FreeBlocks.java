package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import org.jspecify.annotations.Nullable;

/**
 * The free blocks as those see them who take chosen ones: compaction and contiguous allocation ({@code mm/internal.h}).
 *
 * <p>A block that was isolated belongs to {@link FrameOwner#KERNEL} and has no reference until it is handed out or given back.
 */
public final class FreeBlocks {
    private static final int BLOCK_ORDER = MemMap.PAGEBLOCK_ORDER;
    private static final long BLOCK_PAGES = 1L << BLOCK_ORDER;

    private final PageAllocator allocator;
    private final MemMap memMap;
    private final FreeLists lists;
    private final Fallbacks fallbacks;

    /** One request that waits for a block while others are freed. */
    private static final class Waiting implements FreeLists.Capture {
        private final Zone zone;
        private final int order;
        private final int migrateType;
        private long pfn = PageAllocator.NO_PAGE;

        private Waiting(Zone zone, int order, int migrateType) {
            this.zone = zone;
            this.order = order;
            this.migrateType = migrateType;
        }

        @Override
        public boolean takes(Zone from, long freed, int freedOrder, int blockType) {
            if (pfn != PageAllocator.NO_PAGE || from != zone || freedOrder != order) {
                return false;
            }
            if (blockType == MigrateType.CMA || blockType == MigrateType.ISOLATE) {
                return false;
            }
            // A small block of a movable pageblock is not worth mixing it.
            if (order < BLOCK_ORDER && blockType == MigrateType.MOVABLE && migrateType != MigrateType.MOVABLE) {
                return false;
            }
            pfn = freed;
            return true;
        }
    }

    private @Nullable Waiting waiting;

    FreeBlocks(PageAllocator allocator, FreeLists lists, Fallbacks fallbacks) {
        this.allocator = allocator;
        this.memMap = allocator.memMap();
        this.lists = lists;
        this.fallbacks = fallbacks;
    }

    /**
     * Takes a free block off its list, if the min watermark allows: {@code __isolate_free_page()}. Mergeable pageblocks of which at least half is taken become
     * movable.
     *
     * @param zone its zone
     * @param pfn head of a free block
     * @return pages taken, 0 when the zone would sink too low
     */
    public int isolate(Zone zone, long pfn) {
        int order = memMap.order(pfn);
        int type = memMap.pageblockType(pfn);
        if (type != MigrateType.ISOLATE) {
            long mark = zone.watermarks().base(Watermarks.MIN) + (1L << order);
            if (!WatermarkCheck.ok(zone, 0, mark, 0, AllocFlags.CMA)) {
                return 0;
            }
        }
        lists.makeOwnNode(zone, pfn);
        lists.remove(zone, pfn, order, type);
        FreeLists.account(zone, -(1L << order), type);
        memMap.setBlockOwner(pfn, order, FrameOwner.KERNEL);
        if (order >= BLOCK_ORDER - 1) {
            for (long block = pfn; block < pfn + (1L << order) - 1; block += BLOCK_PAGES) {
                int blockType = memMap.pageblockType(block);
                if (blockType < MigrateType.PCPTYPES) {
                    fallbacks.moveFreepagesBlock(zone, block, blockType, MigrateType.MOVABLE);
                }
            }
        }
        return 1 << order;
    }

    /**
     * Makes an isolated block an allocated one with one reference: {@code mark_allocated()}.
     *
     * @param pfn first frame of an isolated block, or of a part of one
     * @param order at most that of the block
     */
    public void handOut(long pfn, int order) {
        allocator.walk().prepare(pfn, order, Gfp.MOVABLE);
    }

    /**
     * Takes back the only reference of a frame that was handed out and not used, so that it is isolated again.
     *
     * @param pfn a frame with one reference
     */
    public void takeBack(long pfn) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.refcount[i] = 0;
        section.flags[i] = 0;
        section.mapping[i] = 0;
        memMap.setOwner(section, i, FrameOwner.KERNEL);
    }

    /**
     * Frees an isolated block: {@code mm/compaction.c:release_free_list()} for one.
     *
     * @param pfn its first frame
     * @param order its order
     */
    public void giveBack(long pfn, int order) {
        handOut(pfn, order);
        allocator.freePages(pfn, order);
    }

    /**
     * Makes a block the head of its list by turning the list: {@code move_freelist_head()} gives the block itself, {@code move_freelist_tail()} its successor.
     *
     * @param area blocks of its order
     * @param migrateType its list
     * @param pfn the new head, or {@link MemMap#LIST_END} for no change
     */
    public void rotate(FreeArea area, int migrateType, long pfn) {
        lists.rotate(area, migrateType, pfn);
    }

    /**
     * Returns whether a request could claim a pageblock of another type from blocks of an order: {@code find_suitable_fallback()}.
     *
     * @param area blocks of the order
     * @param order the order
     * @param migrateType type of the request
     */
    public boolean canClaim(FreeArea area, int order, int migrateType) {
        return Fallbacks.findSuitable(area, order, migrateType, Fallbacks.Purpose.CLAIM) >= 0;
    }

    /**
     * Lets a request catch the first block of its order that becomes free in a zone: {@code struct capture_control}.
     *
     * @param zone the zone
     * @param order order of the request
     * @param migrateType its migrate type
     */
    public void beginCapture(Zone zone, int order, int migrateType) {
        Waiting started = new Waiting(zone, order, migrateType);
        waiting = started;
        lists.setCapture(started);
    }

    /** Returns whether a block was caught since {@link #beginCapture}. */
    public boolean hasCaptured() {
        return waiting != null && waiting.pfn != PageAllocator.NO_PAGE;
    }

    /** Ends catching; returns the block, which is on no list, or {@link PageAllocator#NO_PAGE}. */
    public long endCapture() {
        lists.setCapture(null);
        Waiting ended = waiting;
        waiting = null;
        return ended == null ? PageAllocator.NO_PAGE : ended.pfn;
    }

    /**
     * Returns whether a frame heads a free block.
     *
     * @param pfn a valid frame
     */
    public boolean isFree(long pfn) {
        return memMap.hasFlags(pfn, PageFlags.BUDDY);
    }

    /**
     * Gives a pageblock that boot reserved for the contiguous memory allocator to the free lists: {@code init_cma_reserved_pageblock()}.
     *
     * @param pfn its first frame
     */
    public void addCmaPageblock(long pfn) {
        MemMapSection section = memMap.section(pfn);
        int first = (int) pfn & MemMap.SECTION_MASK;
        for (int i = first; i < first + (1 << MemMap.PAGEBLOCK_ORDER); i++) {
            section.flags[i] = 0;
            section.refcount[i] = 0;
        }
        memMap.setPageblockType(pfn, MigrateType.CMA);
        memMap.setBlockOwner(pfn, MemMap.PAGEBLOCK_ORDER, FrameOwner.FREE);
        Zone zone = allocator.zoneOf(pfn);
        lists.freeOnePage(zone, pfn, MemMap.PAGEBLOCK_ORDER, MigrateType.CMA, FreeLists.Place.HEAD);
        zone.addManagedPages(1L << MemMap.PAGEBLOCK_ORDER);
        zone.cmaPages += 1L << MemMap.PAGEBLOCK_ORDER;
        allocator.counters().count(VmEvent.PGFREE, 1L << MemMap.PAGEBLOCK_ORDER);
    }
}
