package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.Zone;

/**
 * One CPU's page lists of all zones in two flat arrays: what {@code this_cpu_ptr(zone->per_cpu_pageset)} reaches in one step.
 *
 * <p>Taking a page and giving it back is little else than a chain of loads, each waiting for the one before: from the zone to its page sets, to the
 * CPU's set, to its lists, to the list. Here the list of single pages is one load away.
 */
final class LocalLists {
    private final PerCpuPages[] pagesets;
    private final PageDeque[] singles;

    private LocalLists(Zone[] zones, int cpu) {
        pagesets = new PerCpuPages[zones.length];
        singles = new PageDeque[zones.length * MigrateType.PCPTYPES];
        for (Zone zone : zones) {
            PerCpuPages pcp = zone.pageset(cpu);
            pagesets[zone.slot()] = pcp;
            for (int type = 0; type < MigrateType.PCPTYPES; type++) {
                singles[zone.slot() * MigrateType.PCPTYPES + type] = pcp.lists[PerCpuPages.listOf(type, 0)];
            }
        }
    }

    /** Returns the lists of each CPU. */
    static LocalLists[] ofEach(Zone[] zones) {
        LocalLists[] all = new LocalLists[zones[0].cpus()];
        for (int cpu = 0; cpu < all.length; cpu++) {
            all[cpu] = new LocalLists(zones, cpu);
        }
        return all;
    }

    /** Returns the set of a zone. */
    PerCpuPages pageset(int slot) {
        return pagesets[slot];
    }

    /** Returns a zone's list of single pages of a type below {@link MigrateType#PCPTYPES}. */
    PageDeque singles(int slot, int migrateType) {
        return singles[slot * MigrateType.PCPTYPES + migrateType];
    }
}
