package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;

/**
 * Takes pageblocks out of use, so that what becomes free in them stays free: {@code mm/page_isolation.c}.
 *
 * <p>A free block that reaches into the next pageblock is cut first, because the two then belong to different lists.
 */
public final class PageIsolation {
    /** What the range is wanted for. */
    public enum Purpose {
        /** Any contiguous range. */
        RANGE,
        /** An area of the contiguous memory allocator, in which everything can be moved by construction. */
        CMA
    }

    private static final int BLOCK_ORDER = MemMap.PAGEBLOCK_ORDER;
    private static final long BLOCK_PAGES = 1L << BLOCK_ORDER;
    private static final long MAX_BLOCK = 1L << MemMap.MAX_PAGE_ORDER;

    private final PageAllocator allocator;
    private final MemMap memMap;
    private final FreeLists lists;
    private final Fallbacks fallbacks;

    PageIsolation(PageAllocator allocator, FreeLists lists, Fallbacks fallbacks) {
        this.allocator = allocator;
        this.memMap = allocator.memMap();
        this.lists = lists;
        this.fallbacks = fallbacks;
    }

    /**
     * Isolates all pageblocks of a range, or none: {@code start_isolate_page_range()}.
     *
     * @param startPfn first frame, start of a pageblock
     * @param endPfn first frame after it, end of a pageblock
     * @param purpose what for
     * @return whether it was done; not when a pageblock is isolated already or has something that cannot be moved
     */
    public boolean isolate(long startPfn, long endPfn, Purpose purpose) {
        for (long block = startPfn; block < endPfn; block += BLOCK_PAGES) {
            if (!isolateBlock(block, purpose)) {
                undo(startPfn, block);
                return false;
            }
        }
        return true;
    }

    /**
     * Gives isolated pageblocks the types back that they had: {@code undo_isolate_page_range()}.
     *
     * @param startPfn first frame, start of a pageblock
     * @param endPfn first frame after it
     */
    public void undo(long startPfn, long endPfn) {
        for (long block = startPfn; block < endPfn; block += BLOCK_PAGES) {
            if (memMap.pageblockType(block) == MigrateType.ISOLATE) {
                undoBlock(allocator.zoneOf(block), block);
            }
        }
    }

