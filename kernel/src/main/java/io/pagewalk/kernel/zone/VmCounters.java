package io.pagewalk.kernel.zone;

import io.pagewalk.base.Digest;
import java.util.List;

/**
 * All counters of {@code mm/vmstat.c}: per zone, per node, and events since boot, exact at any moment.
 *
 * <p>Differs from Linux: there are no per-CPU differences that wait to be folded in, so a read is always current.
 */
@SuppressWarnings("EnumOrdinal") // ordinals index arrays in hot paths and leave the program only as sums
public final class VmCounters {
    private static final int ZONE_ITEMS = ZoneStat.values().length;
    private static final int NUMA_ITEMS = NumaEvent.values().length;
    private static final int NUMA_HIT = NumaEvent.NUMA_HIT.ordinal();
    private static final int NUMA_LOCAL = NumaEvent.NUMA_LOCAL.ordinal();
    private static final int NODE_ITEMS = NodeStat.values().length;

    private final ZoneLayout layout;
    private final int nodes;
    private final long[] zoneStats;
    private final long[] numaEvents;
    private final long[] nodeStats;
    private final VmEvent[] allocEvents;
    private Zone[] zones = {};
    private final long[] events = new long[VmEvent.values().length];

    /**
     * Creates counters that stand at 0.
     *
     * @param layout zones of the machine
     * @param nodes number of nodes, at least 1
     */
    public VmCounters(ZoneLayout layout, int nodes) {
        this.layout = layout;
        this.nodes = nodes;
        int zones = nodes * layout.size();
        zoneStats = new long[zones * ZONE_ITEMS];
        numaEvents = new long[zones * NUMA_ITEMS];
        nodeStats = new long[nodes * NODE_ITEMS];
        allocEvents = layout.types().stream().map(VmCounters::allocEvent).toArray(VmEvent[]::new);
    }

    /**
     * Counts pages that a zone gave out: {@code PGALLOC_*}.
     *
     * @param zone the zone
     * @param pages how many
     */
    public void countAllocated(Zone zone, int pages) {
        count(allocEvents[zone.index()], pages);
    }

    /**
     * Tells the zones whose free pages {@link ZoneStat#NR_FREE_PAGES} and {@link ZoneStat#NR_FREE_PAGES_BLOCKS} read.
     *
     * @param attached all zones of the machine
     */
    public void attach(List<Zone> attached) {
        zones = attached.toArray(Zone[]::new);
    }

    /** Returns the zones of the machine. */
    public ZoneLayout layout() {
        return layout;
    }

    /** Returns the number of nodes. */
    public int nodes() {
        return nodes;
    }

    /**
     * Changes a zone's counter: {@code mod_zone_page_state()}.
     *
     * @param zone the zone
     * @param item which counter
     * @param delta pages
     */
    public void add(Zone zone, ZoneStat item, long delta) {
        zoneStats[zone.slot() * ZONE_ITEMS + item.ordinal()] += delta;
    }

    /**
     * Returns a zone's counter: {@code zone_page_state()}.
     *
     * @param zone the zone
     * @param item which counter
     */
    public long get(Zone zone, ZoneStat item) {
        return switch (item) {
            case NR_FREE_PAGES -> zone.freePages;
            case NR_FREE_PAGES_BLOCKS -> zone.freePagesBlocks;
            case NR_FREE_CMA -> zone.freeCma;
            case NR_ZONE_INACTIVE_ANON,
                    NR_ZONE_ACTIVE_ANON,
                    NR_ZONE_INACTIVE_FILE,
                    NR_ZONE_ACTIVE_FILE,
                    NR_ZONE_UNEVICTABLE,
                    NR_ZONE_WRITE_PENDING,
                    NR_MLOCK,
                    NR_ZSPAGES -> zoneStats[zone.slot() * ZONE_ITEMS + item.ordinal()];
        };
    }

