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
import java.util.function.LongPredicate;

/**
 * Which list a folio stands on, and what moves it to another ({@code mm/swap.c}, {@code mm/mlock.c}). Lists are lengths in pages so far; a folio counts with all its pages.
 *
 * <p>Pages on their way to the active list wait in a batch ({@code struct cpu_fbatches}), and those that are locked and unlocked in another ({@code struct mlock_fbatch}); {@link #drain} empties both.
 * Differs from Linux: batches of the machine, which hold no references; new pages and all other changes are seen at once.
 */
public final class LruLists {
    private static final int CACHED_LISTS = PageFlags.ACTIVE | PageFlags.UNEVICTABLE;

    /** {@code PAGEVEC_SIZE}. */
    private static final int BATCH = 31;

    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final VmCounters counters;
    private final long[] activating = new long[BATCH];
    private int waiting;

    /** First pages whose locks change: as they are when they are locked, as {@code ~pfn} when they are unlocked. */
    private final long[] locking = new long[BATCH];

    private int lockChanges;
    private LongPredicate unevictableFiles = inode -> false;

    LruLists(Folios folios) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.counters = folios.counters();
    }

    /**
     * Wires what is known of files whose pages stay in memory.
     *
     * @param isUnevictable asked with the number of an inode: {@code mapping_unevictable()}
     */
    public void setUnevictableFiles(LongPredicate isUnevictable) {
        unevictableFiles = isUnevictable;
    }

    /** {@code folio_evictable()}. */
    private boolean isEvictable(long head) {
        int mapping = memmap.mapping(head);
        return !memmap.hasFlags(head, PageFlags.MLOCKED) && (mapping <= 0 || !unevictableFiles.test(mapping));
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
        drainLocks();
    }

    private void drainLocks() {
        int count = lockChanges;
        lockChanges = 0;
        for (int i = 0; i < count; i++) {
            changeLock(locking[i]);
        }
    }

    private void changeLock(long change) {
        if (change >= 0) {
            lockNow(change);
        } else {
            unlockNow(~change);
        }
    }

    private void addLockChange(long head, long change) {
        locking[lockChanges++] = change;
        if (lockChanges == BATCH || large.isLarge(head)) {
            drainLocks();
        }
    }

    /** Lets one page arrive, which is about to be freed or taken off its list. */
    void arrive(long head) {
        int kept = 0;
        for (int i = 0; i < waiting; i++) {
            if (activating[i] == head) {
                activate(head);
            } else {
                activating[kept++] = activating[i];
            }
        }
        waiting = kept;
        kept = 0;
        int count = lockChanges;
        for (int i = 0; i < count; i++) {
            long change = locking[i];
            if (change == head || change == ~head) {
                changeLock(change);
            } else {
                locking[kept++] = change;
            }
        }
        lockChanges = kept;
    }

    /** Returns whether any page is on its way. */
    boolean isAnyWaiting() {
        return (waiting | lockChanges) != 0;
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
     * Locks a page of a locked area, and sends it to the unevictable list, where it is counted how many areas lock it: {@code mm/mlock.c:mlock_folio()}.
     *
     * @param page a mapped page
     */
    public void mlock(long page) {
        long head = memmap.compoundHead(page);
        if (!memmap.hasFlags(head, PageFlags.MLOCKED)) {
            memmap.setFlags(head, PageFlags.MLOCKED);
            countLocked(head);
        }
        addLockChange(head, head);
    }

    /** Locks a new page that no list counts yet; the unevictable one is meant for it at once: {@code mlock_new_folio()}. */
    void mlockNew(long pfn) {
        memmap.setFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        setLocks(pfn, 1);
        countLocked(pfn);
        counters.count(VmEvent.UNEVICTABLE_PGS_CULLED);
    }

    private void countLocked(long head) {
        int pages = large.pages(head);
        counters.add(folios.zoneOf(head), ZoneStat.NR_MLOCK, pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED, pages);
    }

    /** {@code __mlock_folio()}. */
    private void lockNow(long head) {
        int flags = memmap.flags(head);
        if ((flags & PageFlags.LRU) == 0) {
            return;
        }
        boolean isThere = (flags & PageFlags.UNEVICTABLE) != 0;
        if (isEvictable(head)) {
            if (isThere) {
                rescue(head, flags);
            }
        } else if (isThere) {
            setLocks(head, locks(head) + ((flags & PageFlags.MLOCKED) != 0 ? 1 : 0));
        } else {
            Zone zone = folios.zoneOf(head);
            int pages = large.pages(head);
            count(zone, flags, -pages);
            memmap.clearFlags(head, PageFlags.ACTIVE);
            memmap.setFlags(head, PageFlags.UNEVICTABLE);
            setLocks(head, (flags & PageFlags.MLOCKED) != 0 ? 1 : 0);
            count(zone, PageFlags.UNEVICTABLE, pages);
            counters.count(VmEvent.UNEVICTABLE_PGS_CULLED, pages);
        }
    }

    /**
     * Takes back the lock of an area, and lets the page leave the unevictable list when no other area locks it: {@code mm/mlock.c:munlock_folio()}.
     *
     * @param page a page
     */
    public void munlock(long page) {
        long head = memmap.compoundHead(page);
        addLockChange(head, ~head);
    }

    /** {@code __munlock_folio()}. */
    private void unlockNow(long head) {
        int flags = memmap.flags(head);
        boolean isOnList = (flags & PageFlags.LRU) != 0;
        if (isOnList && (flags & PageFlags.UNEVICTABLE) != 0) {
            int left = Math.max(locks(head) - 1, 0);
            setLocks(head, left);
            if (left > 0) {
                return;
            }
        }
        if ((flags & PageFlags.MLOCKED) != 0) {
            int pages = large.pages(head);
            memmap.clearFlags(head, PageFlags.MLOCKED);
            setLocks(head, 0);
            counters.add(folios.zoneOf(head), ZoneStat.NR_MLOCK, -pages);
            boolean isStranded = !isOnList && (flags & PageFlags.UNEVICTABLE) != 0;
            counters.count(isStranded ? VmEvent.UNEVICTABLE_PGS_STRANDED : VmEvent.UNEVICTABLE_PGS_MUNLOCKED, pages);
        }
        if (isOnList && (flags & PageFlags.UNEVICTABLE) != 0 && isEvictable(head)) {
            rescue(head, flags);
        }
    }

    private void rescue(long head, int flags) {
        Zone zone = folios.zoneOf(head);
        int pages = large.pages(head);
        count(zone, flags, -pages);
        memmap.clearFlags(head, PageFlags.UNEVICTABLE);
        count(zone, flags & ~PageFlags.UNEVICTABLE, pages);
        counters.count(VmEvent.UNEVICTABLE_PGS_RESCUED, pages);
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

    /** Lets a folio have the locks of another, which then has none. */
    void moveLocks(long from, long to) {
        setLocks(to, locks(from));
        setLocks(from, 0);
    }

    /** Forgets how many areas lock a folio. */
    void forgetLocks(long head) {
        setLocks(head, 0);
    }

    private int locks(long head) {
        return memmap.section(head).mlockCount((int) head & MemMap.SECTION_MASK);
    }

    private void setLocks(long head, int count) {
        memmap.section(head).setMlockCount((int) head & MemMap.SECTION_MASK, count);
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
        counters.count(VmEvent.UNEVICTABLE_PGS_SCANNED, large.pages(pfn));
        rescue(pfn, flags);
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
