package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.kernel.zone.Zonelist;

/**
 * What happens when no zone is above its low watermark: {@code mm/page_alloc.c:__alloc_pages_slowpath()}.
 *
 * <p>Differs from Linux: there is no compaction, so high orders get what reclaim and draining free by themselves.
 */
final class SlowPath {
    /** {@code MAX_RECLAIM_RETRIES}. */
    private static final int MAX_RECLAIM_RETRIES = 16;

    /** Rounds after which a request that must not fail is a hang. Linux would loop forever. */
    private static final int NOFAIL_ROUNDS = 1000;

    private final PageAllocator allocator;
    private final HighAtomicReserve highAtomic;
    private final int normalZone;
    private final VmEvent[] stallEvents;
    private DirectReclaim directReclaim = DirectReclaim.NONE;
    private KswapdWaker kswapd = KswapdWaker.NONE;
    private OutOfMemory outOfMemory = OutOfMemory.NONE;
    private boolean isReclaiming;
    private boolean isOomVictim;

    SlowPath(PageAllocator allocator, HighAtomicReserve highAtomic, ZoneLayout layout) {
        this.allocator = allocator;
        this.highAtomic = highAtomic;
        this.normalZone = layout.indexOf(ZoneType.NORMAL);
        this.stallEvents = layout.types().stream().map(SlowPath::stallEvent).toArray(VmEvent[]::new);
    }

    void setDirectReclaim(DirectReclaim directReclaim) {
        this.directReclaim = directReclaim;
    }

    void setKswapd(KswapdWaker kswapd) {
        this.kswapd = kswapd;
    }

    void setOutOfMemory(OutOfMemory outOfMemory) {
        this.outOfMemory = outOfMemory;
    }

    void setOomVictim(boolean isOomVictim) {
        this.isOomVictim = isOomVictim;
    }

    /** Tries until there is memory or the flags forbid to go on. */
    long allocate(int gfp, int order, Zonelist zonelist, int first, int highest) {
        boolean canReclaim = (gfp & Gfp.DIRECT_RECLAIM) != 0;
        boolean isCostly = order > PerCpuPages.COSTLY_ORDER;
        int allocFlags = AllocFlags.of(gfp, order) | defragFlags(gfp);
        wakeKswapd(zonelist, order, highest, allocFlags);
        long pfn = allocator.getPageFromFreelist(gfp, order, allocFlags, zonelist, first, highest);
        if (pfn != NO_PAGE) {
            return pfn;
        }
        int noProgressLoops = 0;
        for (int round = 0; ; round++) {
            KernelBug.on(
                    round > NOFAIL_ROUNDS, "a request loops without end: " + Gfp.describe(gfp) + " order " + order);
            int reserveFlags = reserveFlags(gfp);
            if (reserveFlags != 0) {
                allocFlags = reserveFlags | (allocFlags & AllocFlags.KSWAPD);
            }
            pfn = allocator.getPageFromFreelist(gfp, order, allocFlags, zonelist, first, highest);
            if (pfn != NO_PAGE) {
                return pfn;
            }
            if (!canReclaim || isReclaiming) {
                return NO_PAGE;
            }
            long progress = reclaim(gfp, order, zonelist, first, highest);
            if (progress > 0) {
                pfn = allocateAfterReclaim(gfp, order, allocFlags, zonelist, first, highest);
                if (pfn != NO_PAGE) {
                    return pfn;
                }
            }
            // Costly orders would need compaction to go on.
            boolean givesUp = (gfp & Gfp.NORETRY) != 0 || isCostly;
            if (!givesUp) {
                noProgressLoops = progress > 0 ? 0 : noProgressLoops + 1;
                if (shouldRetry(gfp, order, allocFlags, zonelist, highest, noProgressLoops)) {
                    continue;
                }
                if ((allocFlags & AllocFlags.NOFRAGMENT) != 0) {
                    allocFlags &= ~AllocFlags.NOFRAGMENT;
                    continue;
                }
                pfn = lastAttempt(gfp, order, zonelist, first, highest);
                if (pfn != NO_PAGE) {
                    return pfn;
                }
                if (mayKill(gfp, order, highest)
                        && outOfMemory.outOfMemory(
                                gfp, order, zonelist.get(first).node())) {
                    if (isOomVictim && ((allocFlags & AllocFlags.OOM) != 0 || (gfp & Gfp.NOMEMALLOC) != 0)) {
                        return NO_PAGE;
                    }
                    noProgressLoops = 0;
                    continue;
                }
            }
            if ((gfp & Gfp.NOFAIL) == 0) {
                return NO_PAGE;
            }
            pfn = allocator.getPageFromFreelist(gfp, order, AllocFlags.MIN_RESERVE, zonelist, first, highest);
            if (pfn != NO_PAGE) {
                return pfn;
            }
        }
    }

