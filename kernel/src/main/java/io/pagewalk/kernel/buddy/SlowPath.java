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

/** What happens when no zone is above its low watermark: {@code mm/page_alloc.c:__alloc_pages_slowpath()}. */
final class SlowPath {
    /** {@code MAX_RECLAIM_RETRIES}. */
    private static final int MAX_RECLAIM_RETRIES = 16;

    /** {@code MAX_COMPACT_RETRIES}. */
    private static final int MAX_COMPACT_RETRIES = 16;

    /** Rounds after which a request that must not fail is a hang. Linux would loop forever. */
    private static final int NOFAIL_ROUNDS = 1000;

    private final PageAllocator allocator;
    private final HighAtomicReserve highAtomic;
    private final FailureReport failureReport;
    private final int normalZone;
    private final VmEvent[] stallEvents;
    private DirectReclaim directReclaim = DirectReclaim.NONE;
    private KswapdWaker kswapd = KswapdWaker.NONE;
    private OutOfMemory outOfMemory = OutOfMemory.NONE;
    private Compactor compactor = Compactor.NONE;
    /** {@code PF_MEMALLOC}: the caller frees memory, so it may use all of it and must not try to free more. */
    private boolean isMemalloc;

    private boolean isOomVictim;

    /** The state of one request. */
    private static final class Request {
        private final int gfp;
        private final int order;
        private final int highest;
        private Zonelist zonelist;
        private int first;
        private int noProgressLoops;
        private int compactionRetries;
        private CompactPriority compactPriority = CompactPriority.SYNC_LIGHT;
        private CompactResult compactResult = CompactResult.SKIPPED;

        private Request(int gfp, int order, Zonelist zonelist, int first, int highest) {
            this.gfp = gfp;
            this.order = order;
            this.zonelist = zonelist;
            this.first = first;
            this.highest = highest;
        }

        private boolean has(int flags) {
            return (gfp & flags) != 0;
        }

        private boolean isCostly() {
            return order > PerCpuPages.COSTLY_ORDER;
        }

        /** {@code gfp_compaction_allowed()}. */
        private boolean canCompact() {
            return has(Gfp.IO);
        }

        /** High-priority requests of the system need not obey memory policies. */
        private void ignorePolicy() {
            zonelist = zonelist.unrestricted();
            first = FreelistWalk.firstZone(zonelist, highest);
        }

        private int node() {
            return zonelist.get(first).node();
        }
    }

    SlowPath(PageAllocator allocator, HighAtomicReserve highAtomic, ZoneLayout layout) {
        this.allocator = allocator;
        this.highAtomic = highAtomic;
        this.failureReport = new FailureReport(allocator);
        this.normalZone = layout.indexOf(ZoneType.NORMAL);
        this.stallEvents = layout.types().stream().map(SlowPath::stallEvent).toArray(VmEvent[]::new);
    }

    void setDirectReclaim(DirectReclaim directReclaim) {
        this.directReclaim = directReclaim;
    }

    void setKswapd(KswapdWaker kswapd) {
        this.kswapd = kswapd;
    }

    KswapdWaker kswapd() {
        return kswapd;
    }

    void setOutOfMemory(OutOfMemory outOfMemory) {
        this.outOfMemory = outOfMemory;
    }

    void setCompactor(Compactor compactor) {
        this.compactor = compactor;
    }

    void setOomVictim(boolean isOomVictim) {
        this.isOomVictim = isOomVictim;
    }

    /** Tells whether the running task frees memory ({@code memalloc_noreclaim_save()}); returns what it was before. */
    boolean setMemalloc(boolean memalloc) {
        boolean before = isMemalloc;
        isMemalloc = memalloc;
        return before;
    }

    /** Tries until there is memory or the flags forbid to go on. */
    long allocate(int gfp, int order, Zonelist zonelist, int first, int highest) {
        Request request = new Request(gfp, order, zonelist, first, highest);
        long pfn = tryAll(request);
        if (pfn == NO_PAGE) {
            failureReport.warnAlloc(gfp, zonelist.nodes(), "page allocation failure: order:" + order);
        }
        return pfn;
    }

