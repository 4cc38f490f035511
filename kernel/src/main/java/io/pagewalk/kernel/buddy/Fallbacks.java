package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;

/**
 * Where a request goes when its own migrate type has no block: claiming whole pageblocks of another type, and stealing single blocks.
 *
 * <p>Follows {@code mm/page_alloc.c:__rmqueue(), __rmqueue_claim(), __rmqueue_steal(), try_to_claim_block()} of 6.18.
 */
final class Fallbacks {
    /** How far the last search in one bulk had to go; later searches of the bulk start there: {@code enum rmqueue_mode}. */
    enum Mode {
        /** The type's own lists. */
        NORMAL,
        /** Blocks of the contiguous memory allocator. */
        CMA,
        /** Whole pageblocks of other types. */
        CLAIM,
        /** Single blocks of other types. */
        STEAL
    }

    private static final int NONE = -1;
    private static final int NOT_CLAIMABLE = -2;
    private static final int BLOCK_ORDER = MemMap.PAGEBLOCK_ORDER;
    private static final int BLOCK_PAGES = 1 << BLOCK_ORDER;

    /** Types to take from, best first, by the type that is short. */
    private static final int[][] FALLBACKS = {
        {MigrateType.RECLAIMABLE, MigrateType.MOVABLE},
        {MigrateType.RECLAIMABLE, MigrateType.UNMOVABLE},
        {MigrateType.UNMOVABLE, MigrateType.MOVABLE},
    };

    private final MemMap memMap;
    private final FreeLists lists;
    private Mode mode = Mode.NORMAL;
    private long boostFactor;

    Fallbacks(MemMap memMap, FreeLists lists) {
        this.memMap = memMap;
        this.lists = lists;
    }

    /** Sets {@code vm.watermark_boost_factor}: ten-thousandths of the high watermark that a boost may reach. */
    void setBoostFactor(long factor) {
        boostFactor = factor;
    }

    /** Forgets how far the last search went: a new bulk begins. */
    void begin() {
        mode = Mode.NORMAL;
    }

    /** Returns whether the next search begins with the type's own lists. */
    boolean startsAtOwnLists() {
        return mode == Mode.NORMAL;
    }

    /** Takes a block from the buddy lists by all means that the flags allow: {@code __rmqueue()}. */
    long remove(Zone zone, int order, int migrateType, int allocFlags) {
        boolean mayUseCma = (allocFlags & AllocFlags.CMA) != 0;
        if (mayUseCma && zone.freeCma > zone.freePages / 2) {
            // When over half of the free memory is CMA's, movable requests take it first, so that the rest stays for
            // others.
            long pfn = lists.removeSmallest(zone, order, MigrateType.CMA);
            if (pfn != NO_PAGE) {
                return pfn;
            }
        }
        if (mode == Mode.NORMAL) {
            long pfn = lists.removeSmallest(zone, order, migrateType);
            if (pfn != NO_PAGE) {
                return pfn;
            }
        }
        if (mayUseCma && mode.compareTo(Mode.CMA) <= 0 && zone.freeCma > 0) {
            long pfn = lists.removeSmallest(zone, order, MigrateType.CMA);
            if (pfn != NO_PAGE) {
                mode = Mode.CMA;
                return pfn;
            }
        }
        if (mode != Mode.STEAL) {
            long pfn = claim(zone, order, migrateType, allocFlags);
            if (pfn != NO_PAGE) {
                // The claimed pageblock has refilled the type's own lists.
                mode = Mode.NORMAL;
                return pfn;
            }
        }
        if ((allocFlags & AllocFlags.NOFRAGMENT) == 0) {
            long pfn = steal(zone, order, migrateType);
            if (pfn != NO_PAGE) {
                mode = Mode.STEAL;
                return pfn;
            }
        }
        return NO_PAGE;
    }

    /** Moves all free blocks of a pageblock to another type and changes the pageblock's type: {@code move_freepages_block()}. Returns pages moved. */
    long moveFreepagesBlock(Zone zone, long pfn, int from, int to) {
        if (!isWholeBlockInZone(zone, pfn)) {
            return NONE;
        }
        long moved = moveFreepages(zone, pfn & -BLOCK_PAGES, from, to);
        memMap.setPageblockType(pfn, to);
        return moved;
    }

    /** Tries the largest foreign blocks first and takes over their pageblock: {@code __rmqueue_claim()}. */
    private long claim(Zone zone, int order, int migrateType, int allocFlags) {
        int minOrder = order < BLOCK_ORDER && (allocFlags & AllocFlags.NOFRAGMENT) != 0 ? BLOCK_ORDER : order;
        for (int current = MemMap.MAX_PAGE_ORDER; current >= minOrder; current--) {
            FreeArea area = zone.freeArea(current);
            int from = findSuitable(area, current, migrateType, Purpose.CLAIM);
            if (from == NONE) {
                continue;
            }
            if (from == NOT_CLAIMABLE) {
                break;
            }
            long pfn = tryToClaim(
                    zone, Integer.toUnsignedLong(area.head[from]), current, order, migrateType, from, allocFlags);
            if (pfn != NO_PAGE) {
                return pfn;
            }
        }
        return NO_PAGE;
    }

