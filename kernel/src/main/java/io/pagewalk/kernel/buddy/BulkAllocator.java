package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.Zonelist;
import org.jspecify.annotations.Nullable;

/** Many single frames at once: {@code mm/page_alloc.c:alloc_pages_bulk_noprof()}. */
final class BulkAllocator {
    private final PageAllocator allocator;
    private final PerCpuLists perCpu;

    BulkAllocator(PageAllocator allocator, PerCpuLists perCpu) {
        this.allocator = allocator;
        this.perCpu = perCpu;
    }

    /** Fills the places of an array that hold no frame and returns how many of the first {@code count} places hold one then. */
    int allocate(int gfp, Zonelist zonelist, int first, int highest, long[] pfns, int count, int preferredNode) {
        int filled = 0;
        while (filled < count && pfns[filled] > 0) {
            filled++;
        }
        if (filled == count) {
            return filled;
        }
        if (count - filled > 1 && (gfp & Gfp.NOFAIL) == 0 && allocator.failNth().shouldFail()) {
            return filled;
        }
        Zone zone = count - filled > 1 && first >= 0 ? zoneFor(gfp, zonelist, first, highest, count - filled) : null;
        int got = 0;
        if (zone != null) {
            int allocFlags = AllocFlags.WMARK_LOW
                    | AllocFlags.cma(gfp)
                    | allocator.walk().nofragmentFlags(zonelist.get(first), gfp);
            PerCpuPages pcp = zone.pageset(allocator.currentCpu());
            int type = allocator.migrateType(gfp);
            while (filled < count) {
                if (pfns[filled] > 0) {
                    filled++;
                    continue;
                }
                long pfn = perCpu.remove(zone, pcp, 0, type, allocFlags);
                if (pfn == NO_PAGE) {
                    break;
                }
                if (allocator.checks().isBadNew(pfn, 0)) {
                    allocator.walk().dropBad(pfn, 0);
                    continue;
                }
                allocator.walk().prepare(pfn, 0, gfp);
                pfns[filled++] = pfn;
                got++;
            }
            if (got > 0) {
                allocator.walk().countAllocation(zonelist.get(first), zone, got, got);
                return filled;
            }
        }
        long pfn = allocator.allocPages(gfp, 0, preferredNode);
        if (pfn != NO_PAGE) {
            pfns[filled++] = pfn;
        }
        return filled;
    }

    /** Returns the first zone of the preferred node that stays above its low watermark after all of it, or null. */
    private static @Nullable Zone zoneFor(int gfp, Zonelist zonelist, int first, int highest, int count) {
        Zone preferred = zonelist.get(first);
        for (int z = first; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() > highest) {
                continue;
            }
            if (zone.node() != preferred.node()) {
                return null;
            }
            long mark = zone.watermarks().pages(Watermarks.LOW) + count;
            int allocFlags = AllocFlags.WMARK_LOW | AllocFlags.cma(gfp) | (gfp & Gfp.KSWAPD_RECLAIM);
            if (WatermarkCheck.fast(zone, 0, mark, highest, allocFlags)) {
                return zone;
            }
        }
        return null;
    }
}
