package io.pagewalk.kernel.buddy;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Hands out page frames: Linux's zoned buddy allocator, {@code mm/page_alloc.c}.
 *
 * <p>A request names its flags ({@link Gfp}), an order and a node. It is served by the first zone of the node's zonelist that stays above its
 * watermark; single pages, small blocks and huge pages come from the current CPU's lists. What fails here goes to the slow path: reserves, kswapd,
 * direct reclaim, the OOM killer.
 */
public final class PageAllocator extends PageForms {
    /** Returned instead of a frame when there is none. */
    public static final long NO_PAGE = -1;

    private final MemMap memMap;
    private final int layoutSize;
    private final VmCounters counters;
    private final List<NodeData> nodes;
    private final AddressConversion conversion;
    private final FreeLists lists;
    private final Fallbacks fallbacks;
    private final PerCpuLists perCpu;
    private final HighAtomicReserve highAtomic;
    private final SlowPath slowPath;
    private final Zone[] zoneBySlot;
    private final Zonelist[] fallbackLists;
    private final Zonelist[] thisNodeLists;
    private final int[] cpuToNode;
    private final int[] zoneOfGfp = new int[Gfp.ZONE_MASK + 1];
    private final FailNth failNth = new FailNth();
    private final PageChecks checks;
    private final BulkAllocator bulk;
    private final FreelistWalk walk;
    private final PageFreeing freeing;
    /** Place of the best zone in a zonelist, by node, list (fallback, this node) and highest zone; -1 when there is none. */
    private final int[] firstPlaces;
    /** The slot of the best zone, or -1, for each node and highest zone. */
    private final int[] bestSlots;

    private boolean inInterrupt;
    private @Nullable TaskPages taskPages;
    private long watermarkBoostFactor;

    /**
     * Creates an allocator without free memory; {@link #addBootRange} adds it.
     *
     * @param memMap pages of the machine
     * @param counters receives all counts
     * @param nodes nodes with their zonelists, by number
     * @param cpuToNode node of each CPU
     * @param conversion direct map
     * @param clearFrame fills a frame with zeros, given its pfn
     */
    public PageAllocator(
            MemMap memMap,
            VmCounters counters,
            List<NodeData> nodes,
            int[] cpuToNode,
            AddressConversion conversion,
            LongConsumer clearFrame) {
        this.memMap = memMap;
        ZoneLayout layout = counters.layout();
        this.layoutSize = layout.size();
        this.counters = counters;
        this.nodes = List.copyOf(nodes);
        this.conversion = conversion;
        this.cpuToNode = cpuToNode.clone();
        lists = new FreeLists(memMap);
        fallbacks = new Fallbacks(memMap, lists);
        perCpu = new PerCpuLists(memMap, lists, fallbacks, layout);
        highAtomic = new HighAtomicReserve(memMap, lists, fallbacks);
        slowPath = new SlowPath(this, highAtomic, layout);
        List<Zone> all = new ArrayList<>();
        nodes.forEach(node -> all.addAll(node.zones()));
        zoneBySlot = all.toArray(Zone[]::new);
        fallbackLists = nodes.stream().map(NodeData::fallback).toArray(Zonelist[]::new);
        thisNodeLists = nodes.stream().map(NodeData::thisNode).toArray(Zonelist[]::new);
        for (int bits = 0; bits <= Gfp.ZONE_MASK; bits++) {
            zoneOfGfp[bits] = layout.gfpZone(bits);
        }
        counters.attach(all);
        checks = new PageChecks(memMap, zoneBySlot);
        walk = new FreelistWalk(counters, zoneBySlot, lists, fallbacks, perCpu, highAtomic, checks, memMap, clearFrame);
        walk.setCpu(0, cpuToNode[0]);
        freeing = new PageFreeing(memMap, counters, zoneBySlot, lists, perCpu, checks, walk);
        firstPlaces = FreelistWalk.firstPlaces(fallbackLists, thisNodeLists, layoutSize);
        bestSlots = FreelistWalk.bestSlots(fallbackLists, layoutSize);
        bulk = new BulkAllocator(this, perCpu);
    }

