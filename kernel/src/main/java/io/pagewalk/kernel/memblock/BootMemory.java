package io.pagewalk.kernel.memblock;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.ArrayList;
import java.util.List;

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
 */
public record BootMemory(
        MemMap memMap,
        ZoneLayout layout,
        List<NodeData> nodes,
        VmCounters counters,
        PageAllocator allocator,
        AddressConversion conversion,
        long memmapBootPages) {
    /** Copies the nodes. */
    public BootMemory {
        nodes = List.copyOf(nodes);
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
}
