package io.pagewalk.kernel.memblock;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;

/** Where ZONE_MOVABLE begins on each node: {@code mm/mm_init.c:find_zone_movable_pfns_for_nodes()}. */
final class MovableStarts {
    private static final long MAX_BLOCK = 1L << MemMap.MAX_PAGE_ORDER;

    private final BootPlan plan;
    private final Memblock memblock;
    private final long[] starts;

    MovableStarts(BootPlan plan, Memblock memblock) {
        this.plan = plan;
        this.memblock = memblock;
        this.starts = new long[plan.nodes()];
        long total =
                memblock.regions().stream().mapToLong(Memblock.Region::frames).sum();
        long core = plan.parameters().kernelcore().pages(total);
        long movable = plan.parameters().movablecore().pages(total);
        if (movable > 0) {
            movable = Math.min(total, Bits.roundUp(movable, MAX_BLOCK));
            core = Math.max(core, total - movable);
        }
        if (core > 0 && core < total) {
            spread(core);
        }
    }

    /** Returns the first frame of a node's ZONE_MOVABLE, or 0 when the node has none. */
    long of(int node) {
        return starts[node];
    }

    /** Gives each node an equal part of the kernel's memory; what a small node cannot take goes to the others. */
    private void spread(long core) {
        long usableStart = lowest();
        int usableNodes = nodesWithMemory();
        long required = core;
        while (usableNodes > 0) {
            long perNode = required / usableNodes;
            for (int node = 0; node < plan.nodes(); node++) {
                if (required < perNode) {
                    perNode = required / usableNodes;
                }
                required -= place(node, Math.min(perNode, required), required, usableStart);
            }
            usableNodes--;
            if (usableNodes == 0 || required <= usableNodes) {
                break;
            }
        }
        for (int node = 0; node < plan.nodes(); node++) {
            starts[node] = Bits.roundUp(starts[node], MAX_BLOCK);
            if (starts[node] >= endOf(node)) {
                starts[node] = 0;
            }
        }
    }

    /** Moves a node's border up by the kernel's part; returns the pages that went to the kernel. */
    private long place(int node, long part, long required, long usableStart) {
        long left = part;
        long open = required;
        for (Memblock.Region region : memblock.regions()) {
            long start = Math.max(region.startPfn(), starts[node]);
            if (region.node() != node || start >= region.endPfn()) {
                continue;
            }
            if (start < usableStart) {
                // Below the highest zone everything is the kernel's anyway.
                long pages = Math.min(region.endPfn(), usableStart) - start;
                left -= Math.min(pages, left);
                open -= Math.min(pages, open);
                starts[node] = Math.min(region.endPfn(), usableStart);
                if (region.endPfn() <= usableStart) {
                    continue;
                }
                start = usableStart;
            }
            long pages = Math.min(region.endPfn() - start, left);
            starts[node] = start + pages;
            left -= pages;
            open -= Math.min(pages, open);
            if (left == 0) {
                break;
            }
        }
        return required - open;
    }

    /** Returns the lowest frame of the highest zone with memory, from which ZONE_MOVABLE is cut: {@code find_usable_zone_for_movable()}. */
    private long lowest() {
        ZoneLayout layout = plan.layout();
        long lowest = 0;
        long end = plan.endFrame();
        for (int index = 1; index < layout.indexOf(ZoneType.MOVABLE); index++) {
            if (layout.endPfns().get(index - 1) < end) {
                lowest = layout.endPfns().get(index - 1);
            }
        }
        return lowest;
    }

    private int nodesWithMemory() {
        return (int) memblock.regions().stream()
                .mapToInt(Memblock.Region::node)
                .distinct()
                .count();
    }

    private long endOf(int node) {
        return memblock.regions().stream()
                .filter(region -> region.node() == node)
                .mapToLong(Memblock.Region::endPfn)
                .max()
                .orElse(0);
    }
}
