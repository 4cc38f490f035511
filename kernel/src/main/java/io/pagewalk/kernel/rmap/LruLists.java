package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;

/**
 * Which list a folio stands on, and what moves it to another ({@code mm/swap.c}, {@code mm/mlock.c}). Lists are lengths in pages so far; a folio counts with all its pages.
 *
 * <p>Pages on their way to the active list wait in a batch, which {@link #drain} empties: {@code struct cpu_fbatches}. Differs from Linux: one batch for the machine, which holds no references; all
 * other changes are seen at once.
 */
public final class LruLists {
    private static final int CACHED_LISTS = PageFlags.ACTIVE | PageFlags.UNEVICTABLE;

    /** What a page has while it is counted how many areas lock it. */
    private static final int COUNTED = PageFlags.LRU | PageFlags.UNEVICTABLE;

    /** {@code PAGEVEC_SIZE}. */
    private static final int BATCH = 31;

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

    /** Lets pages arrive at the lists where they are sent: {@code lru_add_drain()}. */
    public void drain() {
        for (int i = 0; i < waiting; i++) {
            activate(activating[i]);
        }
        waiting = 0;
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
        for (int i = 0; i < waiting; i++) {
            if (activating[i] == head) {
                activating[i--] = activating[--waiting];
            }
        }
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
     * Moves a page of a locked area to the unevictable list, where it is counted how many areas lock it: {@code mm/mlock.c:mlock_folio()}.
     *
     * @param page a mapped page
     */
    public void mlock(long page) {
        long pfn = memmap.compoundHead(page);
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.MLOCKED) != 0) {
            if ((flags & COUNTED) == COUNTED) {
                setFurtherLocks(pfn, furtherLocks(pfn) + 1);
            }
            return;
        }
        Zone zone = folios.zoneOf(pfn);
        int pages = large.pages(pfn);
        if ((flags & PageFlags.LRU) != 0) {
            count(zone, flags, -pages);
            count(zone, PageFlags.UNEVICTABLE, pages);
        }
        memmap.clearFlags(pfn, PageFlags.ACTIVE);
        memmap.setFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        counters.add(zone, ZoneStat.NR_MLOCK, pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED, pages);
    }

    /**
     * Takes a page off the unevictable list when no other area locks it: {@code mm/mlock.c:munlock_folio()}.
     *
     * @param page a page
     */
    public void munlock(long page) {
        long pfn = memmap.compoundHead(page);
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.MLOCKED) == 0) {
            return;
        }
        int further = furtherLocks(pfn);
        if (further > 0) {
            boolean isCounted = (flags & COUNTED) == COUNTED;
            setFurtherLocks(pfn, isCounted ? further - 1 : 0);
            if (isCounted) {
                return;
            }
        }
        Zone zone = folios.zoneOf(pfn);
        int pages = large.pages(pfn);
        memmap.clearFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        counters.add(zone, ZoneStat.NR_MLOCK, -pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_MUNLOCKED, pages);
        if ((flags & PageFlags.LRU) != 0) {
            count(zone, flags, -pages);
            count(zone, flags & ~PageFlags.UNEVICTABLE, pages);
            counters.count(VmEvent.UNEVICTABLE_PGS_RESCUED, pages);
        }
    }

    /**
     * Lets a page that an area begins to map be locked when the area is: {@code mm/internal.h:mlock_vma_folio()}.
     *
     * @param vma the area
     * @param page a page that is mapped now
     */
    public void lockMapped(Vma vma, long page) {
        if (vma.has(VmaFlags.VM_LOCKED) && !vma.has(VmaFlags.VM_SPECIAL)) {
            mlock(page);
        }
    }

    /**
     * Takes back the lock of an area that maps a page no longer: {@code mm/internal.h:munlock_vma_folio()}.
     *
     * @param vma the area
     * @param page a page that was mapped, with a reference
     */
    public void unlockMapped(Vma vma, long page) {
        if (vma.has(VmaFlags.VM_LOCKED)) {
            munlock(page);
        }
    }

    /**
     * Takes away all locks of a page that was taken off its list, where they are not counted, when an area that locks it is about to map it no longer.
     *
     * @param vma the area
     * @param page a mapped page
     */
    public void unlockIsolated(Vma vma, long page) {
        if (vma.has(VmaFlags.VM_LOCKED)) {
            forgetLocks(memmap.compoundHead(page));
        }
    }

    /** Lets a folio have the locks of another, which then has none. */
    void moveLocks(long from, long to) {
        setFurtherLocks(to, furtherLocks(from));
        setFurtherLocks(from, 0);
    }

    /** Forgets how many areas lock a folio. */
    void forgetLocks(long pfn) {
        setFurtherLocks(pfn, 0);
    }

    private int furtherLocks(long pfn) {
        return memmap.section(pfn).furtherLocks((int) pfn & MemMap.SECTION_MASK);
    }

    private void setFurtherLocks(long pfn, int count) {
        memmap.section(pfn).setFurtherLocks((int) pfn & MemMap.SECTION_MASK, count);
    }

    /**
     * Takes a page that is not locked by an area off the unevictable list: {@code mm/vmscan.c:check_move_unevictable_folios()}.
     *
     * @param pfn a page on a list
     */
    public void makeEvictable(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & (PageFlags.UNEVICTABLE | PageFlags.MLOCKED)) != PageFlags.UNEVICTABLE) {
            return;
        }
        Zone zone = folios.zoneOf(pfn);
        int pages = large.pages(pfn);
        count(zone, flags, -pages);
        memmap.clearFlags(pfn, PageFlags.UNEVICTABLE);
        count(zone, flags & ~PageFlags.UNEVICTABLE, pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_SCANNED, pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_RESCUED, pages);
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