    private int defragFlags(int gfp) {
        return allocator.isDefragMode() && (gfp & Gfp.DIRECT_RECLAIM) != 0 ? AllocFlags.NOFRAGMENT : 0;
    }

    private void wakeKswapd(Zonelist zonelist, int order, int highest, int allocFlags) {
        if ((allocFlags & AllocFlags.KSWAPD) == 0 || kswapd == KswapdWaker.NONE) {
            return;
        }
        int lastNode = -1;
        for (int z = 0; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() <= highest && zone.isManaged() && zone.node() != lastNode) {
                lastNode = zone.node();
                kswapd.wakeup(zone, order, highest);
            }
        }
    }

    /** {@code __gfp_pfmemalloc_flags()}. */
    private int reserveFlags(int gfp) {
        if ((gfp & Gfp.NOMEMALLOC) != 0) {
            return 0;
        }
        if ((gfp & Gfp.MEMALLOC) != 0 || isReclaiming) {
            return AllocFlags.NO_WATERMARKS;
        }
        return isOomVictim ? AllocFlags.OOM : 0;
    }

    private long reclaim(int gfp, int order, Zonelist zonelist, int first, int highest) {
        allocator.counters().count(stallEvents[highest]);
        isReclaiming = true;
        try {
            return directReclaim.tryToFreePages(gfp, order, zonelist.get(first).node());
        } finally {
            isReclaiming = false;
        }
    }

    /** {@code __alloc_pages_direct_reclaim()} after progress: tries, then drains what is cached or reserved and tries again. */
    private long allocateAfterReclaim(int gfp, int order, int allocFlags, Zonelist zonelist, int first, int highest) {
        long pfn = allocator.getPageFromFreelist(gfp, order, allocFlags, zonelist, first, highest);
        if (pfn != NO_PAGE) {
            return pfn;
        }
        highAtomic.unreserve(zonelist, highest, Gfp.migrateType(gfp), HighAtomicReserve.Pressure.NORMAL);
        allocator.drainAllPages();
        return allocator.getPageFromFreelist(gfp, order, allocFlags, zonelist, first, highest);
    }

    /** {@code should_reclaim_retry()}: whether the request fits if all file pages were freed. */
    private boolean shouldRetry(
            int gfp, int order, int allocFlags, Zonelist zonelist, int highest, int noProgressLoops) {
        if (noProgressLoops <= MAX_RECLAIM_RETRIES) {
            for (int z = 0; z < zonelist.size(); z++) {
                Zone zone = zonelist.get(z);
                if (zone.index() > highest) {
                    continue;
                }
                long available = zone.freePages + reclaimable(zone);
                if (WatermarkCheck.ok(
                        zone, order, zone.watermarks().pages(Watermarks.MIN), highest, allocFlags, available)) {
                    return true;
                }
            }
        }
        return highAtomic.unreserve(zonelist, highest, Gfp.migrateType(gfp), HighAtomicReserve.Pressure.OUT_OF_MEMORY);
    }

    private long reclaimable(Zone zone) {
        VmCounters counters = allocator.counters();
        return counters.get(zone, ZoneStat.NR_ZONE_INACTIVE_FILE) + counters.get(zone, ZoneStat.NR_ZONE_ACTIVE_FILE);
    }

    /** Against a race with another killer, Linux looks once more with the high watermark. */
    private long lastAttempt(int gfp, int order, Zonelist zonelist, int first, int highest) {
        return allocator.getPageFromFreelist(
                gfp & ~Gfp.DIRECT_RECLAIM, order, AllocFlags.WMARK_HIGH, zonelist, first, highest);
    }

    /** {@code __alloc_pages_may_oom()}: requests for which nobody is killed. */
    private boolean mayKill(int gfp, int order, int highest) {
        return order <= PerCpuPages.COSTLY_ORDER
                && (gfp & (Gfp.RETRY_MAYFAIL | Gfp.THISNODE)) == 0
                && highest >= normalZone;
    }

    private static VmEvent stallEvent(ZoneType type) {
        return switch (type) {
            case DMA -> VmEvent.ALLOCSTALL_DMA;
            case DMA32 -> VmEvent.ALLOCSTALL_DMA32;
            case NORMAL -> VmEvent.ALLOCSTALL_NORMAL;
            case HIGHMEM -> VmEvent.ALLOCSTALL_HIGH;
            case MOVABLE -> VmEvent.ALLOCSTALL_MOVABLE;
            case DEVICE -> VmEvent.ALLOCSTALL_DEVICE;
        };
    }
}