    private long tryAll(Request request) {
        boolean canReclaim = request.has(Gfp.DIRECT_RECLAIM);
        int allocFlags = AllocFlags.of(request.gfp, request.order) | defragFlags(request.gfp);
        wakeAllKswapds(request, allocFlags);
        long pfn = get(request, allocFlags);
        if (pfn != NO_PAGE) {
            return pfn;
        }
        if (canReclaim
                && request.canCompact()
                && (request.isCostly() || (request.order > 0 && !isMovable(request.gfp)))
                && reserveFlags(request.gfp) != AllocFlags.NO_WATERMARKS) {
            // For costly requests reclaim alone would hardly help; for others it keeps pageblocks unmixed.
            pfn = directCompact(request, allocFlags, CompactPriority.ASYNC);
            if (pfn != NO_PAGE) {
                return pfn;
            }
            if (request.isCostly() && request.has(Gfp.NORETRY)) {
                if (request.compactResult == CompactResult.SKIPPED || request.compactResult == CompactResult.DEFERRED) {
                    return NO_PAGE;
                }
                request.compactPriority = CompactPriority.ASYNC;
            }
        }
        for (int round = 0; ; round++) {
            KernelBug.on(
                    round > NOFAIL_ROUNDS,
                    "a request loops without end: " + Gfp.describe(request.gfp) + " order " + request.order);
            wakeAllKswapds(request, allocFlags);
            int reserveFlags = reserveFlags(request.gfp);
            if (reserveFlags != 0) {
                allocFlags = reserveFlags | AllocFlags.cma(request.gfp) | (allocFlags & AllocFlags.KSWAPD);
            }
            if (request.zonelist.isRestricted()
                    && (reserveFlags != 0 || (!canReclaim && (allocFlags & AllocFlags.MIN_RESERVE) != 0))) {
                request.ignorePolicy();
            }
            pfn = get(request, allocFlags);
            if (pfn != NO_PAGE) {
                return pfn;
            }
            if (!canReclaim) {
                // Without the right to reclaim, not even NOFAIL makes memory.
                return NO_PAGE;
            }
            if (!isMemalloc) {
                long progress = directReclaim(request);
                if (progress > 0) {
                    pfn = allocateAfterReclaim(request, allocFlags);
                    if (pfn != NO_PAGE) {
                        return pfn;
                    }
                }
                pfn = directCompact(request, allocFlags, request.compactPriority);
                if (pfn != NO_PAGE) {
                    return pfn;
                }
                boolean givesUp = request.has(Gfp.NORETRY)
                        || (request.isCostly() && (!request.canCompact() || !request.has(Gfp.RETRY_MAYFAIL)));
                if (!givesUp) {
                    if (shouldReclaimRetry(request, allocFlags, progress)
                            || (progress > 0 && request.canCompact() && shouldCompactRetry(request))) {
                        continue;
                    }
                    if (allocator.walk().isDefragMode() && (allocFlags & AllocFlags.NOFRAGMENT) != 0) {
                        allocFlags &= ~AllocFlags.NOFRAGMENT;
                        continue;
                    }
                    pfn = lastAttempt(request);
                    if (pfn != NO_PAGE) {
                        return pfn;
                    }
                    boolean killed = mayKill(request)
                            && (outOfMemory.outOfMemory(request.gfp, request.order, request.zonelist)
                                    || request.has(Gfp.NOFAIL));
                    if (killed && request.has(Gfp.NOFAIL)) {
                        pfn = get(request, AllocFlags.NO_WATERMARKS);
                        if (pfn != NO_PAGE) {
                            return pfn;
                        }
                    }
                    boolean isHopeless =
                            isOomVictim && ((allocFlags & AllocFlags.OOM) != 0 || request.has(Gfp.NOMEMALLOC));
                    if (killed && !isHopeless) {
                        request.noProgressLoops = 0;
                        continue;
                    }
                }
            }
            if (!request.has(Gfp.NOFAIL)) {
                return NO_PAGE;
            }
            pfn = get(request, AllocFlags.MIN_RESERVE);
            if (pfn != NO_PAGE) {
                return pfn;
            }
        }
    }

    private long get(Request request, int allocFlags) {
        return allocator
                .walk()
                .getPageFromFreelist(
                        request.gfp, request.order, allocFlags, request.zonelist, request.first, request.highest);
    }

    private static boolean isMovable(int gfp) {
        return AllocFlags.cma(gfp) != 0;
    }

    private int defragFlags(int gfp) {
        return allocator.walk().isDefragMode() && (gfp & Gfp.DIRECT_RECLAIM) != 0 ? AllocFlags.NOFRAGMENT : 0;
    }

    private void wakeAllKswapds(Request request, int allocFlags) {
        if ((allocFlags & AllocFlags.KSWAPD) == 0 || kswapd == KswapdWaker.NONE) {
            return;
        }
        int lastNode = -1;
        for (int z = 0; z < request.zonelist.size(); z++) {
            Zone zone = request.zonelist.get(z);
            if (zone.index() <= request.highest && zone.isManaged() && zone.node() != lastNode) {
                lastNode = zone.node();
                kswapd.wakeup(zone, request.gfp, request.order, request.highest);
            }
        }
    }

    /** {@code __gfp_pfmemalloc_flags()}. */
    private int reserveFlags(int gfp) {
        if ((gfp & Gfp.NOMEMALLOC) != 0) {
            return 0;
        }
        if ((gfp & Gfp.MEMALLOC) != 0) {
            return AllocFlags.NO_WATERMARKS;
        }
        if (allocator.isInInterrupt()) {
            return 0;
        }
        if (isMemalloc) {
            return AllocFlags.NO_WATERMARKS;
        }
        return isOomVictim ? AllocFlags.OOM : 0;
    }

