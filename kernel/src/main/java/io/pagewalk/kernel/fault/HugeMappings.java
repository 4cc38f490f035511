package io.pagewalk.kernel.fault;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * Entries that map a huge page as a whole: dropping, splitting, copying and moving them ({@code mm/huge_memory.c}).
 *
 * <p>An anonymous one has a leaf table put aside, so that it can be split without allocating. One of a file has none: splitting it empties the place, and faults fill it again.
 */
final class HugeMappings {
    /** What became of an entry that fork copies. */
    enum Copied {
        /** The child has what it needs. */
        DONE,
        /** The entry was split and its pages are to be copied one by one. */
        SPLIT,
        /** There was no memory for a table. */
        NO_MEMORY
    }

    private static final int LEVEL = PageTables.HUGE_LEVEL;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final TlbFlusher flusher;
    private final PinnedCopies pinned;
    private final HugePageSettings settings;
    private final long zeroPfn;
    private final int pages;

    HugeMappings(KernelTables kernel, TlbFlusher flusher, PinnedCopies pinned, HugePageSettings settings) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.flusher = flusher;
        this.pinned = pinned;
        this.settings = settings;
        this.zeroPfn = kernel.zeroPfn();
        this.pages = (int) mode.pagesPerLeaf(LEVEL);
    }

    /** Returns the first address of the huge page that an address lies in. */
    long startOf(long vaddr) {
        return vaddr & -tables.hugeBytes();
    }

    /** Returns the first address behind the huge page that an address lies in. */
    long endOf(long vaddr) {
        return tables.hugeEnd(vaddr);
    }

    /** Returns whether a range that begins at an address covers the huge page there wholly. */
    boolean isWhole(long vaddr, long end) {
        return vaddr == startOf(vaddr) && endOf(vaddr) <= end;
    }

    /** Returns whether an entry maps the huge page of zeros. */
    boolean isZero(long entry) {
        return (mode.flags(entry, LEVEL) & PteFlags.SPECIAL) != 0;
    }

    /** Maps a new anonymous folio as a whole where nothing is: {@code map_anon_folio_pmd()}. */
    void mapNew(Vma vma, AnonVma anonVma, long vaddr, long head) {
        Mm mm = vma.mm();
        folios.addNewLargeAnon(head, vma, anonVma, startOf(vaddr));
        memmap.setFlags(head, PageFlags.ANON_EXCLUSIVE);
        folios.addHugeMapping(head, mm);
        int flags = protection.flags(vma) | protection.dirty() | Protection.writeRight(vma);
        tables.setHugeEntry(mm, vaddr, mode.leaf(head, flags, LEVEL));
        mm.addRss(RssCounter.ANON, pages);
        if (settings.shrinksUnderused()) {
            folios.deferredSplits().add(head);
        }
    }

    /** Maps a huge page of a file as a whole where nothing is, when area and settings of the process allow it: {@code mm/memory.c:do_set_pmd()}. The entry takes over a reference of the caller's. */
    boolean mapFile(Vma vma, long vaddr, long pfn, int flags) {
        Mm mm = vma.mm();
        boolean isHuge = folios.large().order(pfn) == Folios.HUGE_ORDER && pages == 1 << Folios.HUGE_ORDER;
        if (!isHuge || !tables.isRegionEmpty(mm, vaddr) || !HugePagePolicy.mayMapWhole(vma, vaddr)) {
            return false;
        }
        long head = memmap.compoundHead(pfn);
        mm.addRss(FaultHandler.rssKind(memmap, head), pages);
        folios.addHugeMapping(head, mm);
        folios.mlocked().lockMapped(vma, head);
        tables.setHugeEntry(mm, vaddr, mode.leaf(head, flags, LEVEL));
        folios.counters().count(VmEvent.THP_FILE_MAPPED);
        return true;
    }

    /** Drops a whole huge page: {@code zap_huge_pmd()}. */
    void zap(Vma vma, long vaddr, FlushRange flush) {
        Mm mm = vma.mm();
        long entry = tables.hugeEntry(mm, vaddr);
        int flags = mode.flags(entry, LEVEL);
        tables.setHugeEntry(mm, vaddr, 0);
        flush.addTables(startOf(vaddr), endOf(vaddr));
        long table = tables.withdraw(mm, vaddr);
        if (table >= 0) {
            tables.freeTable(table);
        }
        if (isZero(entry)) {
            return;
        }
        long head = mode.pfn(entry, LEVEL);
        RssCounter kind = FaultHandler.rssKind(memmap, head);
        if (kind != RssCounter.ANON) {
            noteUse(vma, head, flags);
        }
        mm.addRss(kind, -pages);
        folios.removeHugeMapping(head, mm);
        folios.mlocked().unlockMapped(vma, head);
        folios.put(head);
    }

    private void noteUse(Vma vma, long head, int flags) {
        if ((flags & PteFlags.DIRTY) != 0) {
            folios.markDirty(head);
        }
        if ((flags & PteFlags.ACCESSED) != 0 && !vma.has(VmaFlags.VM_SEQ_READ | VmaFlags.VM_RAND_READ)) {
            folios.lru().markAccessed(head);
        }
    }

    /** Lets leaf entries map what one entry mapped; a page of a file is mapped no longer: {@code __split_huge_pmd_locked()}. Nothing happens where no huge page is mapped. */
    void split(Vma vma, long vaddr) {
        Mm mm = vma.mm();
        long entry = tables.hugeEntry(mm, vaddr);
        if (entry == 0) {
            return;
        }
        folios.counters().count(VmEvent.THP_SPLIT_PMD);
        long start = startOf(vaddr);
        int flags = mode.flags(entry, LEVEL);
        long head = mode.pfn(entry, LEVEL);
        boolean isZero = isZero(entry);
        boolean isAnon = isZero || memmap.mapping(head) < 0;
        long table = tables.withdraw(mm, vaddr);
        if (table < 0) {
            KernelBug.on(isAnon, "an anonymous huge page has no table put aside");
            tables.setHugeEntry(mm, vaddr, 0);
            flusher.flushRange(mm, start, start + tables.hugeBytes(), false);
            noteUse(vma, head, flags);
            mm.addRss(FaultHandler.rssKind(memmap, head), -pages);
            folios.removeHugeMapping(head, mm);
            folios.mlocked().unlockMapped(vma, head);
            folios.put(head);
            return;
        }
        boolean isExclusive = !isZero && memmap.hasFlags(head, PageFlags.ANON_EXCLUSIVE);
        for (int i = 0; i < pages; i++) {
            long pfn = isZero ? zeroPfn : head + i;
            mode.writeEntry(memory, table, i, mode.leaf(pfn, flags, 1));
            if (!isZero) {
                if (isExclusive) {
                    memmap.setFlags(pfn, PageFlags.ANON_EXCLUSIVE);
                }
                memmap.get(pfn);
                folios.addMapping(pfn, mm);
            }
        }
        tables.hang(mm, vaddr, table);
        flusher.flushRange(mm, start, start + tables.hugeBytes(), false);
        if (!isZero) {
            folios.removeHugeMapping(head, mm);
            folios.put(head);
        }
    }

    /** Splits the entry that maps a huge page as a whole in one area, when there is one. */
    void splitIfMapped(Vma vma, long index, long head) {
        long page = index - vma.pgoff();
        if (page < 0 || page >= vma.pages()) {
            return;
        }
        long vaddr = vma.start() + (page << 12);
        long entry = tables.hugeEntry(vma.mm(), vaddr);
        if (entry != 0 && mode.pfn(entry, LEVEL) == head) {
            split(vma, vaddr);
        }
    }

    /** Takes notice of entries of an area that map pages of a folio about to be split: it is dirty when one is, and loses the locks that a locked area has on it ({@code mm/rmap.c:try_to_migrate()}). */
    void beforeSplit(Vma vma, long index, long head, int count) {
        for (int i = 0; i < count; i++) {
            long vaddr = vma.start() + ((index + i - vma.pgoff()) << 12);
            int flags = flagsOf(vma, vaddr, head + i);
            if (flags == 0) {
                continue;
            }
            if ((flags & PteFlags.DIRTY) != 0) {
                folios.markDirty(head);
            }
            folios.mlocked().unlockMapped(vma, head);
        }
    }

    /**
     * Lets an area map the page of zeros instead of its own pages that hold nothing, and lock the others when it is locked: {@code mm/migrate.c:remove_migration_ptes(),
     * try_to_map_unused_to_zeropage()}.
     */
    void afterSplit(Vma vma, long index, long first, int count, boolean sharesZeroes) {
        boolean isLocked = vma.has(VmaFlags.VM_LOCKED);
        if (!isLocked && !sharesZeroes) {
            return;
        }
        Mm mm = vma.mm();
        for (int i = 0; i < count; i++) {
            long pfn = first + i;
            long vaddr = vma.start() + ((index + i - vma.pgoff()) << 12);
            int flags = flagsOf(vma, vaddr, pfn);
            if (flags == 0) {
                continue;
            }
            if (isLocked) {
                folios.mlocked().lockMapped(vma, pfn);
            } else if (memory.isZero(pfn) && !memmap.hasFlags(pfn, PageFlags.MLOCKED)) {
                int kept = flags & (PteFlags.SOFT_DIRTY | PteFlags.UFFD_WP);
                long entry = mode.leaf(zeroPfn, protection.flags(vma) | PteFlags.SPECIAL | kept, 1);
                mode.writeEntry(memory, tables.find(mm, vaddr), mode.index(vaddr, 1), entry);
                flusher.flushRange(mm, vaddr, vaddr + 4096, false);
                mm.addRss(RssCounter.ANON, -1);
                folios.unmap(pfn, vma);
            }
        }
    }

    /** Returns the flags of the leaf entry that maps a page at an address, 0 when none does. */
    private int flagsOf(Vma vma, long vaddr, long pfn) {
        if (vaddr < vma.start() || vaddr >= vma.end() || tables.find(vma.mm(), vaddr) < 0) {
            return 0;
        }
        long entry = tables.entry(vma.mm(), vaddr);
        return entry != 0 && !PteMarkers.is(entry) && mode.pfn(entry, 1) == pfn ? mode.flags(entry, 1) : 0;
    }

    /** Splits the huge page that lies across an address: {@code split_huge_pmd_if_needed()}. */
    void splitAcross(Vma vma, long vaddr) {
        if (vaddr != startOf(vaddr)) {
            split(vma, vaddr);
        }
    }

    /** Copies an entry for fork: {@code copy_huge_pmd()}. Pages of files are left to faults. */
    Copied copy(Vma child, Vma parent, long vaddr) {
        Mm source = parent.mm();
        Mm target = child.mm();
        long entry = tables.hugeEntry(source, vaddr);
        if (!tables.makeUpper(target, vaddr)) {
            return Copied.NO_MEMORY;
        }
        if (!child.isAnonymous()) {
            return Copied.DONE;
        }
        long table = tables.allocateTable();
        if (table < 0) {
            return Copied.NO_MEMORY;
        }
        if (!isZero(entry)) {
            long head = mode.pfn(entry, LEVEL);
            if (pinned.mustCopy(source, head)) {
                tables.freeTable(table);
                split(parent, vaddr);
                return Copied.SPLIT;
            }
            memmap.clearFlags(head, PageFlags.ANON_EXCLUSIVE);
            memmap.get(head);
            folios.addHugeMapping(head, target);
            target.addRss(RssCounter.ANON, pages);
        }
        tables.deposit(target, vaddr, table);
        int flags = mode.flags(entry, LEVEL) & ~PteFlags.WRITE;
        tables.setHugeEntry(source, vaddr, mode.withFlags(entry, flags, LEVEL));
        flags &= ~PteFlags.ACCESSED;
        if (!child.has(VmaFlags.VM_UFFD_WP)) {
            flags &= ~PteFlags.UFFD_WP;
        }
        tables.setHugeEntry(target, vaddr, mode.withFlags(entry, flags, LEVEL));
        return Copied.DONE;
    }

    /** Moves a whole huge page to a place of the same address space: {@code move_huge_pmd()}. Returns false when something is in the way. */
    boolean move(Mm mm, long from, long to, FlushRange flush) {
        if (!tables.makeUpper(mm, to) || !tables.isRegionEmpty(mm, to)) {
            return false;
        }
        long entry = tables.hugeEntry(mm, from);
        int flags = mode.flags(entry, LEVEL);
        if (mm.services().settings().tracksSoftDirty()) {
            flags |= PteFlags.SOFT_DIRTY;
        }
        tables.setHugeEntry(mm, from, 0);
        long table = tables.withdraw(mm, from);
        if (table >= 0) {
            tables.deposit(mm, to, table);
        }
        tables.setHugeEntry(mm, to, mode.withFlags(entry, flags, LEVEL));
        flush.addTables(from, from + tables.hugeBytes());
        return true;
    }

    /** Returns the flags of the entry that maps a huge page at an address, -1 when it maps something else. */
    int flagsOfMapping(Mm mm, long vaddr, long head) {
        long entry = mm.pgdPfn() < 0 ? 0 : tables.hugeEntry(mm, vaddr);
        return entry != 0 && !isZero(entry) && mode.pfn(entry, LEVEL) == head ? mode.flags(entry, LEVEL) : -1;
    }

    /** Lets the entry at an address point to another huge page: {@code remove_migration_pmd()}. */
    void redirect(Mm mm, long vaddr, long head) {
        int flags = mode.flags(tables.hugeEntry(mm, vaddr), LEVEL);
        tables.setHugeEntry(mm, vaddr, mode.leaf(head, flags, LEVEL));
        flush(mm, vaddr);
    }

    /** Flushes what TLBs know of the huge page at an address. */
    void flush(Mm mm, long vaddr) {
        flusher.flushRange(mm, startOf(vaddr), endOf(vaddr), false);
    }

    /** Gives the entry at an address other flags. */
    void setFlags(Mm mm, long vaddr, long entry, int flags) {
        tables.setHugeEntry(mm, vaddr, mode.withFlags(entry, flags, LEVEL));
    }
}