    /**
     * Chooses the CPU whose lists and node are used from now on.
     *
     * @param cpu CPU number
     */
    public void setCpu(int cpu) {
        walk.setCpu(cpu, cpuToNode[cpu]);
    }

    /** Returns the number of CPUs. */
    public int cpus() {
        return cpuToNode.length;
    }

    /**
     * Returns a CPU's node: {@code cpu_to_node()}.
     *
     * @param ofCpu CPU number
     */
    public int nodeOf(int ofCpu) {
        return cpuToNode[ofCpu];
    }

    /** Returns the current CPU's node: {@code numa_mem_id()}. */
    public int currentNode() {
        return walk.cpuNode();
    }

    /** Returns the current CPU: {@code raw_smp_processor_id()}. */
    public int currentCpu() {
        return walk.cpu();
    }

    /**
     * Tells who serves requests of the running task that name no node.
     *
     * @param pages the task's policy, or null for the current CPU's node
     */
    public void setTaskPages(@Nullable TaskPages pages) {
        taskPages = pages;
    }

    /** Returns whether an interrupt handler runs: {@code in_interrupt()}. */
    public boolean isInInterrupt() {
        return inInterrupt;
    }

    /**
     * Tells whether an interrupt handler runs: requests that may sleep are then reported in the kernel log, as {@code might_alloc()} does.
     *
     * @param inInterrupt the new state
     */
    public void setInInterrupt(boolean inInterrupt) {
        this.inInterrupt = inInterrupt;
    }

    /**
     * Switches {@code vm.defrag_mode}: requests then never mix pageblocks before reclaim was tried.
     *
     * @param isDefragMode the new state
     */
    public void setDefragMode(boolean isDefragMode) {
        walk.setDefragMode(isDefragMode);
    }

    /**
     * Switches {@code page_group_by_mobility_disabled}: all requests then count as unmovable, and claimed pageblocks become so. Linux sets it at boot when memory is
     * too small for a pageblock of each type ({@code mm/page_alloc.c:build_all_zonelists()}).
     *
     * @param isDisabled the new state
     */
    public void setGroupingDisabled(boolean isDisabled) {
        walk.setGroupingDisabled(isDisabled);
    }

    /** Returns the type whose pageblocks a request is served from: {@code gfp_migratetype()}. */
    int migrateType(int gfp) {
        return walk.migrateType(gfp);
    }

    /**
     * Wires direct reclaim.
     *
     * @param directReclaim called by the slow path
     */
    public void setDirectReclaim(DirectReclaim directReclaim) {
        slowPath.setDirectReclaim(directReclaim);
    }

    /**
     * Wires the background reclaimer.
     *
     * @param kswapd told about zones below their low watermark
     */
    public void setKswapd(KswapdWaker kswapd) {
        slowPath.setKswapd(kswapd);
        walk.setKswapd(kswapd);
        setWatermarkBoostFactor(watermarkBoostFactor);
    }

    /**
     * Wires the OOM killer.
     *
     * @param outOfMemory called when reclaim made no progress
     */
    public void setOutOfMemory(OutOfMemory outOfMemory) {
        slowPath.setOutOfMemory(outOfMemory);
    }

    /**
     * Wires the compactor.
     *
     * @param compactor called by the slow path for blocks
     */
    public void setCompactor(Compactor compactor) {
        slowPath.setCompactor(compactor);
    }

    /**
     * Tells whether the running task frees memory: it may then use all reserves and starts no reclaim ({@code PF_MEMALLOC},
     * {@code memalloc_noreclaim_save()}).
     *
     * @param isMemalloc the new state
     * @return the state before
     */
    public boolean setMemalloc(boolean isMemalloc) {
        return slowPath.setMemalloc(isMemalloc);
    }