    /** {@code __perform_reclaim()}. */
    private long directReclaim(Request request) {
        allocator.counters().count(stallEvents[request.highest]);
        boolean before = setMemalloc(true);
        try {
            return directReclaim.tryToFreePages(request.gfp, request.order, request.node());
        } finally {
            setMemalloc(before);
        }
    }

    /** {@code __alloc_pages_direct_reclaim()} after progress: tries, then drains what is cached or reserved and tries again. */
    private long allocateAfterReclaim(Request request, int allocFlags) {
        long pfn = get(request, allocFlags);
        if (pfn != NO_PAGE) {
            return pfn;
        }
        highAtomic.unreserve(
                request.zonelist,
                request.highest,
                allocator.migrateType(request.gfp),
                HighAtomicReserve.Pressure.NORMAL);
        allocator.drainAllPages();
        return get(request, allocFlags);
    }

    /** {@code __alloc_pages_direct_compact()}. */
    private long directCompact(Request request, int allocFlags, CompactPriority priority) {
        if (request.order == 0) {
            return NO_PAGE;
        }
        boolean before = setMemalloc(true);
        try {
            request.compactResult = request.canCompact()
                    ? compactor.tryToCompact(
                            request.gfp, request.order, allocFlags, request.zonelist, request.highest, priority)
                    : CompactResult.SKIPPED;
        } finally {
            setMemalloc(before);
        }
        if (request.compactResult == CompactResult.SKIPPED) {
            return NO_PAGE;
        }
        VmCounters counters = allocator.counters();
        counters.count(VmEvent.COMPACT_STALL);
        long pfn = compactor.takeCaptured();
        if (pfn != NO_PAGE) {
            allocator.walk().prepare(pfn, request.order, request.gfp);
        } else {
            pfn = get(request, allocFlags);
        }
        if (pfn == NO_PAGE) {
            counters.count(VmEvent.COMPACT_FAIL);
            return NO_PAGE;
        }
        compactor.succeeded(allocator.zoneOf(pfn), request.order);
        counters.count(VmEvent.COMPACT_SUCCESS);
        return pfn;
    }

    /** {@code should_reclaim_retry()}: whether the request fits if all that can be reclaimed were freed. */
    private boolean shouldReclaimRetry(Request request, int allocFlags, long progress) {
        if (progress > 0 && !request.isCostly()) {
            request.noProgressLoops = 0;
        } else {
            request.noProgressLoops++;
        }
        if (request.noProgressLoops <= MAX_RECLAIM_RETRIES) {
            for (int z = 0; z < request.zonelist.size(); z++) {
                Zone zone = request.zonelist.get(z);
                if (zone.index() > request.highest) {
                    continue;
                }
                long available = zone.freePages + reclaimable(zone);
                long min = zone.watermarks().pages(Watermarks.MIN);
                if (WatermarkCheck.ok(zone, request.order, min, request.highest, allocFlags, available)) {
                    return true;
                }
            }
        }
        return highAtomic.unreserve(
                request.zonelist,
                request.highest,
                allocator.migrateType(request.gfp),
                HighAtomicReserve.Pressure.OUT_OF_MEMORY);
    }

    /** {@code should_compact_retry()}. */
    private boolean shouldCompactRetry(Request request) {
        if (request.order == 0) {
            return false;
        }
        if (request.compactResult == CompactResult.SKIPPED) {
            return compactor.isAnySuitable(request.zonelist, request.order, request.highest);
        }
        if (request.compactResult == CompactResult.SUCCESS) {
            int maxRetries = request.isCostly() ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES;
            if (++request.compactionRetries <= maxRetries) {
                return true;
            }
        }
        CompactPriority hardest = request.isCostly() ? CompactPriority.SYNC_LIGHT : CompactPriority.SYNC_FULL;
        if (request.compactPriority.compareTo(hardest) > 0) {
            request.compactPriority = request.compactPriority.harder();
            request.compactionRetries = 0;
            return true;
        }
        return false;
    }

    /** {@code mm/vmscan.c:zone_reclaimable_pages()} without swap: pages of files. */
    private long reclaimable(Zone zone) {
        VmCounters counters = allocator.counters();
        return counters.get(zone, ZoneStat.NR_ZONE_INACTIVE_FILE) + counters.get(zone, ZoneStat.NR_ZONE_ACTIVE_FILE);
    }

    /** Against a race with another killer, Linux looks once more with the high watermark. */
    private long lastAttempt(Request request) {
        return allocator
                .walk()
                .getPageFromFreelist(
                        (request.gfp | Gfp.HARDWALL) & ~Gfp.DIRECT_RECLAIM,
                        request.order,
                        AllocFlags.WMARK_HIGH,
                        request.zonelist,
                        request.first,
                        request.highest);
    }

    /** {@code __alloc_pages_may_oom()}: requests for which nobody is killed. */
    private boolean mayKill(Request request) {
        return !request.isCostly() && !request.has(Gfp.RETRY_MAYFAIL | Gfp.THISNODE) && request.highest >= normalZone;
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
