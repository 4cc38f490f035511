package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.ArrayList;
import java.util.List;

/** Cuts each node's memory into zones: {@code mm/mm_init.c:calculate_node_totalpages()}, and tells the memmap where they lie. */
final class ZoneBuilder {
    private final BootPlan plan;
    private final Memblock memblock;
    private final MovableStarts movableStarts;
    private final int movable;

    ZoneBuilder(BootPlan plan, Memblock memblock) {
        this.plan = plan;
        this.memblock = memblock;
        this.movableStarts = new MovableStarts(plan, memblock);
        this.movable = plan.layout().indexOf(ZoneType.MOVABLE);
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
            long start = Math.max(nodeStart, lowest(index, node));
            long end = Math.min(nodeEnd, highest(index, node));
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
                long start = Math.max(region.startPfn(), lowest(zone.index(), zone.node()));
                if (start >= Math.min(region.endPfn(), highest(zone.index(), zone.node()))) {
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

    /** Returns the first frame that a zone could have on a node: {@code adjust_zone_range_for_zone_movable()}. */
    long lowest(int index, int node) {
        long start = index == 0 ? 0 : plan.layout().endPfns().get(index - 1);
        if (movableStarts.of(node) == 0) {
            return start;
        }
        return index == movable ? movableStarts.of(node) : Math.min(start, highest(index, node));
    }

    /** Returns the first frame above a zone on a node. */
    long highest(int index, int node) {
        long end = plan.layout().endPfns().get(index);
        return index < movable && movableStarts.of(node) > 0 ? Math.min(end, movableStarts.of(node)) : end;
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
