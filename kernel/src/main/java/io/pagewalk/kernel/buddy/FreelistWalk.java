package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.function.LongConsumer;

/** One attempt to serve a request from the zones of a zonelist, and what makes a block a page: {@code mm/page_alloc.c:get_page_from_freelist(), rmqueue(), prep_new_page()}. */
final class FreelistWalk {
    private final MemMap memMap;
    private final VmCounters counters;
    private final FreeLists lists;
    private final Fallbacks fallbacks;
    private final PerCpuLists perCpu;
    private final HighAtomicReserve highAtomic;
    private final PageChecks checks;
    private final LongConsumer clearFrame;
    /** Zones for which another zone is better than a mixed pageblock, by slot: Normal with DMA32 below it. */
    private final boolean[] avoidsMixing;

    private KswapdWaker kswapd = KswapdWaker.NONE;
    private final LocalLists[] localByCpu;
    private LocalLists local;
    private int cpu;
    private int cpuNode;
    private boolean isDefragMode;
    private boolean isGroupingDisabled;

    FreelistWalk(
            VmCounters counters,
            Zone[] zones,
            FreeLists lists,
            Fallbacks fallbacks,
            PerCpuLists perCpu,
            HighAtomicReserve highAtomic,
            PageChecks checks,
            MemMap memMap,
            LongConsumer clearFrame) {
        this.memMap = memMap;
        this.counters = counters;
        this.lists = lists;
        this.fallbacks = fallbacks;
        this.perCpu = perCpu;
        this.highAtomic = highAtomic;
        this.checks = checks;
        this.clearFrame = clearFrame;
        ZoneLayout layout = counters.layout();
        localByCpu = LocalLists.ofEach(zones);
        local = localByCpu[0];
        avoidsMixing = new boolean[zones.length];
        for (Zone zone : zones) {
            int below = zone.index() - 1;
            avoidsMixing[zone.slot()] = zone.type() == ZoneType.NORMAL
                    && below >= 0
                    && layout.types().get(below) == ZoneType.DMA32
                    && (zones.length == layout.size() || zones[zone.slot() - 1].isPopulated());
        }
    }

    void setCpu(int number, int node) {
        cpu = number;
        local = localByCpu[number];
        cpuNode = node;
    }

    int cpu() {
        return cpu;
    }

    /** Returns the current CPU's lists. */
    LocalLists local() {
        return local;
    }

    int cpuNode() {
        return cpuNode;
    }

    void setKswapd(KswapdWaker waker) {
        kswapd = waker;
    }

    void setGroupingDisabled(boolean isDisabled) {
        isGroupingDisabled = isDisabled;
    }

    /** Returns the type whose pageblocks a request is served from: {@code gfp_migratetype()}. */
    int migrateType(int gfp) {
        return isGroupingDisabled ? MigrateType.UNMOVABLE : Gfp.migrateType(gfp);
    }

    void setDefragMode(boolean mode) {
        isDefragMode = mode;
    }

    /**
     * Takes a single page off the current CPU's list of the best zone, when that zone is above its high watermark: what {@link #getPageFromFreelist} comes to in nearly
     * all cases, without its other branches. {@code slot} is the zone's. Returns NO_PAGE, with nothing changed, when the walk is needed.
     */
    long takeCached(int gfp, Zone zone, int slot, int highest) {
        PerCpuPages pcp = local.pageset(slot);
        PageDeque list = local.singles(slot, migrateType(gfp));
        if (zone.belowHigh || zone.hasNewBoost || list.isEmpty()) {
            return NO_PAGE;
        }
        long usable = zone.freePages - zone.freeHighatomic - (AllocFlags.cma(gfp) == 0 ? zone.freeCma : 0);
        if (usable <= zone.watermarks().highAndReserve(highest)) {
            return NO_PAGE;
        }
        pcp.freeCount >>= 1;
        pcp.count--;
        long pfn = list.removeFirst();
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        countAllocation(zone, zone, 1, 1);
        if (isSuspect(section, i) && checks.isBadNew(pfn, 0)) {
            dropBad(pfn, 0);
            return NO_PAGE;
        }
        section.refcount[i] = 1;
        memMap.takeFromCpu(section, i);
        if ((gfp & Gfp.ZERO) != 0) {
            clearFrame.accept(pfn);
        }
        return pfn;
    }

