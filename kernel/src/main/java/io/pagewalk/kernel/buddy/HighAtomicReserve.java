package io.pagewalk.kernel.buddy;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.Zonelist;

/** Pageblocks kept for atomic requests of high order: {@code mm/page_alloc.c:reserve_highatomic_pageblock()} and its reverse. */
final class HighAtomicReserve {
    private static final long BLOCK_PAGES = 1L << MemMap.PAGEBLOCK_ORDER;

    /** How much pressure there is. */
    enum Pressure {
        /** Each zone keeps one pageblock. */
        NORMAL,
        /** Nothing is kept back. */
        OUT_OF_MEMORY
    }

    private final MemMap memMap;
    private final FreeLists lists;
    private final Fallbacks fallbacks;

    HighAtomicReserve(MemMap memMap, FreeLists lists, Fallbacks fallbacks) {
        this.memMap = memMap;
        this.lists = lists;
        this.fallbacks = fallbacks;
    }

    /** Keeps the pageblock of a block that an atomic request just got, up to about 1% of the zone. */
    void reserve(Zone zone, long pfn, int order) {
        if (zone.managedPages() / 100 < BLOCK_PAGES
                || zone.reservedHighatomic >= Bits.roundUp(zone.managedPages() / 100, BLOCK_PAGES)) {
            return;
        }
        int type = memMap.pageblockType(pfn);
        if (type >= MigrateType.PCPTYPES) {
            return;
        }
        if (order >= MemMap.PAGEBLOCK_ORDER) {
            lists.changePageblockRange(pfn, order, MigrateType.HIGHATOMIC);
            zone.reservedHighatomic += 1L << order;
        } else if (fallbacks.moveFreepagesBlock(zone, pfn, type, MigrateType.HIGHATOMIC) >= 0) {
            zone.reservedHighatomic += BLOCK_PAGES;
        }
    }

    /** Gives one reserved pageblock with free pages back to a migrate type: {@code unreserve_highatomic_pageblock()}. Returns whether pages moved. */
    boolean unreserve(Zonelist zonelist, int highestZone, int migrateType, Pressure pressure) {
        for (int z = 0; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() > highestZone || (pressure == Pressure.NORMAL && zone.reservedHighatomic <= BLOCK_PAGES)) {
                continue;
            }
            for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
                int head = zone.freeArea(order).head[MigrateType.HIGHATOMIC];
                if (head != MemMap.LIST_END && release(zone, Integer.toUnsignedLong(head), order, migrateType) > 0) {
                    return true;
                }
            }
        }
        return false;
    }

    private long release(Zone zone, long pfn, int order, int migrateType) {
        int type = memMap.pageblockType(pfn);
        if (type == MigrateType.HIGHATOMIC) {
            zone.reservedHighatomic -= Math.min(Math.max(BLOCK_PAGES, 1L << order), zone.reservedHighatomic);
        }
        if (order < MemMap.PAGEBLOCK_ORDER) {
            return fallbacks.moveFreepagesBlock(zone, pfn, type, migrateType);
        }
        lists.moveToFreeList(zone, pfn, order, type, migrateType);
        lists.changePageblockRange(pfn, order, migrateType);
        return 1;
    }
}
