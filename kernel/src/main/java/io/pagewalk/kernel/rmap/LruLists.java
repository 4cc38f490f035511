package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;

/**
 * Which list a folio stands on, and what moves it to another ({@code mm/swap.c}); {@link MlockedFolios} has the unevictable one. Lists are lengths in pages so far; a folio counts with all its pages.
 *
 * <p>Pages on their way to the active list wait in a batch, which {@link Folios#drainBatches} empties: {@code struct cpu_fbatches}. Differs from Linux: one batch for the machine, which holds no
 * references; new pages and all other changes are seen at once.
 */
public final class LruLists {
    private static final int CACHED_LISTS = PageFlags.ACTIVE | PageFlags.UNEVICTABLE;

    /** {@code PAGEVEC_SIZE}. */
    private static final int BATCH = 31;

    /** In the place of a folio that has arrived already, as it was freed. */
    private static final long ARRIVED = -1;

    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final VmCounters counters;
    private final long[] activating = new long[BATCH];
    private int waiting;

    LruLists(Folios folios) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.counters = folios.counters();
    }

    /**
     * Notes a use: {@code mm/swap.c:folio_mark_accessed()}. The first use sets the referenced flag, the second sends the page to the active list; until it is there, further uses count anew.
     *
     * @param pfn an allocated page
     */
    public void markAccessed(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.REFERENCED) == 0) {
            memmap.setFlags(pfn, PageFlags.REFERENCED);
        } else if ((flags & CACHED_LISTS) == 0 && (flags & PageFlags.LRU) != 0) {
            memmap.clearFlags(pfn, PageFlags.REFERENCED);
            activating[waiting++] = memmap.compoundHead(pfn);
            if (waiting == BATCH || large.isLarge(pfn)) {
                drain();
            }
        }
    }

    /** Lets pages arrive at the lists where they are sent: {@code lru_add_drain_cpu()}. */
    void drain() {
        for (int i = 0; i < waiting; i++) {
            if (activating[i] != ARRIVED) {
                activate(activating[i]);
            }
        }
        waiting = 0;
    }

    /** Lets one folio arrive; it keeps its place in the batch. */
    void arrive(long head) {
        for (int i = 0; i < waiting; i++) {
            if (activating[i] == head) {
                activating[i] = ARRIVED;
                activate(head);
            }
        }
    }

    /** Returns whether any page is on its way. */
    boolean isAnyWaiting() {
        return waiting != 0;
    }

    private void activate(long head) {
        int flags = memmap.flags(head);
        if ((flags & CACHED_LISTS) == 0 && (flags & PageFlags.LRU) != 0) {
            Zone zone = folios.zoneOf(head);
            int pages = large.pages(head);
            count(zone, flags, -pages);
            memmap.setFlags(head, PageFlags.ACTIVE);
            count(zone, flags | PageFlags.ACTIVE, pages);
            counters.count(VmEvent.PGACTIVATE, pages);
        }
    }

    /** A folio leaves its list for good. */
    void remove(long head, int flags, int pages) {
        count(folios.zoneOf(head), flags, -pages);
    }

    /**
     * Moves a page to the inactive list: {@code folio_deactivate()}.
     *
     * @param pfn a page on a list
     */
    public void deactivate(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.ACTIVE) != 0 && (flags & PageFlags.UNEVICTABLE) == 0) {
            Zone zone = folios.zoneOf(pfn);
            int pages = large.pages(pfn);
            count(zone, flags, -pages);
            count(zone, flags & ~PageFlags.ACTIVE, pages);
            counters.count(VmEvent.PGDEACTIVATE, pages);
        }
        memmap.clearFlags(pfn, PageFlags.ACTIVE | PageFlags.REFERENCED);
    }

    /**
     * Makes a clean anonymous page droppable: {@code mm/swap.c:lru_lazyfree()}.
     *
     * @param pfn an anonymous page
     */
    public void lazyFree(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.SWAPBACKED) == 0 || (flags & PageFlags.UNEVICTABLE) != 0) {
            return;
        }
        Zone zone = folios.zoneOf(pfn);
        int pages = large.pages(pfn);
        count(zone, flags, -pages);
        memmap.clearFlags(pfn, PageFlags.SWAPBACKED | PageFlags.ACTIVE | PageFlags.REFERENCED);
        count(zone, 0, pages);
        counters.count(VmEvent.PGLAZYFREE, pages);
    }

    /** Changes the length of the list that a page with these flags stands on, in its node and its zone. */
    void count(Zone zone, int flags, int delta) {
        NodeStat node;
        ZoneStat inZone;
        if ((flags & PageFlags.UNEVICTABLE) != 0) {
            node = NodeStat.NR_UNEVICTABLE;
            inZone = ZoneStat.NR_ZONE_UNEVICTABLE;
        } else if ((flags & PageFlags.SWAPBACKED) != 0) {
            boolean isActive = (flags & PageFlags.ACTIVE) != 0;
            node = isActive ? NodeStat.NR_ACTIVE_ANON : NodeStat.NR_INACTIVE_ANON;
            inZone = isActive ? ZoneStat.NR_ZONE_ACTIVE_ANON : ZoneStat.NR_ZONE_INACTIVE_ANON;
        } else {
            boolean isActive = (flags & PageFlags.ACTIVE) != 0;
            node = isActive ? NodeStat.NR_ACTIVE_FILE : NodeStat.NR_INACTIVE_FILE;
            inZone = isActive ? ZoneStat.NR_ZONE_ACTIVE_FILE : ZoneStat.NR_ZONE_INACTIVE_FILE;
        }
        counters.add(zone.node(), node, delta);
        counters.add(zone, inZone, delta);
    }
}
