package io.pagewalk.observe.proc;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.Zone;

/** {@code /sys/devices/system/node/nodeN/numastat}: where requests of memory went ({@code drivers/base/node.c:node_read_numastat()}). */
public final class NodeNumaStat {
    private static final NumaEvent[] EVENTS = {
        NumaEvent.NUMA_HIT,
        NumaEvent.NUMA_MISS,
        NumaEvent.NUMA_FOREIGN,
        NumaEvent.NUMA_INTERLEAVE,
        NumaEvent.NUMA_LOCAL,
        NumaEvent.NUMA_OTHER
    };

    private static final String[] NAMES = {
        "numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node"
    };

    private NodeNumaStat() {}

    /**
     * Prints the file.
     *
     * @param allocator the machine's page allocator
     * @param node the node
     */
    public static String print(PageAllocator allocator, NodeData node) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < EVENTS.length; i++) {
            long sum = 0;
            for (Zone zone : node.zones()) {
                sum += allocator.counters().get(zone, EVENTS[i]);
            }
            text.append(NAMES[i]).append(' ').append(sum).append('\n');
        }
        return text.toString();
    }
}
