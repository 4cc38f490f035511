package io.pagewalk.observe.proc;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import java.util.List;

/** {@code /proc/buddyinfo}: free blocks of each order in each zone ({@code mm/vmstat.c:frag_show_print()}). */
public final class BuddyInfo {
    private BuddyInfo() {}

    /**
     * Prints the file.
     *
     * @param zones all zones in the order of {@code /proc/zoneinfo}; those without memory are left out
     */
    public static String print(List<Zone> zones) {
        StringBuilder text = new StringBuilder();
        for (Zone zone : zones) {
            if (!zone.isPopulated()) {
                continue;
            }
            text.append("Node ").append(zone.node()).append(", zone ");
            Columns.right(text, zone.name(), 8);
            text.append(' ');
            for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
                Columns.right(text, zone.freeArea(order).free, 6);
                text.append(' ');
            }
            text.append('\n');
        }
        return text.toString();
    }
}