    /**
     * Tells whether the current task is a victim of the OOM killer: it then may use reserves ({@code tsk_is_oom_victim()}).
     *
     * @param isOomVictim the new state
     */
    public void setOomVictim(boolean isOomVictim) {
        slowPath.setOomVictim(isOomVictim);
    }

    /**
     * Adds free boot memory in the order in which boot frees it: {@code mm/memblock.c:__free_memory_core()}. Its frames are FREE in the memmap's boot
     * ranges.
     *
     * @param zone the zone that all frames belong to
     * @param startPfn first frame
     * @param endPfn first frame after it
     */
    public void addBootRange(Zone zone, long startPfn, long endPfn) {
        long block = 1L << MemMap.MAX_PAGE_ORDER;
        long pfn = startPfn;
        while (pfn < endPfn) {
            if ((pfn & (block - 1)) == 0 && pfn + block <= endPfn) {
                long blocks = (endPfn - pfn) >>> MemMap.MAX_PAGE_ORDER;
                lists.addBootBlocks(zone, pfn, blocks);
                pfn += blocks << MemMap.MAX_PAGE_ORDER;
                continue;
            }
            int order =
                    pfn == 0 ? MemMap.MAX_PAGE_ORDER : Math.min(Long.numberOfTrailingZeros(pfn), MemMap.MAX_PAGE_ORDER);
            while (pfn + (1L << order) > endPfn) {
                order--;
            }
            lists.addBootBlock(zone, pfn, order);
            pfn += 1L << order;
        }
        zone.addManagedPages(endPfn - startPfn);
        counters.count(VmEvent.PGFREE, endPfn - startPfn);
    }

    /**
     * Allocates {@code 2^order} frames, physically contiguous and aligned: {@code __alloc_pages()}.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10; a larger one always fails
     * @param preferredNode node to try first
     * @return first frame with a reference count of 1 and the owner KERNEL, or {@link #NO_PAGE}
     */
    public long allocPages(int gfp, int order, int preferredNode) {
        if ((inInterrupt || order > MemMap.MAX_PAGE_ORDER || failNth.isArmed()) && isRefused(gfp, order)) {
            return NO_PAGE;
        }
        boolean isThisNode = (gfp & Gfp.THISNODE) != 0;
        Zonelist zonelist = isThisNode ? thisNodeLists[preferredNode] : fallbackLists[preferredNode];
        int highest = zoneOfGfp[gfp & Gfp.ZONE_MASK];
        int first = firstPlaces[(preferredNode * 2 + (isThisNode ? 1 : 0)) * layoutSize + highest];
        if (first < 0) {
            return NO_PAGE;
        }
        Zone best = zonelist.get(first);
        if (order == 0) {
            long cached = walk.takeCached(gfp, best, best.slot(), highest);
            if (cached != NO_PAGE) {
                return cached;
            }
        }
        return allocFromLists(gfp, order, zonelist, first, highest);
    }

    /**
     * Allocates frames from some nodes only: {@code __alloc_pages()} with a nodemask.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10
     * @param zonelist zones to try
     * @return first frame, or {@link #NO_PAGE}
     */
    public long allocPages(int gfp, int order, Zonelist zonelist) {
        int highest = zoneOfGfp[gfp & Gfp.ZONE_MASK];
        int first = FreelistWalk.firstZone(zonelist, highest);
        return isRefused(gfp, order) || first < 0 ? NO_PAGE : allocFromLists(gfp, order, zonelist, first, highest);
    }

    /** The walk over the zones, apart so that the request that a per-CPU list serves stays small enough to be compiled into its caller. */
    private long allocFromLists(int gfp, int order, Zonelist zonelist, int first, int highest) {
        int allocFlags = AllocFlags.WMARK_LOW | AllocFlags.cma(gfp) | walk.nofragmentFlags(zonelist.get(first), gfp);
        long pfn = walk.getPageFromFreelist(gfp, order, allocFlags, zonelist, first, highest);
        return pfn != NO_PAGE ? pfn : slowPath.allocate(gfp, order, zonelist, first, highest);
    }