    /** One walk over the zonelist: {@code get_page_from_freelist()}. */
    long getPageFromFreelist(int gfp, int order, int flags, Zonelist zonelist, int first, int highest) {
        int allocFlags = flags;
        Zone preferred = zonelist.get(first);
        int size = zonelist.size();
        for (int z = first; z < size; z++) {
            Zone zone = zonelist.get(z);
            if (zone.index() > highest) {
                continue;
            }
            if ((allocFlags & AllocFlags.NOFRAGMENT) != 0 && zone != preferred && zone.node() != preferred.node()) {
                // Locality is worth more than unmixed pageblocks: start again without the restriction.
                allocFlags &= ~AllocFlags.NOFRAGMENT;
                z = first - 1;
                continue;
            }
            if (!mayUse(zone, order, highest, allocFlags)) {
                continue;
            }
            long pfn = removeGood(preferred, zone, order, gfp, allocFlags);
            if (pfn != NO_PAGE) {
                prepare(pfn, order, gfp);
                if (zone.hasNewBoost && (allocFlags & AllocFlags.KSWAPD) != 0) {
                    zone.hasNewBoost = false;
                    kswapd.wakeup(zone, 0, 0, zone.index());
                }
                if ((allocFlags & AllocFlags.HIGHATOMIC) != 0) {
                    highAtomic.reserve(zone, pfn, order);
                }
                return pfn;
            }
        }
        if ((allocFlags & AllocFlags.NOFRAGMENT) != 0 && !isDefragMode) {
            return getPageFromFreelist(gfp, order, allocFlags & ~AllocFlags.NOFRAGMENT, zonelist, first, highest);
        }
        return NO_PAGE;
    }

    /** Returns the position of the best zone that a request may use, or -1. */
    static int firstZone(Zonelist zonelist, int highest) {
        for (int z = 0; z < zonelist.size(); z++) {
            if (zonelist.get(z).index() <= highest) {
                return z;
            }
        }
        return -1;
    }

    /** Returns the position of the best zone, or -1, for each node, with and without its neighbours, and highest zone. */
    static int[] firstPlaces(Zonelist[] fallback, Zonelist[] thisNode, int zones) {
        int[] places = new int[fallback.length * 2 * zones];
        for (int place = 0; place < places.length; place++) {
            int list = place / zones;
            places[place] = firstZone((list & 1) == 0 ? fallback[list >> 1] : thisNode[list >> 1], place % zones);
        }
        return places;
    }

    /** Returns the slot of the best zone, or -1, for each node and highest zone. */
    static int[] bestSlots(Zonelist[] zonelists, int zones) {
        int[] slots = new int[zonelists.length * zones];
        for (int place = 0; place < slots.length; place++) {
            Zonelist zonelist = zonelists[place / zones];
            int first = firstZone(zonelist, place % zones);
            slots[place] = first < 0 ? -1 : zonelist.get(first).slot();
        }
        return slots;
    }

    /** {@code alloc_flags_nofragment()}: with a zone DMA32 below Normal, rather use that than mix pageblocks. */
    int nofragmentFlags(Zone preferred, int gfp) {
        int flags = gfp & Gfp.KSWAPD_RECLAIM;
        if (isDefragMode) {
            return flags | AllocFlags.NOFRAGMENT;
        }
        return avoidsMixing[preferred.slot()] ? flags | AllocFlags.NOFRAGMENT : flags;
    }

    boolean isDefragMode() {
        return isDefragMode;
    }

    private static boolean mayUse(Zone zone, int order, int highest, int allocFlags) {
        Watermarks watermarks = zone.watermarks();
        if (!zone.belowHigh) {
            if (WatermarkCheck.fast(zone, order, watermarks.pages(Watermarks.HIGH), highest, allocFlags)) {
                return true;
            }
            zone.belowHigh = true;
        }
        return (allocFlags & AllocFlags.NO_WATERMARKS) != 0
                || WatermarkCheck.fast(
                        zone, order, watermarks.pages(allocFlags & AllocFlags.WMARK_MASK), highest, allocFlags);
    }

