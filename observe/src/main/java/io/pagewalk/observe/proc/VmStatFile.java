package io.pagewalk.observe.proc;

import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.Locale;

/** {@code /proc/vmstat}: all counters, a name and a number a line ({@code mm/vmstat.c:vmstat_show()}). */
public final class VmStatFile {
    private VmStatFile() {}

    /**
     * Prints the file.
     *
     * @param state the machine
     */
    public static String print(MemoryState state) {
        VmCounters counters = state.boot().counters();
        StringBuilder text = new StringBuilder();
        for (ZoneStat item : ZoneStat.values()) {
            line(text, item.label(), counters.global(item));
        }
        for (NumaEvent item : NumaEvent.values()) {
            line(text, item.label(), counters.global(item));
        }
        for (NodeStat item : NodeStat.values()) {
            line(text, item.label(), item.shown(counters.global(item)));
        }
        long dirtyable = counters.global(ZoneStat.NR_FREE_PAGES)
                - state.totalReservePages()
                + counters.global(NodeStat.NR_INACTIVE_FILE)
                + counters.global(NodeStat.NR_ACTIVE_FILE);
        line(text, "nr_dirty_threshold", Math.max(0, dirtyable * state.dirtyRatio() / 100));
        line(text, "nr_dirty_background_threshold", Math.max(0, dirtyable * state.dirtyBackgroundRatio() / 100));
        line(text, "nr_memmap_pages", 0);
        line(text, "nr_memmap_boot_pages", state.boot().memmapBootPages());
        for (VmEvent event : VmEvent.values()) {
            if (isShown(event, state)) {
                line(text, event.label(), counters.get(event));
            }
        }
        line(text, "nr_unstable", 0);
        return text.toString();
    }

    /** An event that counts one kind of zone, or the contiguous memory allocator, is there only where the machine has it. */
    private static boolean isShown(VmEvent event, MemoryState state) {
        if (event == VmEvent.CMA_ALLOC_SUCCESS || event == VmEvent.CMA_ALLOC_FAIL) {
            return state.boot().totalCmaPages() > 0;
        }
        String label = event.label();
        if (!label.startsWith("pgalloc_") && !label.startsWith("allocstall_") && !label.startsWith("pgskip_")) {
            return true;
        }
        String kind = label.substring(label.indexOf('_') + 1);
        for (ZoneType type : state.boot().layout().types()) {
            String name = type == ZoneType.HIGHMEM ? "high" : type.label().toLowerCase(Locale.ROOT);
            if (name.equals(kind)) {
                return true;
            }
        }
        return false;
    }

    private static void line(StringBuilder text, String name, long value) {
        text.append(name).append(' ').append(value).append('\n');
    }
}
