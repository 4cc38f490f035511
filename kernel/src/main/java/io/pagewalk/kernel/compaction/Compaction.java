package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.buddy.CompactPriority;
import io.pagewalk.kernel.buddy.CompactResult;
import io.pagewalk.kernel.buddy.Compactor;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.Zonelist;

/** Memory compaction of a machine: direct, on demand of a user, and what kcompactd does ({@code mm/compaction.c}). */
public final class Compaction implements Compactor {
    private final PageAllocator allocator;
    private final VmCounters counters;
    private final ZoneCompactor compactor;
    private long captured = PageAllocator.NO_PAGE;

    /**
     * Creates the compaction of a machine; nothing can be moved before {@link #setMover}.
     *
     * @param allocator the machine's page allocator
     */
    public Compaction(PageAllocator allocator) {
        this.allocator = allocator;
        this.counters = allocator.counters();
        this.compactor = new ZoneCompactor(allocator);
    }

    /**
     * Wires the page migration.
     *
     * @param mover moves pages
     */
    public void setMover(PageMover mover) {
        compactor.setMover(mover);
    }

    /**
     * Takes over the settings {@code extfrag_threshold}, {@code compaction_proactiveness} and {@code compact_unevictable_allowed}.
     *
     * @param sysctls the machine's settings
     */
    public void applySettings(Sysctls sysctls) {
        compactor.extfragThreshold = sysctls.get("extfrag_threshold");
        compactor.proactiveness = sysctls.get("compaction_proactiveness");
        compactor.migrateScanner().setMayTakeUnevictable(sysctls.get("compact_unevictable_allowed") != 0);
    }

    @Override
    public CompactResult tryToCompact(
            int gfp, int order, int allocFlags, Zonelist zonelist, int highestZone, CompactPriority priority) {
        CompactResult best = CompactResult.SKIPPED;
        if ((gfp & Gfp.IO) == 0) {
            return best;
        }
        for (int z = 0; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() > highestZone) {
                continue;
            }
            if (priority != CompactPriority.SYNC_FULL && Deferral.isDeferred(zone, order)) {
                best = best.max(CompactResult.DEFERRED);
                continue;
            }
            CompactResult result = compactForRequest(zone, gfp, order, allocFlags, highestZone, priority);
            best = best.max(result);
            if (result == CompactResult.SUCCESS) {
                Deferral.succeeded(zone, order, false);
                break;
            }
            if (priority != CompactPriority.ASYNC && isFailure(result)) {
                Deferral.failed(zone, order);
            }
        }
        return best;
    }

    @Override
    public long takeCaptured() {
        long pfn = captured;
        captured = PageAllocator.NO_PAGE;
        return pfn;
    }

    @Override
    public boolean isAnySuitable(Zonelist zonelist, int order, int highestZone) {
        for (int z = 0; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() > highestZone) {
                continue;
            }
            long reclaimable = counters.get(zone, ZoneStat.NR_ZONE_INACTIVE_FILE)
                    + counters.get(zone, ZoneStat.NR_ZONE_ACTIVE_FILE);
            long available = reclaimable / order + zone.freePages;
            long min = zone.watermarks().pages(Watermarks.MIN);
            if (Fragmentation.hasTargets(zone, order, min, highestZone, available)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void succeeded(Zone zone, int order) {
        zone.compaction.blockskipFlush = false;
        Deferral.succeeded(zone, order, true);
    }

    /** Compacts all zones of all nodes, as writing 1 to {@code /proc/sys/vm/compact_memory} does: {@code compact_nodes()}. */
    public void compactNodes() {
        for (NodeData node : allocator.nodes()) {
            compactNode(node);
        }
    }

    /**
     * Compacts all zones of a node, as writing to {@code /sys/devices/system/node/node0/compact} does: {@code compact_node()}.
     *
     * @param node the node
     */
    public void compactNode(NodeData node) {
        compactNode(node, false);
    }

    /**
     * Clears the skip marks of a node's pageblocks if a full run ended since; kswapd does it before it sleeps: {@code reset_isolation_suitable()}.
     *
     * @param node the node
     */
    public void resetIsolationSuitable(NodeData node) {
        for (Zone zone : node.zones()) {
            if (zone.isPopulated()) {
                compactor.hints().reset(zone);
            }
        }
    }

    /** Returns what kcompactd and contiguous allocation work with. */
    ZoneCompactor zoneCompactor() {
        return compactor;
    }

    void compactNode(NodeData node, boolean isProactive) {
        for (Zone zone : node.zones()) {
            if (!zone.isPopulated()) {
                continue;
            }
            CompactControl control = new CompactControl(
                    zone,
                    CompactControl.WHOLE,
                    Gfp.GFP_KERNEL,
                    isProactive ? MigrateMode.SYNC_LIGHT : MigrateMode.SYNC);
            control.ignoresSkipHint = true;
            control.wholeZone = true;
            control.isProactive = isProactive;
            compactor.run(control);
            if (isProactive) {
                counters.count(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED, control.migrateScanned);
                counters.count(VmEvent.COMPACT_DAEMON_FREE_SCANNED, control.freeScanned);
            }
        }
    }

    static boolean isFailure(CompactResult result) {
        return result == CompactResult.COMPLETE || result == CompactResult.PARTIAL_SKIPPED;
    }

    /** {@code compact_zone_order()}. */
    private CompactResult compactForRequest(
            Zone zone, int gfp, int order, int allocFlags, int highestZone, CompactPriority priority) {
        boolean isFull = priority == CompactPriority.SYNC_FULL;
        CompactControl control = new CompactControl(
                zone, order, gfp, priority == CompactPriority.ASYNC ? MigrateMode.ASYNC : MigrateMode.SYNC_LIGHT);
        control.allocFlags = allocFlags;
        control.highestZone = highestZone;
        control.isDirect = true;
        control.wholeZone = isFull;
        control.ignoresSkipHint = isFull;
        control.ignoresBlockSuitable = isFull;
        compactor.free().beginCapture(zone, order, control.migrateType);
        CompactResult result = compactor.run(control);
        captured = compactor.free().endCapture();
        return captured != PageAllocator.NO_PAGE ? CompactResult.SUCCESS : result;
    }
}