    /**
     * Returns a zone counter's sum over all zones: {@code global_zone_page_state()}.
     *
     * @param item which counter
     */
    public long global(ZoneStat item) {
        long sum = 0;
        for (Zone zone : zones) {
            sum += get(zone, item);
        }
        return sum;
    }

    /**
     * Counts allocation events of a zone: {@code __count_numa_events()}.
     *
     * @param zone the zone
     * @param item which event
     * @param delta how many
     */
    public void add(Zone zone, NumaEvent item, long delta) {
        numaEvents[zone.slot() * NUMA_ITEMS + item.ordinal()] += delta;
    }

    /**
     * Returns a zone's allocation events.
     *
     * @param zone the zone
     * @param item which event
     */
    public long get(Zone zone, NumaEvent item) {
        foldLocalPages();
        return numaEvents[zone.slot() * NUMA_ITEMS + item.ordinal()];
    }

    /**
     * Returns an allocation event's sum over all zones.
     *
     * @param item which event
     */
    public long global(NumaEvent item) {
        foldLocalPages();
        long sum = 0;
        for (int i = item.ordinal(); i < numaEvents.length; i += NUMA_ITEMS) {
            sum += numaEvents[i];
        }
        return sum;
    }

    /**
     * Changes a node's counter: {@code mod_node_page_state()}.
     *
     * @param node node number
     * @param item which counter
     * @param delta in the item's unit
     */
    public void add(int node, NodeStat item, long delta) {
        nodeStats[node * NODE_ITEMS + item.ordinal()] += delta;
    }

    /**
     * Returns a node's counter: {@code node_page_state()}.
     *
     * @param node node number
     * @param item which counter
     */
    public long get(int node, NodeStat item) {
        return nodeStats[node * NODE_ITEMS + item.ordinal()];
    }

    /**
     * Returns a node counter's sum over all nodes: {@code global_node_page_state()}.
     *
     * @param item which counter
     */
    public long global(NodeStat item) {
        long sum = 0;
        for (int i = item.ordinal(); i < nodeStats.length; i += NODE_ITEMS) {
            sum += nodeStats[i];
        }
        return sum;
    }

    /**
     * Counts one event: {@code count_vm_event()}.
     *
     * @param event which
     */
    public void count(VmEvent event) {
        events[event.ordinal()]++;
    }

    /**
     * Counts several events: {@code count_vm_events()}.
     *
     * @param event which
     * @param delta how many
     */
    public void count(VmEvent event, long delta) {
        events[event.ordinal()] += delta;
    }

    /**
     * Returns how often an event has happened since boot.
     *
     * @param event which
     */
    public long get(VmEvent event) {
        foldLocalPages();
        return events[event.ordinal()];
    }

    /**
     * Adds every counter to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        foldLocalPages();
        for (long value : zoneStats) {
            digest.add(value);
        }
        for (long value : numaEvents) {
            digest.add(value);
        }
        for (long value : nodeStats) {
            digest.add(value);
        }
        for (long value : events) {
            digest.add(value);
        }
    }

    /** Spreads {@link Zone#localPages} over the three counters that it stands for. */
    private void foldLocalPages() {
        for (Zone zone : zones) {
            long pages = zone.localPages;
            zone.localPages = 0;
            events[allocEvents[zone.index()].ordinal()] += pages;
            numaEvents[zone.slot() * NUMA_ITEMS + NUMA_HIT] += pages;
            numaEvents[zone.slot() * NUMA_ITEMS + NUMA_LOCAL] += pages;
        }
    }

    private static VmEvent allocEvent(ZoneType type) {
        return switch (type) {
            case DMA -> VmEvent.PGALLOC_DMA;
            case DMA32 -> VmEvent.PGALLOC_DMA32;
            case NORMAL -> VmEvent.PGALLOC_NORMAL;
            case HIGHMEM -> VmEvent.PGALLOC_HIGH;
            case MOVABLE -> VmEvent.PGALLOC_MOVABLE;
            case DEVICE -> VmEvent.PGALLOC_DEVICE;
        };
    }
}