    /** Takes the smallest foreign block and leaves its pageblock's type: {@code __rmqueue_steal()}. */
    private long steal(Zone zone, int order, int migrateType) {
        for (int current = order; current <= MemMap.MAX_PAGE_ORDER; current++) {
            FreeArea area = zone.freeArea(current);
            int from = findSuitable(area, current, migrateType, Purpose.STEAL);
            if (from >= 0) {
                long pfn = Integer.toUnsignedLong(area.head[from]);
                lists.removeAndExpand(zone, pfn, order, current, from);
                return pfn;
            }
        }
        return NO_PAGE;
    }

    enum Purpose {
        CLAIM,
        STEAL
    }

    /** {@code find_suitable_fallback()}. */
    static int findSuitable(FreeArea area, int order, int migrateType, Purpose purpose) {
        if (purpose == Purpose.CLAIM && !shouldTryClaim(order, migrateType)) {
            return NOT_CLAIMABLE;
        }
        if (area.free == 0) {
            return NONE;
        }
        for (int from : FALLBACKS[migrateType]) {
            if (area.blocks[from] > 0) {
                return from;
            }
        }
        return NONE;
    }

    /** Movable requests claim only from large blocks, since small ones of other types would leave holes there: {@code should_try_claim_block()}. */
    private static boolean shouldTryClaim(int order, int migrateType) {
        return order >= BLOCK_ORDER / 2 || migrateType != MigrateType.MOVABLE;
    }

    /** {@code try_to_claim_block()}. */
    private long tryToClaim(Zone zone, long pfn, int current, int order, int migrateType, int from, int allocFlags) {
        if (current >= BLOCK_ORDER) {
            lists.remove(zone, pfn, current, from);
            lists.changePageblockRange(pfn, current, migrateType);
            lists.expand(zone, pfn, order, current, migrateType);
            FreeLists.account(zone, -(1L << current), from);
            FreeLists.account(zone, (1L << current) - (1L << order), migrateType);
            return pfn;
        }
        if (boostWatermark(zone) && (allocFlags & AllocFlags.KSWAPD) != 0) {
            zone.hasNewBoost = true;
        }
        if (!isWholeBlockInZone(zone, pfn)) {
            return NO_PAGE;
        }
        long start = pfn & -BLOCK_PAGES;
        long census = countPages(start);
        int freePages = (int) (census >>> 32);
        int movablePages = (int) census;
        int alikePages;
        if (migrateType == MigrateType.MOVABLE) {
            alikePages = movablePages;
        } else if (from == MigrateType.MOVABLE) {
            alikePages = BLOCK_PAGES - (freePages + movablePages);
        } else {
            alikePages = 0;
        }
        if (freePages + alikePages < BLOCK_PAGES / 2) {
            return NO_PAGE;
        }
        moveFreepages(zone, start, from, migrateType);
        memMap.setPageblockType(start, migrateType);
        return lists.removeSmallest(zone, order, migrateType);
    }

    /** {@code boost_watermark()}: mixing pageblocks lets kswapd free a little more for a while. Returns whether the watermark was raised. */
    private boolean boostWatermark(Zone zone) {
        if (boostFactor == 0 || BLOCK_PAGES * 4L > zone.managedPages()) {
            return false;
        }
        long highest = zone.watermarks().base(Watermarks.HIGH);
        long maxBoost = highest / 10000 * boostFactor + highest % 10000 * boostFactor / 10000;
        if (maxBoost == 0) {
            return false;
        }
        zone.watermarks().setBoost(Math.min(zone.watermarks().boost() + BLOCK_PAGES, Math.max(BLOCK_PAGES, maxBoost)));
        return true;
    }

    /** {@code __move_freepages_block()}. */
    long moveFreepages(Zone zone, long start, int from, int to) {
        long moved = 0;
        long pfn = start;
        while (pfn < start + BLOCK_PAGES) {
            if (!memMap.hasFlags(pfn, PageFlags.BUDDY)) {
                pfn++;
                continue;
            }
            int order = memMap.order(pfn);
            lists.moveToFreeList(zone, pfn, order, from, to);
            pfn += 1L << order;
            moved += 1L << order;
        }
        return moved;
    }

    /** Returns free pages in the upper and movable pages in the lower half: the counting part of {@code prep_move_freepages_block()}. */
    private long countPages(long start) {
        MemMapSection section = memMap.section(start);
        int first = (int) start & MemMap.SECTION_MASK;
        long free = 0;
        long movable = 0;
        int i = first;
        while (i < first + BLOCK_PAGES) {
            int flags = section.flags[i];
            if ((flags & PageFlags.BUDDY) != 0) {
                int pages = 1 << section.order[i];
                free += pages;
                i += pages;
                continue;
            }
            movable += (flags & PageFlags.LRU) != 0 ? 1 : 0;
            i++;
        }
        return (free << 32) | movable;
    }

    static boolean isWholeBlockInZone(Zone zone, long pfn) {
        long start = pfn & -BLOCK_PAGES;
        return start >= zone.startPfn() && start + BLOCK_PAGES <= zone.endPfn();
    }
}
