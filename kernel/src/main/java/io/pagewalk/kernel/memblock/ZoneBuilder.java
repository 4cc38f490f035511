package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.ArrayList;
import java.util.List;

/** Cuts each node's memory into zones: {@code mm/mm_init.c:calculate_node_totalpages()}, and tells the memmap where they lie. */
final class ZoneBuilder {
    private final BootPlan plan;
    private final Memblock memblock;

    ZoneBuilder(BootPlan plan, Memblock memblock) {
        this.plan = plan;
        this.memblock = memblock;
    }

    /** Returns the zones of one node, empty ones included. */
    List<Zone> zonesOf(int node) {
        long nodeStart = Long.MAX_VALUE;
        long nodeEnd = 0;
        for (Memblock.Region region : memblock.regions()) {
            if (region.node() == node) {
                nodeStart = Math.min(nodeStart, region.startPfn());
                nodeEnd = Math.max(nodeEnd, region.endPfn());
            }
        }
        List<Zone> zones = new ArrayList<>();
        for (int index = 0; index < plan.layout().size(); index++) {
            long start = Math.max(nodeStart, lowest(index));
            long end = Math.min(nodeEnd, highest(index));
            boolean isEmpty = start >= end;
            zones.add(new Zone(
                    plan.layout(),
                    node,
                    index,
                    isEmpty ? 0 : start,
                    isEmpty ? 0 : end - start,
                    isEmpty ? 0 : present(node, start, end),
                    plan.cpuToNode().size()));
        }
        return zones;
    }

    /** Tells the memmap each pageblock's zone. */
    void mark(MemMap memMap, List<List<Zone>> zonesOfNode) {
        List<Long> starts = new ArrayList<>(List.of(0L));
        List<Integer> slots = new ArrayList<>();
        long pageblock = 1L << MemMap.PAGEBLOCK_ORDER;
        for (Memblock.Region region : memblock.regions()) {
            for (Zone zone : zonesOfNode.get(region.node())) {
                long start = Math.max(region.startPfn(), lowest(zone.index()));
                if (start >= Math.min(region.endPfn(), highest(zone.index()))) {
                    continue;
                }
                if (slots.isEmpty()) {
                    slots.add(zone.slot());
                } else if (slots.getLast() != zone.slot()) {
                    if ((start & -pageblock) <= starts.getLast() && slots.size() > 1) {
                        throw new BadInput(
                                "machine", "nodes that meet inside 2 MiB at frame " + start, "borders at 2 MiB");
                    }
                    starts.add(start & -pageblock);
                    slots.add(zone.slot());
                }
            }
        }
        memMap.setZones(
                starts.stream().mapToLong(Long::longValue).toArray(),
                slots.stream().mapToInt(Integer::intValue).toArray());
    }

    /** Returns the first frame that a zone could have. */
    long lowest(int index) {
        return index == 0 ? 0 : plan.layout().endPfns().get(index - 1);
    }

    /** Returns the first frame above a zone. */
    long highest(int index) {
        ZoneLayout layout = plan.layout();
        return layout.endPfns().get(index);
    }

    private long present(int node, long start, long end) {
        long pages = 0;
        for (Memblock.Region region : memblock.regions()) {
            if (region.node() == node) {
                pages += Math.max(0, Math.min(region.endPfn(), end) - Math.max(region.startPfn(), start));
            }
        }
        return pages;
    }
}