    /** Takes blocks until one is fit to be handed out; the others are lost: {@code check_new_pages()}. */
    private long removeGood(Zone preferred, Zone zone, int order, int gfp, int allocFlags) {
        long pfn = removeFrom(preferred, zone, order, gfp, allocFlags);
        while (pfn != NO_PAGE
                && isSuspect(memMap.section(pfn), (int) pfn & MemMap.SECTION_MASK)
                && checks.isBadNew(pfn, order)) {
            dropBad(pfn, order);
            pfn = removeFrom(preferred, zone, order, gfp, allocFlags);
        }
        return pfn;
    }

    private boolean isSuspect(MemMapSection section, int i) {
        return (section.refcount[i] | section.mapcount[i] | section.flags[i]) != 0 || checks.freedTwice() > 0;
    }

    /** Gives a block that was found bad to nobody. */
    void dropBad(long pfn, int order) {
        memMap.setBlockOwner(pfn, order, FrameOwner.KERNEL);
    }

    /** {@code rmqueue()}: per-CPU lists first, then the buddy lists. */
    private long removeFrom(Zone preferred, Zone zone, int order, int gfp, int allocFlags) {
        int type = migrateType(gfp);
        if (PerCpuLists.allows(order)) {
            PerCpuPages pcp = zone.pageset(cpu);
            pcp.freeCount >>= 1;
            long pfn = perCpu.remove(zone, pcp, order, type, allocFlags);
            if (pfn != NO_PAGE) {
                countAllocation(preferred, zone, 1, 1 << order);
                return pfn;
            }
        }
        long pfn = NO_PAGE;
        if ((allocFlags & AllocFlags.HIGHATOMIC) != 0) {
            pfn = lists.removeSmallest(zone, order, MigrateType.HIGHATOMIC);
        }
        if (pfn == NO_PAGE) {
            fallbacks.begin();
            pfn = fallbacks.remove(zone, order, type, allocFlags);
        }
        if (pfn == NO_PAGE && (allocFlags & (AllocFlags.OOM | AllocFlags.NON_BLOCK)) != 0) {
            pfn = lists.removeSmallest(zone, order, MigrateType.HIGHATOMIC);
        }
        if (pfn != NO_PAGE) {
            countAllocation(preferred, zone, 1, 1 << order);
        }
        return pfn;
    }

    /** {@code prep_new_page()}: the block leaves the lists' hands. */
    void prepare(long pfn, int order, int gfp) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.refcount[i] = 1;
        if (order == 0) {
            memMap.setOwner(section, i, FrameOwner.KERNEL);
        } else {
            memMap.setBlockOwner(pfn, order, FrameOwner.KERNEL);
            if ((gfp & Gfp.COMP) != 0) {
                prepareCompound(section, i, order, pfn);
            }
        }
        if ((gfp & Gfp.ZERO) != 0) {
            for (long frame = pfn; frame < pfn + (1L << order); frame++) {
                clearFrame.accept(frame);
            }
        }
    }

    private static void prepareCompound(MemMapSection section, int head, int order, long pfn) {
        section.flags[head] = PageFlags.HEAD;
        section.order[head] = (byte) order;
        for (int tail = head + 1; tail < head + (1 << order); tail++) {
            section.flags[tail] = PageFlags.TAIL;
            section.next[tail] = (int) pfn;
        }
    }

    void countAllocation(Zone preferred, Zone zone, int blocks, int pages) {
        int node = zone.node();
        if (blocks == pages && node == cpuNode && node == preferred.node()) {
            zone.localPages += pages;
            return;
        }
        counters.countAllocated(zone, pages);
        if (node == preferred.node()) {
            counters.add(zone, NumaEvent.NUMA_HIT, blocks);
        } else {
            counters.add(zone, NumaEvent.NUMA_MISS, blocks);
            counters.add(preferred, NumaEvent.NUMA_FOREIGN, blocks);
        }
        counters.add(zone, node == cpuNode ? NumaEvent.NUMA_LOCAL : NumaEvent.NUMA_OTHER, blocks);
    }
}
