package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.MemMap;

/** Frames of one node that serve the same kinds of requests: {@code struct zone}. */
public final class Zone {
    private final int node;
    private final int index;
    private final int slot;
    private final ZoneType type;
    private final long startPfn;
    private final long spannedPages;
    private final long presentPages;
    private long managedPages;
    private final Watermarks watermarks;
    private final FreeArea[] freeAreas = new FreeArea[MemMap.MAX_PAGE_ORDER + 1];
    private final PerCpuPages[] pagesets;

    /** Invariant: {@code freePages == sum over orders of free blocks << order}. Pages on the buddy lists, not those on per-CPU lists. */
    public long freePages;

    /** Free pages in whole free pageblocks: {@code NR_FREE_PAGES_BLOCKS}. */
    public long freePagesBlocks;

    /** Free pages in HIGHATOMIC pageblocks: {@code zone->nr_free_highatomic}. */
    public long freeHighatomic;

    /** Pages in HIGHATOMIC pageblocks, free or not: {@code zone->nr_reserved_highatomic}. */
    public long reservedHighatomic;

    /** Free pages in CMA pageblocks: {@code NR_FREE_CMA_PAGES}. They are part of {@link #freePages}. */
    public long freeCma;

    /** Pages in CMA pageblocks: {@code zone->cma_pages}. */
    public long cmaPages;

    /** Free pages in isolated pageblocks, which are not part of {@link #freePages}. Linux does not count them. */
    public long freeIsolated;

    /** Isolated pageblocks: {@code nr_isolate_pageblock}. */
    public long isolatedPageblocks;

    /** Whether the watermark was raised and kswapd does not know it yet: {@code ZONE_BOOSTED_WATERMARK}. */
    public boolean hasNewBoost;

    /** What compaction remembers. */
    public final CompactionState compaction = new CompactionState();

    /** Whether free pages were seen below the high watermark: {@code ZONE_BELOW_HIGH}. Per-CPU lists then shrink. */
    public boolean belowHigh;

    /** Single pages given to CPUs of the zone's node that wanted it and not yet counted as {@code PGALLOC_*}, {@code NUMA_HIT} and {@code NUMA_LOCAL}: {@link VmCounters} does so when it is asked. */
    public long localPages;

    /**
     * Creates a zone without managed pages.
     *
     * @param layout zones of the machine
     * @param node node number
     * @param index position in the layout
     * @param startPfn first frame, 0 when empty
     * @param spannedPages frames from first to last, holes included
     * @param presentPages frames without holes
     * @param cpus CPUs of the machine
     */
    public Zone(ZoneLayout layout, int node, int index, long startPfn, long spannedPages, long presentPages, int cpus) {
        this.node = node;
        this.index = index;
        this.slot = node * layout.size() + index;
        this.type = layout.types().get(index);
        this.startPfn = startPfn;
        this.spannedPages = spannedPages;
        this.presentPages = presentPages;
        this.watermarks = new Watermarks(layout.size());
        for (int order = 0; order < freeAreas.length; order++) {
            freeAreas[order] = new FreeArea();
        }
        this.pagesets = new PerCpuPages[cpus];
        for (int cpu = 0; cpu < cpus; cpu++) {
            pagesets[cpu] = new PerCpuPages();
        }
    }

    /** Returns the node's number. */
    public int node() {
        return node;
    }

    /** Returns the position in the machine's {@link ZoneLayout}: {@code zone_idx()}. */
    public int index() {
        return index;
    }

    /** Returns a number unique among all zones of all nodes, from 0. */
    public int slot() {
        return slot;
    }

    /** Returns the kind of zone. */
    public ZoneType type() {
        return type;
    }

    /** Returns the name in {@code /proc/zoneinfo}. */
    public String name() {
        return type.label();
    }

    /** Returns the first frame, 0 when the zone is empty: {@code zone_start_pfn}. */
    public long startPfn() {
        return startPfn;
    }

    /** Returns the first frame above the zone. */
    public long endPfn() {
        return startPfn + spannedPages;
    }

    /** Returns the frames from first to last, holes included. */
    public long spannedPages() {
        return spannedPages;
    }

    /** Returns the frames that are RAM. */
    public long presentPages() {
        return presentPages;
    }

    /** Returns the pages that the buddy allocator has: {@code zone_managed_pages()}. */
    public long managedPages() {
        return managedPages;
    }

    /**
     * Adds pages to the allocator's: {@code atomic_long_add(.., &zone->managed_pages)}.
     *
     * @param pages may be negative
     */
    public void addManagedPages(long pages) {
        managedPages += pages;
    }

    /** Returns whether the zone has pages for the allocator: {@code managed_zone()}. */
    public boolean isManaged() {
        return managedPages > 0;
    }

    /** Returns whether the zone has RAM: {@code populated_zone()}. */
    public boolean isPopulated() {
        return presentPages > 0;
    }

    /** Returns the levels min, low, high and promo. */
    public Watermarks watermarks() {
        return watermarks;
    }

    /**
     * Returns the pages kept from requests that could use a higher zone: {@code lowmem_reserve[]}, {@code protection} in {@code /proc/zoneinfo}.
     *
     * @param highestZone zone index that the request could use
     */
    public long lowmemReserve(int highestZone) {
        return watermarks.reserve(highestZone);
    }

    /**
     * Sets a reserve.
     *
     * @param highestZone zone index that requests could use
     * @param pages kept from them
     */
    public void setLowmemReserve(int highestZone, long pages) {
        watermarks.setReserve(highestZone, pages);
    }

    /**
     * Returns the free blocks of one order.
     *
     * @param order 0 to {@link MemMap#MAX_PAGE_ORDER}
     */
    public FreeArea freeArea(int order) {
        return freeAreas[order];
    }

    /**
     * Returns a CPU's lists.
     *
     * @param cpu CPU number
     */
    public PerCpuPages pageset(int cpu) {
        return pagesets[cpu];
    }

    /** Returns the base pages on all CPUs' lists. */
    public long pcpPages() {
        long sum = 0;
        for (PerCpuPages pageset : pagesets) {
            sum += pageset.count;
        }
        return sum;
    }

    /** Returns the number of zones that a node has, this one included. */
    public int layoutSize() {
        return watermarks.zones();
    }

    /** Returns the number of CPUs that have lists. */
    public int cpus() {
        return pagesets.length;
    }

    /** Returns the name for messages, such as {@code node 0 zone DMA32}. */
    @Override
    public String toString() {
        return "node " + node + " zone " + name();
    }
}
