package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;

/** What happens to a block that nobody holds any more: {@code mm/page_alloc.c:free_frozen_pages(), free_pages_prepare()}. */
final class PageFreeing {
    private final MemMap memMap;
    private final VmCounters counters;
    private final Zone[] zoneBySlot;
    private final FreeLists lists;
    private final PerCpuLists perCpu;
    private final PageChecks checks;
    private final FreelistWalk walk;

    PageFreeing(
            MemMap memMap,
            VmCounters counters,
            Zone[] zoneBySlot,
            FreeLists lists,
            PerCpuLists perCpu,
            PageChecks checks,
            FreelistWalk walk) {
        this.memMap = memMap;
        this.counters = counters;
        this.zoneBySlot = zoneBySlot;
        this.lists = lists;
        this.perCpu = perCpu;
        this.checks = checks;
        this.walk = walk;
    }

    /** {@code free_unref_page()}: nobody holds the block any more. */
    void free(MemMapSection section, int i, long pfn, int order) {
        if (order == 0) {
            freeOne(section, i, pfn);
            return;
        }
        if (!prepareFree(section, i, order, pfn)) {
            return;
        }
        counters.count(VmEvent.PGFREE, 1L << order);
        int block = i >> MemMap.PAGEBLOCK_ORDER;
        Zone zone = zoneBySlot[section.zone[block]];
        int type = section.pageblock[block];
        if (PerCpuLists.allows(order) && type != MigrateType.ISOLATE) {
            memMap.setBlockOwner(pfn, order, FrameOwner.PCP);
            perCpu.free(zone, zone.pageset(walk.cpu()), pfn, order, PerCpuLists.cachedType(type));
        } else {
            memMap.setBlockOwner(pfn, order, FrameOwner.FREE);
            lists.freeOnePage(zone, pfn, order, type, FreeLists.Place.BY_BUDDY);
        }
    }

    /** The same for a single page, the usual case. */
    private void freeOne(MemMapSection section, int i, long pfn) {
        if (!prepareFreeOne(section, i, pfn)) {
            return;
        }
        counters.count(VmEvent.PGFREE);
        int block = i >> MemMap.PAGEBLOCK_ORDER;
        int slot = section.zone[block];
        Zone zone = zoneBySlot[slot];
        int type = section.pageblock[block];
        if (type == MigrateType.ISOLATE) {
            memMap.setOwner(section, i, FrameOwner.FREE);
            lists.freeOnePage(zone, pfn, 0, type, FreeLists.Place.BY_BUDDY);
            return;
        }
        memMap.giveToCpu(section, i);
        int cached = PerCpuLists.cachedType(type);
        LocalLists local = walk.local();
        perCpu.freeOne(zone, local.pageset(slot), local.singles(slot, cached), pfn, cached);
    }

    /** {@code free_pages_prepare()} of a single page. */
    private boolean prepareFreeOne(MemMapSection section, int i, long pfn) {
        if ((section.mapcount[i] | (section.flags[i] & PageFlags.CHECK_AT_FREE)) != 0
                && !checks.isGoodFree(section, i, 0, pfn)) {
            return false;
        }
        section.flags[i] = 0;
        section.order[i] = 0;
        section.mapping[i] = 0;
        return true;
    }

    /** {@code free_pages_prepare()}: checks and clears; returns whether the block may be freed. */
    private boolean prepareFree(MemMapSection section, int head, int order, long pfn) {
        section.flags[head] &= ~PageFlags.HEAD;
        section.order[head] = 0;
        int last = head + (1 << order);
        int bad = 0;
        for (int i = head; i < last; i++) {
            bad |= section.mapcount[i] | (section.flags[i] & PageFlags.CHECK_AT_FREE);
        }
        for (int i = head + 1; i < last; i++) {
            bad |= section.refcount[i];
        }
        if (bad != 0 && !checks.isGoodFree(section, head, order, pfn)) {
            return false;
        }
        for (int i = head; i < last; i++) {
            section.flags[i] = 0;
            section.mapping[i] = 0;
        }
        return true;
    }
}
