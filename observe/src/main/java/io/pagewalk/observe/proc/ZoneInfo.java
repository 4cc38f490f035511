package io.pagewalk.observe.proc;

import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;

/** {@code /proc/zoneinfo}: each zone's size, levels, counters and per-CPU lists ({@code mm/vmstat.c:zoneinfo_show_print()}). */
public final class ZoneInfo {
    private static final int MOST_THRESHOLD = 125;
    private static final int PAGES_OF_128_MIB_SHIFT = 15;

    private ZoneInfo() {}

    /**
     * Prints the file.
     *
     * @param state the machine
     */
    public static String print(MemoryState state) {
        StringBuilder text = new StringBuilder();
        for (NodeData node : state.boot().nodes()) {
            boolean isFirstPopulated = true;
            for (Zone zone : node.zones()) {
                zone(text, state, zone, isFirstPopulated && zone.isPopulated());
                isFirstPopulated &= !zone.isPopulated();
            }
        }
        return text.toString();
    }

    private static void zone(StringBuilder text, MemoryState state, Zone zone, boolean withNode) {
        VmCounters counters = state.boot().counters();
        text.append("Node ").append(zone.node()).append(", zone ");
        Columns.right(text, zone.name(), 8);
        if (withNode) {
            text.append("\n  per-node stats");
            for (NodeStat item : NodeStat.values()) {
                counter(text, item.label(), item.shown(counters.get(zone.node(), item)));
            }
        }
        Watermarks marks = zone.watermarks();
        text.append("\n  pages free     ").append(counters.get(zone, ZoneStat.NR_FREE_PAGES));
        text.append("\n        boost    ").append(marks.boost());
        text.append("\n        min      ").append(marks.min());
        text.append("\n        low      ").append(marks.low());
        text.append("\n        high     ").append(marks.high());
        text.append("\n        promo    ").append(marks.promo());
        text.append("\n        spanned  ").append(zone.spannedPages());
        text.append("\n        present  ").append(zone.presentPages());
        text.append("\n        managed  ").append(zone.managedPages());
        text.append("\n        cma      0");
        text.append("\n        protection: (").append(zone.lowmemReserve(0));
        for (int highest = 1; highest < state.boot().layout().size(); highest++) {
            text.append(", ").append(zone.lowmemReserve(highest));
        }
        text.append(')');
        if (!zone.isPopulated()) {
            text.append('\n');
            return;
        }
        for (ZoneStat item : ZoneStat.values()) {
            counter(text, item.label(), counters.get(zone, item));
        }
        for (NumaEvent item : NumaEvent.values()) {
            counter(text, item.label(), counters.get(zone, item));
        }
        text.append("\n  pagesets");
        for (int cpu = 0; cpu < zone.cpus(); cpu++) {
            PerCpuPages lists = zone.pageset(cpu);
            text.append("\n    cpu: ").append(cpu);
            text.append("\n              count:    ").append(lists.count);
            text.append("\n              high:     ").append(lists.high);
            text.append("\n              batch:    ").append(lists.batch);
            text.append("\n              high_min: ").append(lists.highMin);
            text.append("\n              high_max: ").append(lists.highMax);
            text.append("\n  vm stats threshold: ").append(statThreshold(zone));
        }
        text.append("\n  node_unreclaimable:  0");
        text.append("\n  start_pfn:           ").append(zone.startPfn());
        text.append('\n');
    }

    /** {@code mm/vmstat.c:calculate_normal_threshold()}: how far a per-CPU difference may grow. Printed only, since counters here are exact. */
    private static int statThreshold(Zone zone) {
        long memory = zone.managedPages() >> PAGES_OF_128_MIB_SHIFT;
        return Math.min(MOST_THRESHOLD, 2 * bits(zone.cpus()) * (1 + bits(memory)));
    }

    /** {@code fls()}. */
    private static int bits(long value) {
        return 64 - Long.numberOfLeadingZeros(value);
    }

    private static void counter(StringBuilder text, String name, long value) {
        text.append("\n      ");
        Columns.left(text, name, 12);
        text.append(' ').append(value);
    }
}
