package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.buddy.AllocFlags;
import io.pagewalk.kernel.buddy.CompactResult;
import io.pagewalk.kernel.buddy.WatermarkCheck;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;

/** How fragmented a zone is, and whether compaction could help a request: {@code mm/vmstat.c:fragmentation_index()}, {@code mm/compaction.c:compaction_suitable()}. */
public final class Fragmentation {
    /** Index of a request that would succeed. */
    public static final int WOULD_SUCCEED = -1000;

    /** Order that proactive compaction keeps free: a huge page ({@code COMPACTION_HPAGE_ORDER}). */
    static final int HUGE_ORDER = MemMap.PAGEBLOCK_ORDER;

    private Fragmentation() {}

    /**
     * Returns why a request would fail: {@code fragmentation_index()}.
     *
     * @param zone a zone
     * @param order order of the request
     * @return {@link #WOULD_SUCCEED}, or 0 (too little memory) to 1000 (too small pieces); 0 when nothing is free
     */
    public static int index(Zone zone, int order) {
        long pages = 0;
        long blocks = 0;
        for (int o = 0; o <= MemMap.MAX_PAGE_ORDER; o++) {
            long free = zone.freeArea(o).free;
            if (o >= order && free > 0) {
                return WOULD_SUCCEED;
            }
            blocks += free;
            pages += free << o;
        }
        if (blocks == 0) {
            return 0;
        }
        return (int) (1000 - (1000 + pages * 1000 / (1L << order)) / blocks);
    }

    /**
     * Returns the free memory that lies in blocks below an order: {@code extfrag_for_order()}.
     *
     * @param zone a zone
     * @param order the order
     * @return percent of the free pages, 0 when nothing is free
     */
    public static int unusablePercent(Zone zone, int order) {
        long pages = 0;
        long suitable = 0;
        for (int o = 0; o <= MemMap.MAX_PAGE_ORDER; o++) {
            long free = zone.freeArea(o).free;
            pages += free << o;
            if (o >= order) {
                suitable += free << o;
            }
        }
        return pages == 0 ? 0 : (int) ((pages - suitable) * 100 / pages);
    }

    /**
     * Returns a zone's score for proactive compaction: {@code fragmentation_score_zone()}.
     *
     * @param zone a zone
     * @return 0 to 100
     */
    public static int score(Zone zone) {
        return unusablePercent(zone, HUGE_ORDER);
    }

    /**
     * Returns a node's score, its zones weighted by their size: {@code fragmentation_score_node()}.
     *
     * @param node a node
     * @return 0 to 100
     */
    public static int score(NodeData node) {
        int score = 0;
        for (Zone zone : node.zones()) {
            if (zone.isPopulated()) {
                score += (int) (zone.presentPages() * score(zone) / (node.presentPages() + 1));
            }
        }
        return score;
    }

    /** {@code __compaction_suitable()} of 6.18: whether order-0 pages to move to can be had above a watermark. */
    static boolean hasTargets(Zone zone, int order, long watermark, int highestZone, long freePages) {
        long mark = watermark + (2L << order);
        if (order > PerCpuPages.COSTLY_ORDER) {
            mark += zone.watermarks().pages(Watermarks.LOW) - zone.watermarks().pages(Watermarks.MIN);
        }
        return WatermarkCheck.ok(zone, 0, mark, highestZone, AllocFlags.CMA, freePages);
    }

    /** {@code compaction_suitable()}. */
    static boolean isSuitable(Zone zone, int order, long watermark, int highestZone, long extfragThreshold) {
        if (!hasTargets(zone, order, watermark, highestZone, zone.freePages)) {
            return false;
        }
        if (order <= PerCpuPages.COSTLY_ORDER) {
            return true;
        }
        int index = index(zone, order);
        return index < 0 || index > extfragThreshold;
    }

    /** {@code compaction_suit_allocation_order()}: SUCCESS, SKIPPED or CONTINUE. */
    static CompactResult suits(
            Zone zone, int order, int highestZone, int allocFlags, boolean isAsync, long extfragThreshold) {
        long mark = zone.watermarks().pages(allocFlags & AllocFlags.WMARK_MASK);
        if (WatermarkCheck.ok(zone, order, mark, highestZone, allocFlags)) {
            return CompactResult.SUCCESS;
        }
        if (order > PerCpuPages.COSTLY_ORDER
                && isAsync
                && (allocFlags & AllocFlags.CMA) == 0
                && !WatermarkCheck.ok(zone, 0, mark + (2L << order), highestZone, 0)) {
            // Free memory of CMA is no help to a request that must not use it.
            return CompactResult.SKIPPED;
        }
        return isSuitable(zone, order, mark, highestZone, extfragThreshold)
                ? CompactResult.CONTINUE
                : CompactResult.SKIPPED;
    }
}
