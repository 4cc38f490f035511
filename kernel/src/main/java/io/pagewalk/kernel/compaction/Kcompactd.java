package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.buddy.AllocFlags;
import io.pagewalk.kernel.buddy.CompactResult;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;

/**
 * The kernel thread that compacts one node in the background: {@code mm/compaction.c:kcompactd()}.
 *
 * <p>A cooperative task: {@link #wakeup} notes the work, {@link #run} does it when the system gives the thread its turn.
 */
public final class Kcompactd {
    /** How often the fragmentation score is looked at: {@code HPAGE_FRAG_CHECK_INTERVAL_MSEC}. */
    public static final long CHECK_INTERVAL_NANOS = 500_000_000L;

    private final NodeData node;
    private final PageAllocator allocator;
    private final Compaction compaction;
    private final ZoneCompactor compactor;
    private final VmCounters counters;
    private final int highestOfNode;
    private int maxOrder;
    private int highestZone;
    private boolean isProactiveTriggered;
    private boolean isWoken;
    private long nextCheckNanos = CHECK_INTERVAL_NANOS;

    /**
     * Creates the thread of a node, asleep.
     *
     * @param node its node
     * @param allocator the machine's page allocator
     * @param compaction the machine's compaction
     */
    public Kcompactd(NodeData node, PageAllocator allocator, Compaction compaction) {
        this.node = node;
        this.allocator = allocator;
        this.compaction = compaction;
        this.compactor = compaction.zoneCompactor();
        this.counters = allocator.counters();
        this.highestOfNode = node.zones().size() - 1;
        this.highestZone = highestOfNode;
    }

    /**
     * Asks for a free block of an order: {@code wakeup_kcompactd()}.
     *
     * @param order the order; 0 needs no compaction
     * @param highest highest zone index that the request could use
     */
    public void wakeup(int order, int highest) {
        if (order == 0) {
            return;
        }
        maxOrder = Math.max(maxOrder, order);
        highestZone = Math.min(highestZone, highest);
        if (isNodeSuitable()) {
            isWoken = true;
        }
    }

    /** Looks at the fragmentation score soon, as writing {@code compaction_proactiveness} makes it do. */
    public void triggerProactive() {
        isProactiveTriggered = compactor.proactiveness > 0;
    }

    /**
     * Returns whether there is something to do.
     *
     * @param nowNanos simulated time
     */
    public boolean hasWork(long nowNanos) {
        return isWoken || isProactiveTriggered || (compactor.proactiveness > 0 && nowNanos >= nextCheckNanos);
    }

    /**
     * Does what was asked for, or looks at the fragmentation score.
     *
     * @param nowNanos simulated time
     * @param kswapdRuns whether kswapd of this node works now, which proactive compaction leaves alone
     */
    public void run(long nowNanos, boolean kswapdRuns) {
        boolean before = allocator.setMemalloc(true);
        try {
            if (isWoken && !isProactiveTriggered) {
                isWoken = false;
                work();
                nextCheckNanos = nowNanos + CHECK_INTERVAL_NANOS;
                return;
            }
            long interval = CHECK_INTERVAL_NANOS;
            if (shouldCompactProactively(kswapdRuns)) {
                int score = Fragmentation.score(node);
                compaction.compactNode(node, true);
                if (Fragmentation.score(node) >= score) {
                    interval <<= Deferral.MAX_SHIFT;
                }
            }
            isProactiveTriggered = false;
            nextCheckNanos = nowNanos + interval;
        } finally {
            allocator.setMemalloc(before);
        }
    }

    /** {@code should_proactive_compact_node()}. */
    private boolean shouldCompactProactively(boolean kswapdRuns) {
        return compactor.proactiveness > 0
                && !kswapdRuns
                && Fragmentation.score(node) > Proactive.highMark(compactor.proactiveness);
    }

    /** {@code kcompactd_node_suitable()}. */
    private boolean isNodeSuitable() {
        for (int index = 0; index <= highestZone; index++) {
            Zone zone = node.zones().get(index);
            if (zone.isPopulated() && suits(zone, maxOrder, highestZone) == CompactResult.CONTINUE) {
                return true;
            }
        }
        return false;
    }

    private CompactResult suits(Zone zone, int order, int highest) {
        return Fragmentation.suits(zone, order, highest, AllocFlags.WMARK_MIN, false, compactor.extfragThreshold);
    }

    /** {@code kcompactd_do_work()}. */
    private void work() {
        int order = maxOrder;
        int highest = highestZone;
        counters.count(VmEvent.COMPACT_DAEMON_WAKE);
        for (int index = 0; index <= highest; index++) {
            Zone zone = node.zones().get(index);
            if (!zone.isPopulated()
                    || Deferral.isDeferred(zone, order)
                    || suits(zone, order, index) != CompactResult.CONTINUE) {
                continue;
            }
            CompactControl control = new CompactControl(zone, order, Gfp.GFP_KERNEL, MigrateMode.SYNC_LIGHT);
            control.highestZone = highest;
            CompactResult result = compactor.run(control);
            if (result == CompactResult.SUCCESS) {
                Deferral.succeeded(zone, order, false);
            } else if (Compaction.isFailure(result)) {
                allocator.drainZone(zone);
                Deferral.failed(zone, order);
            }
            counters.count(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED, control.migrateScanned);
            counters.count(VmEvent.COMPACT_DAEMON_FREE_SCANNED, control.freeScanned);
        }
        if (maxOrder <= order) {
            maxOrder = 0;
        }
        if (highestZone >= highest) {
            highestZone = highestOfNode;
        }
    }
}
