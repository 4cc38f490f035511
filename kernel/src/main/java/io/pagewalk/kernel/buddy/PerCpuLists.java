package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;

/**
 * The per-CPU caches before the buddy lists: refill, free, and giving back.
 *
 * <p>Follows {@code mm/page_alloc.c:rmqueue_bulk(), nr_pcp_alloc(), free_unref_page_commit(), nr_pcp_free(), free_pcppages_bulk()}.
 */
final class PerCpuLists {
    /** {@code CONFIG_PCP_BATCH_SCALE_MAX}. */
    private static final int BATCH_SCALE_MAX = 5;

    private final MemMap memMap;
    private final FreeLists lists;
    private final Fallbacks fallbacks;
    private final int movableZone;

    PerCpuLists(MemMap memMap, FreeLists lists, Fallbacks fallbacks, ZoneLayout layout) {
        this.memMap = memMap;
        this.lists = lists;
        this.fallbacks = fallbacks;
        this.movableZone = layout.indexOf(ZoneType.MOVABLE);
    }

    /** Returns whether blocks of an order are cached at all: {@code pcp_allowed_order()}. */
    static boolean allows(int order) {
        return order <= PerCpuPages.COSTLY_ORDER || order == MemMap.PAGEBLOCK_ORDER;
    }

    /** Takes the hottest block of a list, refilling it when empty: {@code __rmqueue_pcplist()}. The block's owner stays PCP. */
    long remove(Zone zone, PerCpuPages pcp, int order, int migrateType, int allocFlags) {
        PageDeque list = pcp.lists[PerCpuPages.listOf(migrateType, order)];
        if (list.isEmpty() && !refill(zone, pcp, list, order, migrateType, allocFlags)) {
            return NO_PAGE;
        }
        pcp.count -= 1 << order;
        return list.removeFirst();
    }

    /** Puts a freed block of more than one page at the hot end and gives back what is too much: {@code free_unref_page_commit()}. Its owner is PCP already. */
    void free(Zone zone, PerCpuPages pcp, long pfn, int order, int migrateType) {
        pcp.allocFactor >>= 1;
        int list = PerCpuPages.listOf(migrateType, order);
        pcp.lists[list].addFirst(pfn);
        pcp.count += 1 << order;
        int batch = pcp.batch;
        boolean freeHigh = false;
        if (order <= PerCpuPages.COSTLY_ORDER) {
            // Linux also looks at the size of the CPU's cache slice here; this is its answer for a large slice.
            freeHigh = pcp.freeCount >= batch && pcp.prevFreeHighOrder && pcp.count >= batch;
            pcp.prevFreeHighOrder = true;
        } else {
            pcp.prevFreeHighOrder = false;
        }
        if (pcp.freeCount < batch << BATCH_SCALE_MAX) {
            pcp.freeCount += 1 << order;
        }
        giveBackExcess(zone, pcp, batch, freeHigh, list);
    }

    /** The same for a single page, whose list the caller has. */
    void freeOne(Zone zone, PerCpuPages pcp, PageDeque list, long pfn, int migrateType) {
        pcp.allocFactor >>= 1;
        list.addFirst(pfn);
        pcp.count++;
        pcp.prevFreeHighOrder = false;
        int batch = pcp.batch;
        if (pcp.freeCount < batch << BATCH_SCALE_MAX) {
            pcp.freeCount++;
        }
        if (zone.belowHigh || pcp.count >= Math.min(pcp.high, pcp.highMax)) {
            giveBackExcess(zone, pcp, batch, false, PerCpuPages.listOf(migrateType, 0));
        }
    }

    private void giveBackExcess(Zone zone, PerCpuPages pcp, int batch, boolean freeHigh, int firstList) {
        int high = high(zone, pcp, batch, freeHigh);
        if (pcp.count >= high) {
            giveBack(zone, pcp, pagesToFree(pcp, batch, high, freeHigh), firstList);
            if (zone.belowHigh
                    && WatermarkCheck.ok(zone, 0, zone.watermarks().pages(Watermarks.HIGH), movableZone, 0)) {
                zone.belowHigh = false;
            }
        }
    }

    /** Gives everything of one CPU back to the buddy lists: {@code drain_pages_zone()}. */
    void drain(Zone zone, PerCpuPages pcp) {
        while (pcp.count > 0) {
            giveBack(zone, pcp, Math.min(pcp.count, pcp.batch << BATCH_SCALE_MAX), 0);
        }
    }

