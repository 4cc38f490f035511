package io.pagewalk.observe.proc;

import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.Zone;

/**
 * {@code /proc/pagetypeinfo}: free blocks and pageblocks by migrate type ({@code mm/vmstat.c:pagetypeinfo_show()}).
 *
 * <p>The type CMA is shown on machines with a contiguous memory area only; in Linux that depends on {@code CONFIG_CMA}.
 */
public final class PageTypeInfo {
    private static final long SHOWN_AT_MOST = 100_000;

    private PageTypeInfo() {}

    /**
     * Prints the file. As in Linux, each node has a part of its own with all headings.
     *
     * @param boot zones and page structures
     */
    public static String print(BootMemory boot) {
        StringBuilder text = new StringBuilder();
        for (var node : boot.nodes()) {
            if (node.managedPages() == 0) {
                continue;
            }
            text.append("Page block order: ").append(MemMap.PAGEBLOCK_ORDER).append('\n');
            text.append("Pages per block:  ")
                    .append(1 << MemMap.PAGEBLOCK_ORDER)
                    .append("\n\n");
            Columns.left(text, "Free pages count per migrate type at order", 43);
            text.append(' ');
            for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
                Columns.right(text, order, 6);
                text.append(' ');
            }
            text.append('\n');
            node.zones().stream().filter(Zone::isPopulated).forEach(zone -> free(text, boot, zone));
            text.append('\n');
            Columns.left(text, "Number of blocks type ", 23);
            for (int type = 0; type < MigrateType.TYPES; type++) {
                if (isShown(boot, type)) {
                    Columns.right(text, MigrateType.name(type), 12);
                    text.append(' ');
                }
            }
            text.append('\n');
            node.zones().stream().filter(Zone::isPopulated).forEach(zone -> blocks(text, boot, zone));
        }
        return text.toString();
    }

    private static void free(StringBuilder text, BootMemory boot, Zone zone) {
        for (int type = 0; type < MigrateType.TYPES; type++) {
            if (!isShown(boot, type)) {
                continue;
            }
            text.append("Node ");
            Columns.right(text, zone.node(), 4);
            text.append(", zone ");
            Columns.right(text, zone.name(), 8);
            text.append(", type ");
            Columns.right(text, MigrateType.name(type), 12);
            text.append(' ');
            for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
                long blocks = zone.freeArea(order).blocks[type];
                text.append(blocks >= SHOWN_AT_MOST ? ">" : "");
                Columns.right(text, Math.min(blocks, SHOWN_AT_MOST), 6);
                text.append(' ');
            }
            text.append('\n');
        }
    }

    private static void blocks(StringBuilder text, BootMemory boot, Zone zone) {
        MemMap memMap = boot.memMap();
        long[] count = new long[MigrateType.TYPES];
        for (long pfn = zone.startPfn(); pfn < zone.endPfn(); pfn += 1L << MemMap.PAGEBLOCK_ORDER) {
            if (memMap.zoneSlot(pfn) == zone.slot()) {
                count[memMap.isTouched(pfn) ? memMap.pageblockType(pfn) : MigrateType.MOVABLE]++;
            }
        }
        text.append("Node ").append(zone.node()).append(", zone ");
        Columns.right(text, zone.name(), 8);
        text.append(' ');
        for (int type = 0; type < MigrateType.TYPES; type++) {
            if (isShown(boot, type)) {
                Columns.right(text, count[type], 12);
                text.append(' ');
            }
        }
        text.append('\n');
    }

    private static boolean isShown(BootMemory boot, int type) {
        return type != MigrateType.CMA || boot.totalCmaPages() > 0;
    }
}
