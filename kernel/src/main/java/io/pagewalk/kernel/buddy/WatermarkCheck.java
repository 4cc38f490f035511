package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;

/** Whether a zone may serve a request without sinking below a level: {@code mm/page_alloc.c:__zone_watermark_ok()} and its relatives. */
public final class WatermarkCheck {
    private WatermarkCheck() {}

    /**
     * Checks with what is free now: {@code zone_watermark_ok()}.
     *
     * @param zone the zone
     * @param order request order
     * @param mark level in pages
     * @param highestZone highest zone index that the request could use
     * @param allocFlags bits of {@link AllocFlags}
     */
    public static boolean ok(Zone zone, int order, long mark, int highestZone, int allocFlags) {
        return ok(zone, order, mark, highestZone, allocFlags, zone.freePages);
    }

    /**
     * Checks with a given number of free pages: {@code __zone_watermark_ok()}.
     *
     * @param zone the zone
     * @param order request order
     * @param mark level in pages
     * @param highestZone highest zone index that the request could use
     * @param allocFlags bits of {@link AllocFlags}
     * @param freePages pages to count as free
     */
    public static boolean ok(Zone zone, int order, long mark, int highestZone, int allocFlags, long freePages) {
        long min = mark;
        long free = freePages - unusableFree(zone, order, allocFlags);
        if ((allocFlags & AllocFlags.RESERVES) != 0) {
            if ((allocFlags & AllocFlags.MIN_RESERVE) != 0) {
                min -= min / 2;
                // Only those who cannot sleep and have high priority get the further quarter.
                if ((allocFlags & AllocFlags.NON_BLOCK) != 0) {
                    min -= min / 4;
                }
            }
            if ((allocFlags & AllocFlags.OOM) != 0) {
                min -= min / 2;
            }
        }
        if (free <= min + zone.lowmemReserve(highestZone)) {
            return false;
        }
        return order == 0 || hasBlock(zone, order, allocFlags);
    }

    /**
     * Checks as {@link #ok}, and for a high-priority single page again without the boost: {@code zone_watermark_fast()}.
     *
     * @param zone the zone
     * @param order request order
     * @param mark level in pages
     * @param highestZone highest zone index that the request could use
     * @param allocFlags bits of {@link AllocFlags}
     */
    public static boolean fast(Zone zone, int order, long mark, int highestZone, int allocFlags) {
        if (order == 0) {
            long free = zone.freePages;
            free -= Math.min(free, unusableFree(zone, 0, allocFlags));
            if (free > mark + zone.lowmemReserve(highestZone)) {
                return true;
            }
        }
        if (ok(zone, order, mark, highestZone, allocFlags, zone.freePages)) {
            return true;
        }
        Watermarks watermarks = zone.watermarks();
        return order == 0
                && (allocFlags & AllocFlags.MIN_RESERVE) != 0
                && watermarks.boost() > 0
                && (allocFlags & AllocFlags.WMARK_MASK) == AllocFlags.WMARK_MIN
                && ok(zone, 0, watermarks.min() - watermarks.boost(), highestZone, allocFlags, zone.freePages);
    }

    private static long unusableFree(Zone zone, int order, int allocFlags) {
        long unusable = (1L << order) - 1;
        if ((allocFlags & AllocFlags.RESERVES) == 0) {
            unusable += zone.freeHighatomic;
        }
        return (allocFlags & AllocFlags.CMA) == 0 ? unusable + zone.freeCma : unusable;
    }

    private static boolean hasBlock(Zone zone, int order, int allocFlags) {
        boolean mayUseHighatomic = (allocFlags & (AllocFlags.HIGHATOMIC | AllocFlags.OOM)) != 0;
        for (int o = order; o <= MemMap.MAX_PAGE_ORDER; o++) {
            FreeArea area = zone.freeArea(o);
            if (area.blocks[MigrateType.UNMOVABLE]
                            + area.blocks[MigrateType.MOVABLE]
                            + area.blocks[MigrateType.RECLAIMABLE]
                    > 0) {
                return true;
            }
            if ((allocFlags & AllocFlags.CMA) != 0 && area.blocks[MigrateType.CMA] > 0) {
                return true;
            }
            if (mayUseHighatomic && area.blocks[MigrateType.HIGHATOMIC] > 0) {
                return true;
            }
        }
        return false;
    }
}
