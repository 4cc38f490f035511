package io.pagewalk.kernel.system;

import io.pagewalk.base.SimClock;
import io.pagewalk.kernel.buddy.KswapdWaker;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.WatermarkCheck;
import io.pagewalk.kernel.cma.CmaArea;
import io.pagewalk.kernel.compaction.Compaction;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.compaction.Kcompactd;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.FrameRange;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The kernel threads that work on physical memory, and when they run: a kcompactd for each node, and what of kswapd needs no reclaim.
 *
 * <p>A thread that was woken runs at the next system call or after the next fault; timers are looked at when a system call begins. Differs from Linux: kswapd frees nothing
 * here; it takes raised watermarks back, clears compaction's marks and wakes kcompactd, as it does before it sleeps.
 */
final class PageThreads implements KswapdWaker {
    /** What one node has. */
    private static final class Node {
        private final NodeData data;
        private final Kcompactd kcompactd;
        private boolean isKswapdWoken;
        private int kswapdOrder;
        private int kswapdHighestZone;

        private Node(NodeData data, Kcompactd kcompactd) {
            this.data = data;
            this.kcompactd = kcompactd;
        }
    }

    private final Compaction compaction;
    private final ContiguousAllocator contiguous;
    private final @Nullable CmaArea cma;
    private final SimClock clock;
    private final List<Node> nodes = new ArrayList<>();
    private boolean isPending;
    private boolean isRunning;

    PageThreads(BootMemory boot, PageMover mover, Sysctls sysctls, SimClock clock) {
        PageAllocator allocator = boot.allocator();
        this.clock = clock;
        this.compaction = new Compaction(allocator);
        compaction.setMover(mover);
        compaction.applySettings(sysctls);
        for (NodeData node : allocator.nodes()) {
            nodes.add(new Node(node, new Kcompactd(node, allocator, compaction)));
        }
        contiguous = new ContiguousAllocator(allocator, compaction);
        FrameRange range = boot.cma();
        cma = range == null
                ? null
                : new CmaArea("reserved", range.startPfn(), (int) range.frames(), allocator, contiguous);
        allocator.setCompactor(compaction);
        allocator.setKswapd(this);
    }

    ContiguousAllocator contiguous() {
        return contiguous;
    }

    @Nullable
    CmaArea cma() {
        return cma;
    }

    Compaction compaction() {
        return compaction;
    }

    /** {@code compaction_proactiveness_sysctl_handler()}: each kcompactd looks at its node soon. */
    void triggerProactive() {
        nodes.forEach(node -> node.kcompactd.triggerProactive());
        isPending = true;
    }

    /** Returns whether a thread was woken. */
    boolean isPending() {
        return isPending;
    }

    @Override
    public void wakeup(Zone zone, int gfp, int order, int highestZone) {
        if (!zone.isManaged()) {
            return;
        }
        Node node = nodes.get(zone.node());
        node.kswapdOrder = Math.max(node.kswapdOrder, order);
        node.kswapdHighestZone = Math.max(node.kswapdHighestZone, highestZone);
        if (isBalanced(node.data, order, highestZone) && !isBoosted(node.data, highestZone)) {
            if ((gfp & Gfp.DIRECT_RECLAIM) == 0) {
                node.kcompactd.wakeup(order, highestZone);
                isPending |= node.kcompactd.hasWork(0);
            }
            return;
        }
        node.isKswapdWoken = true;
        isPending = true;
    }

    /** Runs the threads that were woken: at a system call also those whose time has come. */
    void run() {
        if (isRunning) {
            return;
        }
        isPending = false;
        isRunning = true;
        try {
            for (Node node : nodes) {
                if (node.isKswapdWoken) {
                    kswapd(node);
                }
                if (node.kcompactd.hasWork(clock.nanos())) {
                    node.kcompactd.run(clock.nanos(), false);
                }
            }
        } finally {
            isRunning = false;
        }
    }

    /** The part of {@code mm/vmscan.c:balance_pgdat()} and {@code kswapd_try_to_sleep()} that reclaims nothing. */
    private void kswapd(Node node) {
        node.isKswapdWoken = false;
        boolean wasBoosted = isBoosted(node.data, node.kswapdHighestZone);
        for (int index = 0; index <= node.kswapdHighestZone; index++) {
            node.data.zones().get(index).watermarks().setBoost(0);
        }
        if (wasBoosted) {
            node.kcompactd.wakeup(MemMap.PAGEBLOCK_ORDER, node.kswapdHighestZone);
        }
        compaction.resetIsolationSuitable(node.data);
        node.kcompactd.wakeup(node.kswapdOrder, node.kswapdHighestZone);
        node.kswapdOrder = 0;
        node.kswapdHighestZone = 0;
    }

    /** {@code pgdat_balanced()}: a zone that the request may use is above its high watermark. */
    private static boolean isBalanced(NodeData node, int order, int highestZone) {
        for (int index = 0; index <= highestZone; index++) {
            Zone zone = node.zones().get(index);
            if (zone.isManaged()
                    && WatermarkCheck.ok(zone, order, zone.watermarks().pages(Watermarks.HIGH), highestZone, 0)) {
                return true;
            }
        }
        return false;
    }

    /** {@code pgdat_watermark_boosted()}. */
    private static boolean isBoosted(NodeData node, int highestZone) {
        for (int index = highestZone; index >= 0; index--) {
            if (node.zones().get(index).watermarks().boost() > 0) {
                return true;
            }
        }
        return false;
    }
}
