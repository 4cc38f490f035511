package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import java.util.function.LongPredicate;

/**
 * Which folios locked areas keep in memory, on the unevictable list ({@code mm/mlock.c}).
 *
 * <p>Folios that are locked and unlocked wait in a batch until they change their list, and are as other ones meanwhile; {@link Folios#drainBatches} empties it: {@code struct mlock_fbatch}. Differs
 * from Linux: one batch for the machine, which holds no references, and new pages are on the unevictable list at once.
 */
public final class MlockedFolios {
    /** {@code PAGEVEC_SIZE}. */
    private static final int BATCH = 31;

    /** In the place of a folio that has changed its list already: a new one, or one that was freed. */
    private static final long DONE = Long.MAX_VALUE;

    private final Folios folios;
    private final LruLists lru;
    private final MemMap memmap;
    private final LargeFolios large;
    private final VmCounters counters;
    private LongPredicate unevictableFiles = inode -> false;

    /** First pages that change: as they are when they are locked, as {@code ~pfn} when they are unlocked, {@link #DONE} for those that only take a place. */
    private final long[] changing = new long[BATCH];

    private int waiting;

    MlockedFolios(Folios folios) {
        this.folios = folios;
        this.lru = folios.lru();
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

    /** Lets folios change their list: {@code mlock_drain_local()}. */
    void drain() {
        int count = waiting;
        waiting = 0;
        for (int i = 0; i < count; i++) {
            change(changing[i]);
        }
    }

    /** Lets one folio change its list; it keeps its place in the batch. */
    void arrive(long head) {
        for (int i = 0; i < waiting; i++) {
            long change = changing[i];
            if (change == head || change == ~head) {
                changing[i] = DONE;
                change(change);
            }
        }
    }

    /** Returns whether any folio is about to change its list. */
    boolean isAnyWaiting() {
        return waiting != 0;
    }

    private void add(long head, long change) {
        changing[waiting++] = change;
        if (waiting == BATCH || large.isLarge(head)) {
            drain();
        }
    }

    private void change(long change) {
        if (change == DONE) {
            return;
        }
        if (change >= 0) {
            lockNow(change);
        } else {
            unlockNow(~change);
        }
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
        add(head, head);
    }

    /** Locks a new page that no list counts yet; the unevictable one is meant for it at once: {@code mlock_new_folio()}. */
    void mlockNew(long pfn) {
        memmap.setFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        setLocks(pfn, 1);
        countLocked(pfn);
        counters.count(VmEvent.UNEVICTABLE_PGS_CULLED);
        add(pfn, DONE);
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
            lru.count(zone, flags, -pages);
            memmap.clearFlags(head, PageFlags.ACTIVE);
            memmap.setFlags(head, PageFlags.UNEVICTABLE);
            setLocks(head, (flags & PageFlags.MLOCKED) != 0 ? 1 : 0);
            lru.count(zone, PageFlags.UNEVICTABLE, pages);
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
        add(head, ~head);
    }

    /**
     * Counts anew how many areas lock a page that has moved: its entries are made again, also in areas that are locked no longer ({@code remove_migration_ptes()}).
     *
     * @param pfn a small page on a list
     * @param areas how many locked areas map it
     */
    public void relock(long pfn, int areas) {
        if (areas == 0) {
            setLocks(pfn, 0);
            unlockNow(pfn);
        } else {
            mlock(pfn);
            arrive(pfn);
            setLocks(pfn, areas);
        }
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
        lru.count(zone, flags, -pages);
        memmap.clearFlags(head, PageFlags.UNEVICTABLE);
        lru.count(zone, flags & ~PageFlags.UNEVICTABLE, pages);
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
}