    /**
     * Returns whether all frames of a range in isolated pageblocks are free: {@code test_pages_isolated()}.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it
     */
    public boolean isAllFree(long startPfn, long endPfn) {
        for (long pfn = blockHead(startPfn); pfn < endPfn; pfn += 1L << memMap.order(pfn)) {
            if (!memMap.hasFlags(pfn, PageFlags.BUDDY)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Takes all frames of a range, which are free, off the lists; each becomes a page with one reference. What a block at the border has outside is freed again:
     * {@code isolate_freepages_range()}.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it
     */
    public void takeFree(long startPfn, long endPfn) {
        long pfn = blockHead(startPfn);
        while (pfn < endPfn) {
            Zone zone = allocator.zoneOf(pfn);
            int order = memMap.order(pfn);
            lists.remove(zone, pfn, order, MigrateType.ISOLATE);
            FreeLists.account(zone, -(1L << order), MigrateType.ISOLATE);
            memMap.setBlockOwner(pfn, order, FrameOwner.KERNEL);
            long end = pfn + (1L << order);
            for (long frame = pfn; frame < end; frame++) {
                allocator.walk().prepare(frame, 0, 0);
            }
            for (long frame = pfn; frame < Math.min(startPfn, end); frame++) {
                allocator.freePages(frame, 0);
            }
            for (long frame = Math.max(endPfn, pfn); frame < end; frame++) {
                allocator.freePages(frame, 0);
            }
            pfn = end;
        }
    }

    /** {@code set_migratetype_isolate()}. */
    private boolean isolateBlock(long block, Purpose purpose) {
        int type = memMap.pageblockType(block);
        if (type == MigrateType.ISOLATE || hasUnmovable(block, type, purpose)) {
            return false;
        }
        Zone zone = allocator.zoneOf(block);
        cutStraddling(zone, block);
        fallbacks.moveFreepages(zone, block, type, MigrateType.ISOLATE);
        MemMapSection section = memMap.section(block);
        section.typeBeforeIsolation[((int) block & MemMap.SECTION_MASK) >> BLOCK_ORDER] = (byte) type;
        memMap.setPageblockType(block, MigrateType.ISOLATE);
        zone.isolatedPageblocks++;
        return true;
    }

    /** {@code unset_migratetype_isolate()}. */
    private void undoBlock(Zone zone, long block) {
        MemMapSection section = memMap.section(block);
        int type = section.typeBeforeIsolation[((int) block & MemMap.SECTION_MASK) >> BLOCK_ORDER];
        cutStraddling(zone, block);
        if (memMap.hasFlags(block, PageFlags.BUDDY) && memMap.order(block) == BLOCK_ORDER) {
            // Its buddy may be free: it is freed again, so that the two merge.
            lists.remove(zone, block, BLOCK_ORDER, MigrateType.ISOLATE);
            FreeLists.account(zone, -BLOCK_PAGES, MigrateType.ISOLATE);
            memMap.setPageblockType(block, type);
            lists.freeOnePage(zone, block, BLOCK_ORDER, type, FreeLists.Place.TAIL);
        } else {
            fallbacks.moveFreepages(zone, block, MigrateType.ISOLATE, type);
            memMap.setPageblockType(block, type);
        }
        zone.isolatedPageblocks--;
    }

    /** {@code has_unmovable_pages()}. */
    private boolean hasUnmovable(long block, int type, Purpose purpose) {
        if (!memMap.isValid(block) || !memMap.isValid(block + BLOCK_PAGES - 1)) {
            return true;
        }
        if (type == MigrateType.CMA) {
            return purpose != Purpose.CMA;
        }
        boolean isMovableZone = allocator.zoneOf(block).type() == ZoneType.MOVABLE;
        for (long pfn = block; pfn < block + BLOCK_PAGES; pfn++) {
            int flags = memMap.flags(pfn);
            if ((flags & PageFlags.BUDDY) != 0) {
                pfn += (1L << memMap.order(pfn)) - 1;
                continue;
            }
            if ((flags & PageFlags.RESERVED) != 0 || memMap.owner(pfn) == FrameOwner.HOLE) {
                return true;
            }
            boolean isCompound = (flags & (PageFlags.HEAD | PageFlags.TAIL)) != 0;
            if (!isMovableZone && (isCompound || (memMap.refcount(pfn) != 0 && (flags & PageFlags.LRU) == 0))) {
                return true;
            }
        }
        return false;
    }

    /** Cuts a free block of the largest order that covers this and another pageblock: {@code __move_freepages_block_isolate()}. */
    private void cutStraddling(Zone zone, long block) {
        long head = block & -MAX_BLOCK;
        if (!memMap.hasFlags(head, PageFlags.BUDDY) || memMap.order(head) != MemMap.MAX_PAGE_ORDER) {
            return;
        }
        int type = memMap.pageblockType(block);
        lists.makeOwnNode(zone, head);
        lists.remove(zone, head, MemMap.MAX_PAGE_ORDER, type);
        lists.add(zone, head, BLOCK_ORDER, type, false);
        lists.add(zone, head + BLOCK_PAGES, BLOCK_ORDER, type, false);
    }

    /** Returns the head of the free block that covers a frame, or the frame: {@code find_large_buddy()}. */
    private long blockHead(long pfn) {
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            long head = pfn & -(1L << order);
            if (memMap.hasFlags(head, PageFlags.BUDDY)) {
                return head + (1L << memMap.order(head)) > pfn ? head : pfn;
            }
        }
        return pfn;
    }
}