    /** What hardly ever happens: requests of impossible orders, in interrupt context, and those that shall fail. */
    private boolean isRefused(int gfp, int order) {
        if (order > MemMap.MAX_PAGE_ORDER) {
            if ((gfp & Gfp.NOWARN) == 0) {
                checks.warnOrder();
            }
            return true;
        }
        if (inInterrupt && (gfp & Gfp.DIRECT_RECLAIM) != 0) {
            checks.warnSleeping();
        }
        return (gfp & Gfp.NOFAIL) == 0 && failNth.shouldFail();
    }

    /**
     * Wires the kernel log and the running task.
     *
     * @param host where reports go
     */
    public void setHost(AllocatorHost host) {
        checks.setHost(host);
    }

    /** Returns what makes a chosen allocation of this machine fail; switched off until it is armed. */
    public FailNth failNth() {
        return failNth;
    }

    /**
     * Allocates frames on the current CPU's node, or where the running task's policy wants them: {@code alloc_pages()}.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10
     * @return first frame with a reference count of 1, or {@link #NO_PAGE}
     */
    @Override
    public long allocPages(int gfp, int order) {
        TaskPages policied = taskPages;
        if (policied != null && !inInterrupt && (gfp & Gfp.THISNODE) == 0) {
            return policied.allocate(gfp, order);
        }
        return allocPages(gfp, order, walk.cpuNode());
    }

    /**
     * Allocates one frame on the current CPU's node, or where the running task's policy wants it: {@code alloc_page()}.
     *
     * @param gfp flags of {@link Gfp}
     * @return the frame with a reference count of 1, or {@link #NO_PAGE}
     */
    public long allocPage(int gfp) {
        if (taskPages != null) {
            return allocPages(gfp, 0);
        }
        int node = walk.cpuNode();
        if (!inInterrupt && !failNth.isArmed() && (gfp & Gfp.THISNODE) == 0) {
            int highest = zoneOfGfp[gfp & Gfp.ZONE_MASK];
            int slot = bestSlots[node * layoutSize + highest];
            if (slot >= 0) {
                long cached = walk.takeCached(gfp, zoneBySlot[slot], slot, highest);
                if (cached != NO_PAGE) {
                    return cached;
                }
            }
        }
        return allocPages(gfp, 0, node);
    }

