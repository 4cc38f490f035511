package io.pagewalk.kernel.memblock;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.FrameRange;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneSizing;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * What boot hands to the rest of the kernel: a sized and filled physical memory.
 *
 * @param memMap pages of the machine
 * @param layout zones of the machine
 * @param nodes nodes with zones and zonelists
 * @param counters {@code /proc/vmstat}
 * @param allocator page allocator that has all free memory
 * @param conversion direct map
 * @param memmapBootPages frames that the memmap takes: {@code nr_memmap_boot_pages}
 * @param cma the area of the contiguous memory allocator, or null
 */
public record BootMemory(
        MemMap memMap,
        ZoneLayout layout,
        List<NodeData> nodes,
        VmCounters counters,
        PageAllocator allocator,
        AddressConversion conversion,
        long memmapBootPages,
        @Nullable FrameRange cma) {
    private static final String MIN_FREE_KBYTES = "min_free_kbytes";

    /** Machines with less RAM boot with transparent huge pages switched off: {@code mm/huge_memory.c:hugepage_init()}. */
    private static final long THP_MIN_PAGES = 512L << 8;

    /** Copies the nodes. */
    public BootMemory {
        nodes = List.copyOf(nodes);
    }

    /**
     * Boots a machine's memory.
     *
     * @param plan the machine in the kernel's terms
     * @param sysctls settings; derived ones are stored back
     * @param clearFrame fills a frame with zeros, given its pfn
     * @return the memory, with every free frame in the buddy allocator
     */
    public static BootMemory boot(BootPlan plan, Sysctls sysctls, LongConsumer clearFrame) {
        Memblock memblock = new Memblock();
        EarlyReservations early = new EarlyReservations(plan, memblock);
        long memmapPages = early.run();
        ZoneBuilder builder = new ZoneBuilder(plan, memblock);
        MemMap memMap = new MemMap(plan.endFrame(), memblock.frameRanges());
        List<List<Zone>> zonesOfNode = new ArrayList<>();
        for (int node = 0; node < plan.nodes(); node++) {
            zonesOfNode.add(builder.zonesOf(node));
        }
        builder.mark(memMap, zonesOfNode);
        ZonelistBuilder zonelists = new ZonelistBuilder(plan, zonesOfNode);
        List<NodeData> nodes = new ArrayList<>();
        for (int node = 0; node < plan.nodes(); node++) {
            nodes.add(new NodeData(
                    node, zonesOfNode.get(node), zonelists.fallback(node), new Zonelist(zonelists.zonesOf(node))));
        }
        VmCounters counters = new VmCounters(plan.layout(), plan.nodes());
        int[] cpuToNode = plan.cpuToNode().stream().mapToInt(Integer::intValue).toArray();
        PageAllocator allocator = new PageAllocator(memMap, counters, nodes, cpuToNode, plan.conversion(), clearFrame);
        for (Memblock.Region region : memblock.regions()) {
            if (region.owner() == FrameOwner.FREE) {
                release(region, zonesOfNode.get(region.node()), builder, allocator);
            }
        }
        FrameRange cma = early.cma();
        if (cma != null) {
            for (long pfn = cma.startPfn(); pfn < cma.endPfn(); pfn += 1L << MemMap.PAGEBLOCK_ORDER) {
                allocator.freeBlocks().addCmaPageblock(pfn);
            }
        }
        BootMemory memory =
                new BootMemory(memMap, plan.layout(), nodes, counters, allocator, plan.conversion(), memmapPages, cma);
        memory.deriveSettings(sysctls);
        memory.applySettings(sysctls);
        return memory;
    }

    /** Returns the frames of the contiguous memory area: {@code totalcma_pages}, CmaTotal. */
    public long totalCmaPages() {
        return cma == null ? 0 : cma.frames();
    }

    /** Returns all zones of all nodes, empty ones included, in the order of {@code /proc/zoneinfo}. */
    public List<Zone> zones() {
        List<Zone> zones = new ArrayList<>();
        for (NodeData node : nodes) {
            zones.addAll(node.zones());
        }
        return zones;
    }

    /** Returns the pages that the allocator manages: {@code totalram_pages()}, MemTotal. */
    public long totalRamPages() {
        return nodes.stream().mapToLong(NodeData::managedPages).sum();
    }

    /**
     * Sizes watermarks, reserves and per-CPU lists from the settings.
     *
     * @param sysctls settings
     */
    public void applySettings(Sysctls sysctls) {
        applyWatermarks(sysctls);
        applyLowmemReserve(sysctls);
        applyModes(sysctls);
    }

    /**
     * Sizes watermarks when huge pages are switched on or off: {@code mm/khugepaged.c:set_recommended_min_free_kbytes()}.
     *
     * <p>Differs from Linux: a value that the user gave and huge pages raised stays when they are switched off, because the lower one is not remembered.
     *
     * @param sysctls settings
     * @param isOn whether there may be huge pages now
     */
    public void hugePagesSwitched(Sysctls sysctls, boolean isOn) {
        List<Zone> zones = zones();
        int normal = layout.indexOf(ZoneType.NORMAL);
        long present = sysctls.get(MIN_FREE_KBYTES);
        long least = isOn || sysctls.isSetByUser(MIN_FREE_KBYTES) ? present : 0;
        long wanted = isOn
                ? ZoneSizing.recommendedMinFreeKbytes(zones, normal)
                : ZoneSizing.minFreeKbytes(ZoneSizing.freeBufferPages(zones, normal));
        sysctls.replace(MIN_FREE_KBYTES, Math.max(least, wanted));
        applyWatermarks(sysctls);
    }

    /**
     * Sizes watermarks, which ends all boosts, and the per-CPU lists, which depend on them: {@code setup_per_zone_wmarks()}.
     *
     * @param sysctls {@code min_free_kbytes}, {@code watermark_scale_factor}
     */
    public void applyWatermarks(Sysctls sysctls) {
        ZoneSizing.setupWatermarks(zones(), sysctls.get(MIN_FREE_KBYTES), sysctls.get("watermark_scale_factor"));
        applyPagesets(sysctls);
    }

    /**
     * Sizes the per-CPU lists: {@code zone_set_pageset_high_and_batch()} for all zones.
     *
     * @param sysctls {@code percpu_pagelist_high_fraction}
     */
    public void applyPagesets(Sysctls sysctls) {
        int[] cpusOfNode = new int[nodes.size()];
        for (int cpu = 0; cpu < allocator.cpus(); cpu++) {
            cpusOfNode[allocator.nodeOf(cpu)]++;
        }
        for (Zone zone : zones()) {
            ZoneSizing.setupPagesets(zone, cpusOfNode[zone.node()], sysctls.get("percpu_pagelist_high_fraction"));
        }
    }

    /**
     * Sets what each zone keeps from requests that could use a higher one: {@code setup_per_zone_lowmem_reserve()}.
     *
     * @param sysctls {@code lowmem_reserve_ratio}
     */
    public void applyLowmemReserve(Sysctls sysctls) {
        for (NodeData node : nodes) {
            ZoneSizing.setupLowmemReserve(node, sysctls.lowmemReserveRatio());
        }
    }

    /**
     * Tells the allocator the settings that it reads at each request.
     *
     * @param sysctls {@code watermark_boost_factor}, {@code defrag_mode}
     */
    public void applyModes(Sysctls sysctls) {
        allocator.setWatermarkBoostFactor(sysctls.get("watermark_boost_factor"));
        allocator.setDefragMode(sysctls.get("defrag_mode") != 0);
    }

    private static void release(
            Memblock.Region region, List<Zone> zones, ZoneBuilder builder, PageAllocator allocator) {
        for (Zone zone : zones) {
            long start = Math.max(region.startPfn(), builder.lowest(zone.index(), zone.node()));
            long end = Math.min(region.endPfn(), builder.highest(zone.index(), zone.node()));
            if (start < end) {
                allocator.addBootRange(zone, start, end);
            }
        }
    }

    /** Derives what depends on the machine's size, in the order of Linux's boot: first the square root, then the room for huge pages. */
    private void deriveSettings(Sysctls sysctls) {
        List<Zone> zones = zones();
        int normal = layout.indexOf(ZoneType.NORMAL);
        sysctls.deriveLowmemReserveRatio(
                layout.types().stream().map(BootMemory::defaultRatio).toList());
        sysctls.derive(MIN_FREE_KBYTES, ZoneSizing.minFreeKbytes(ZoneSizing.freeBufferPages(zones, normal)));
        ZoneSizing.setupWatermarks(zones, sysctls.get(MIN_FREE_KBYTES), sysctls.get("watermark_scale_factor"));
        if (totalRamPages() >= THP_MIN_PAGES) {
            long recommended = ZoneSizing.recommendedMinFreeKbytes(zones, normal);
            sysctls.derive(MIN_FREE_KBYTES, Math.max(recommended, sysctls.get(MIN_FREE_KBYTES)));
        }
        long freeKbytes = zones.stream().mapToLong(zone -> zone.freePages).sum() << 2;
        sysctls.derive("user_reserve_kbytes", Math.min(freeKbytes / 32, 1 << 17));
        sysctls.derive("admin_reserve_kbytes", Math.min(freeKbytes / 32, 1 << 13));
    }

    private static int defaultRatio(ZoneType type) {
        return switch (type) {
            case DMA, DMA32 -> 256;
            case NORMAL -> 32;
            case HIGHMEM, MOVABLE, DEVICE -> 0;
        };
    }
}