    private boolean refill(Zone zone, PerCpuPages pcp, PageDeque list, int order, int migrateType, int allocFlags) {
        int wanted = pagesToAllocate(zone, pcp, order);
        fallbacks.begin();
        int got = 0;
        // With CMA's pages each single page may come from either kind of list.
        boolean isOneKind = zone.freeCma == 0 || (allocFlags & AllocFlags.CMA) == 0;
        while (got < wanted) {
            if (order == 0 && isOneKind && fallbacks.startsAtOwnLists()) {
                got += lists.removePages(zone, migrateType, wanted - got, list);
                if (got == wanted) {
                    break;
                }
            }
            long pfn = fallbacks.remove(zone, order, migrateType, allocFlags);
            if (pfn == NO_PAGE) {
                break;
            }
            if (order == 0) {
                memMap.setOwner(pfn, FrameOwner.PCP);
            } else {
                memMap.setBlockOwner(pfn, order, FrameOwner.PCP);
            }
            list.addLast(pfn);
            got++;
        }
        pcp.count += got << order;
        return got > 0;
    }

    /** {@code nr_pcp_alloc()}: blocks to fetch at once; doubles while the CPU only allocates. */
    private static int pagesToAllocate(Zone zone, PerCpuPages pcp, int order) {
        int baseBatch = pcp.batch;
        int high = clamp(pcp.high, pcp);
        pcp.high = high;
        if (high < baseBatch) {
            return 1;
        }
        int batch = order > 0 ? baseBatch : baseBatch << pcp.allocFactor;
        if (pcp.highMin != pcp.highMax && !zone.belowHigh) {
            high = Math.min(high + batch, pcp.highMax);
            pcp.high = high;
        }
        if (order == 0) {
            int max = Math.max(high - pcp.count - baseBatch, baseBatch);
            if (batch <= max && pcp.allocFactor < BATCH_SCALE_MAX) {
                pcp.allocFactor++;
            }
            batch = Math.min(batch, max);
        }
        return batch > 1 ? Math.max(batch >> order, 2) : batch;
    }

    /** {@code nr_pcp_high()}: how much the lists may hold now. */
    private static int high(Zone zone, PerCpuPages pcp, int batch, boolean freeHigh) {
        int high = clamp(pcp.high, pcp);
        pcp.high = high;
        if (high == 0) {
            return 0;
        }
        if (freeHigh) {
            pcp.high = Math.max(high - (batch << BATCH_SCALE_MAX), pcp.highMin);
            return 0;
        }
        if (pcp.highMin == pcp.highMax) {
            return high;
        }
        if (zone.belowHigh) {
            pcp.high = Math.max(high - Math.max(pcp.freeCount, batch), pcp.highMin);
            return Math.max(pcp.count, pcp.highMin);
        }
        if (pcp.count >= high) {
            int needed = pcp.freeCount + batch;
            if (pcp.high < needed) {
                pcp.high = clamp(needed, pcp);
            }
        }
        return high;
    }

    /** {@code nr_pcp_free()}: how much to give back at once. */
    private static int pagesToFree(PerCpuPages pcp, int batch, int high, boolean freeHigh) {
        if (freeHigh) {
            return Math.min(pcp.count, batch << BATCH_SCALE_MAX);
        }
        if (high < batch) {
            return 1;
        }
        // As Linux's clamp: the upper limit wins when it is below the lower one.
        return Math.min(Math.max(pcp.freeCount, batch), high - batch);
    }

    /** {@code free_pcppages_bulk()}: coldest blocks first, one list after another. */
    private void giveBack(Zone zone, PerCpuPages pcp, int pages, int firstList) {
        int left = Math.min(pcp.count, pages);
        int index = firstList - 1;
        while (left > 0) {
            do {
                index = index + 1 < PerCpuPages.LISTS ? index + 1 : 0;
            } while (pcp.lists[index].isEmpty());
            PageDeque list = pcp.lists[index];
            int order = PerCpuPages.orderOf(index);
            do {
                long pfn = list.removeLast();
                int type = memMap.pageblockType(pfn);
                left -= 1 << order;
                pcp.count -= 1 << order;
                if (order == 0) {
                    memMap.setOwner(pfn, FrameOwner.FREE);
                } else {
                    memMap.setBlockOwner(pfn, order, FrameOwner.FREE);
                }
                lists.freeOnePage(zone, pfn, order, type, FreeLists.Place.BY_BUDDY);
            } while (left > 0 && !list.isEmpty());
        }
    }

    private static int clamp(int high, PerCpuPages pcp) {
        return Math.min(Math.max(high, pcp.highMin), pcp.highMax);
    }

    /** Returns the list type that a freed block of a pageblock type goes to: special types are cached as movable. */
    static int cachedType(int migrateType) {
        return migrateType < MigrateType.PCPTYPES ? migrateType : MigrateType.MOVABLE;
    }
}