    /**
     * Drops a reference and frees the frames when it was the last: {@code __free_pages()}. When others still hold the first frame of a block that is not
     * compound, all frames but the first are freed. A page that is free already gets a reference count below 0 and is found bad when it would be
     * handed out next. Differs from Linux: the further frames of a block that is freed twice are not freed again, which would put them on the lists twice.
     *
     * @param pfn first frame
     * @param order as allocated
     */
    @Override
    public void freePages(long pfn, int order) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        int left = --section.refcount[i];
        if (left == 0) {
            freeing.free(section, i, pfn, order);
        } else if (left < 0) {
            checks.droppedTooOften(section, i);
        } else if ((section.flags[i] & PageFlags.HEAD) == 0) {
            for (int o = order - 1; o >= 0; o--) {
                freeing.free(section, i + (1 << o), pfn + (1L << o), o);
            }
        }
    }

    /**
     * Drops a reference of a page, frees it when it was the last, compound pages as a whole: {@code folio_put()}.
     *
     * @param pfn any frame of the page
     * @return whether the page was freed
     */
    public boolean putPage(long pfn) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        long head = pfn;
        if ((section.flags[i] & PageFlags.TAIL) != 0) {
            head = Integer.toUnsignedLong(section.next[i]);
            i = (int) head & MemMap.SECTION_MASK;
        }
        int left = --section.refcount[i];
        if (left > 0) {
            return false;
        }
        if (left < 0) {
            checks.droppedTooOften(section, i);
            return false;
        }
        freeing.free(section, i, head, (section.flags[i] & PageFlags.HEAD) != 0 ? section.order[i] : 0);
        return true;
    }

    /**
     * Allocates many single frames from one zone at once: {@code alloc_pages_bulk()}.
     *
     * @param gfp flags of {@link Gfp}
     * @param preferredNode node to try first
     * @param pfns receives the frames in its places that hold 0; places with a frame keep it
     * @param count how many places, at most the array's length
     * @return how many places from the first on hold a frame now; fewer than wanted when the local zones are short
     */
    public int allocPagesBulk(int gfp, int preferredNode, long[] pfns, int count) {
        Zonelist zonelist = (gfp & Gfp.THISNODE) != 0 ? thisNodeLists[preferredNode] : fallbackLists[preferredNode];
        int highest = zoneOfGfp[gfp & Gfp.ZONE_MASK];
        int first = FreelistWalk.firstZone(zonelist, highest);
        return bulk.allocate(gfp, zonelist, first, highest, pfns, count, preferredNode);
    }

    /**
     * Turns one block that is not compound into single pages with a reference each: {@code split_page()}.
     *
     * @param pfn first frame
     * @param order as allocated
     */
    @Override
    public void splitPage(long pfn, int order) {
        KernelBug.on(memMap.hasFlags(pfn, PageFlags.HEAD), "a compound page cannot be split this way");
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        for (int tail = i + 1; tail < i + (1 << order); tail++) {
            section.refcount[tail] = 1;
        }
    }

    /** Gives all per-CPU lists of all zones back to the buddy lists: {@code drain_all_pages()}. */
    public void drainAllPages() {
        for (int c = 0; c < cpuToNode.length; c++) {
            drainPages(c);
        }
    }

    /**
     * Gives one CPU's lists of all zones back: {@code drain_pages()}.
     *
     * @param ofCpu CPU number
     */
    public void drainPages(int ofCpu) {
        for (Zone zone : zoneBySlot) {
            perCpu.drain(zone, zone.pageset(ofCpu));
        }
    }

    /**
     * Gives the current CPU's lists of one zone back: {@code drain_local_pages()}.
     *
     * @param zone the zone
     */
    public void drainLocalPages(Zone zone) {
        perCpu.drain(zone, zone.pageset(walk.cpu()));
    }

    /**
     * Gives all CPUs' lists of one zone back: {@code drain_all_pages(zone)}.
     *
     * @param zone the zone
     */
    public void drainZone(Zone zone) {
        for (int c = 0; c < cpuToNode.length; c++) {
            perCpu.drain(zone, zone.pageset(c));
        }
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

    /** Returns the conversions between frames and addresses. */
    @Override
    public AddressConversion conversion() {
        return conversion;
    }

    /**
     * Returns the zone of a frame: {@code page_zone()}.
     *
     * @param pfn a valid frame
     */
    public Zone zoneOf(long pfn) {
        return zoneBySlot[memMap.zoneSlot(pfn)];
    }

    /**
     * Checks every invariant of zones, lists and frames with a full walk.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        new AllocatorVerifier(memMap, zoneBySlot, checks.belowZero()).verify(out);
    }

    /**
     * Adds the state of all lists and counters to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        memMap.addToDigest(digest);
        counters.addToDigest(digest);
        AllocatorVerifier.addToDigest(zoneBySlot, digest);
    }

    /**
     * Sets {@code vm.watermark_boost_factor}. Nothing is raised while no kswapd is wired that would lower it again.
     *
     * @param factor ten-thousandths of the high watermark, 0 switches it off
     */
    public void setWatermarkBoostFactor(long factor) {
        watermarkBoostFactor = factor;
        fallbacks.setBoostFactor(slowPath.kswapd() == KswapdWaker.NONE ? 0 : factor);
    }

    /** Returns the free blocks as compaction and contiguous allocation work on them. */
    public FreeBlocks freeBlocks() {
        return new FreeBlocks(this, lists, fallbacks);
    }

    /** Returns what takes pageblocks out of use. */
    public PageIsolation isolation() {
        return new PageIsolation(this, lists, fallbacks);
    }

    FreelistWalk walk() {
        return walk;
    }

    PageChecks checks() {
        return checks;
    }
}
