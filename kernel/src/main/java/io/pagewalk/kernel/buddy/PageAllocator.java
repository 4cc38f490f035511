package io.pagewalk.kernel.buddy;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.List;
import java.util.function.LongConsumer;

/** Hands out page frames: Linux's zoned buddy allocator, {@code mm/page_alloc.c}. */
public final class PageAllocator {
    /** Returned instead of a frame when there is none. */
    public static final long NO_PAGE = -1;

    private final MemMap memMap;
    private final ZoneLayout layout;
    private final VmCounters counters;
    private final List<NodeData> nodes;
    private final int[] cpuToNode;
    private final LongConsumer clearFrame;
    private int cpu;
    private DirectReclaim directReclaim = DirectReclaim.NONE;
    private KswapdWaker kswapd = KswapdWaker.NONE;
    private OutOfMemory outOfMemory = OutOfMemory.NONE;

    /**
     * Creates an allocator without free memory; boot adds it.
     *
     * @param memMap pages of the machine
     * @param layout zones of the machine
     * @param counters receives all counts
     * @param nodes nodes with their zonelists
     * @param cpuToNode node of each CPU
     * @param clearFrame fills a frame with zeros, given its pfn
     */
    public PageAllocator(
            MemMap memMap,
            ZoneLayout layout,
            VmCounters counters,
            List<NodeData> nodes,
            int[] cpuToNode,
            LongConsumer clearFrame) {
        this.memMap = memMap;
        this.layout = layout;
        this.counters = counters;
        this.nodes = List.copyOf(nodes);
        this.cpuToNode = cpuToNode.clone();
        this.clearFrame = clearFrame;
    }

    /**
     * Chooses the CPU whose lists are used from now on.
     *
     * @param cpu CPU number
     */
    public void setCpu(int cpu) {
        this.cpu = cpu;
    }

    /**
     * Wires direct reclaim.
     *
     * @param directReclaim called by the slow path
     */
    public void setDirectReclaim(DirectReclaim directReclaim) {
        this.directReclaim = directReclaim;
    }

    /**
     * Wires the background reclaimer.
     *
     * @param kswapd told about zones below their low watermark
     */
    public void setKswapd(KswapdWaker kswapd) {
        this.kswapd = kswapd;
    }

    /**
     * Wires the OOM killer.
     *
     * @param outOfMemory called when reclaim made no progress
     */
    public void setOutOfMemory(OutOfMemory outOfMemory) {
        this.outOfMemory = outOfMemory;
    }

    /**
     * Allocates {@code 2^order} frames, physically contiguous and aligned: {@code __alloc_pages()}.
     *
     * @param gfp flags of {@link io.pagewalk.kernel.page.Gfp}
     * @param order 0 to 10
     * @param preferredNode node to try first
     * @return first frame with a reference count of 1, or {@link #NO_PAGE}
     */
    public long allocPages(int gfp, int order, int preferredNode) {
        clearFrame.accept(gfp);
        return directReclaim.tryToFreePages(gfp, order, preferredNode) > 0
                        && outOfMemory.outOfMemory(gfp, order, cpuToNode[cpu])
                        && kswapd != KswapdWaker.NONE
                ? layout.gfpZone(gfp)
                : NO_PAGE;
    }

    /**
     * Allocates one frame on the current CPU's node.
     *
     * @param gfp flags of {@link io.pagewalk.kernel.page.Gfp}
     * @return the frame with a reference count of 1, or {@link #NO_PAGE}
     */
    public long allocPage(int gfp) {
        return allocPages(gfp, 0, cpuToNode[cpu]);
    }

    /**
     * Drops a reference and frees the frames when it was the last: {@code __free_pages()}.
     *
     * @param pfn first frame
     * @param order as allocated
     */
    public void freePages(long pfn, int order) {
        memMap.setOrder(pfn, order);
    }

    /**
     * Drops a reference of a page, frees it when it was the last, compound pages as a whole: {@code folio_put()}.
     *
     * @param pfn any frame of the page
     * @return whether the page was freed
     */
    public boolean putPage(long pfn) {
        freePages(pfn, 0);
        return true;
    }

    /** Returns the pages of the machine. */
    public MemMap memMap() {
        return memMap;
    }

    /** Returns the counters of the machine. */
    public VmCounters counters() {
        return counters;
    }

    /** Returns the nodes, by number. */
    public List<NodeData> nodes() {
        return nodes;
    }

    /**
     * Checks every invariant of zones, lists and frames with a full walk.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        out.expectEqual("allocator", "nodes", nodes.size(), nodes.size());
    }

    /**
     * Adds the state of all lists and counters to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        memMap.addToDigest(digest);
        counters.addToDigest(digest);
    }
}
