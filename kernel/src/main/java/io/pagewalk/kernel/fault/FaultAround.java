package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Maps pages of files, one that was asked for or all that are cached around it. */
final class FaultAround {
    private static final long USERFAULT = VmaFlags.VM_UFFD_MISSING | VmaFlags.VM_UFFD_WP | VmaFlags.VM_UFFD_MINOR;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final PageCache cache;
    private final HugeMappings huge;
    private final TimeAccount time;
    private final CostModel costs;
    private final int ptesPerTable;

    FaultAround(KernelTables kernel, PageCache cache, HugeMappings huge, TimeAccount time, CostModel costs) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.cache = cache;
        this.huge = huge;
        this.time = time;
        this.costs = costs;
        this.ptesPerTable = mode.entries(1);
    }

    /** Maps a page of a file whose reference the caller took: {@code mm/memory.c:set_pte_range()}. Large folios are locked by {@code mlock()} itself and by reclaim. */
    void map(Mm mm, Vma vma, long table, long vaddr, long pfn, int flags, boolean isShmem) {
        folios.addMapping(pfn, mm);
        if (vma.has(VmaFlags.VM_LOCKED) && !large.isLarge(pfn)) {
            folios.mlocked().mlock(pfn);
        }
        mm.addRss(isShmem ? RssCounter.SHMEM : RssCounter.FILE, 1);
        int index = mode.index(vaddr, 1);
        int kept = UserfaultChecks.protectedAsBefore(vma, mode.readEntry(memory, table, index), flags);
        mode.writeEntry(memory, table, index, mode.leaf(pfn, kept, 1));
    }

    /** Maps a page whose reference the caller took by an entry for its whole huge page, where that is possible. A file on a disk is not mapped beyond its end. */
    boolean mapHuge(Vma vma, long vaddr, long pfn, int flags, OpenFile file) {
        return large.isLarge(pfn) && endsInFile(file, memmap.compoundHead(pfn)) && huge.mapFile(vma, vaddr, pfn, flags);
    }

    /** Maps the page that a fault asked for, whose reference the caller took, with the rest of its folio where that is possible: {@code mm/memory.c:finish_fault()}. */
    void finish(Mm mm, Vma vma, long table, long vaddr, long pfn, int flags, OpenFile file) {
        map(mm, vma, table, vaddr, pfn, flags, file.isShmem());
        if (!large.isLarge(pfn) || vma.has(USERFAULT)) {
            return;
        }
        long head = memmap.compoundHead(pfn);
        int pages = large.pages(head);
        long first = mode.index(vaddr, 1) - (pfn - head);
        if (!mayMapWhole(vma, file, head, first) || !isEmptyBut(table, first, pages, mode.index(vaddr, 1))) {
            return;
        }
        for (int i = 0; i < pages; i++) {
            if (head + i != pfn) {
                memmap.get(pfn);
                map(mm, vma, table, vaddr + (((head + i) - pfn) << 12), head + i, flags, file.isShmem());
                time.charge(Cause.MINOR_FAULT, costs.mapAroundNanos());
            }
        }
    }

    /** Whether a folio lies inside the file, the area and one page table, where its first page has a slot of this number. */
    private boolean mayMapWhole(Vma vma, OpenFile file, long head, long firstSlot) {
        long index = memmap.index(head);
        int pages = large.pages(head);
        return endsInFile(file, head)
                && index >= vma.pgoff()
                && index + pages <= vma.pgoff() + vma.pages()
                && firstSlot >= 0
                && firstSlot + pages <= ptesPerTable;
    }

    private boolean endsInFile(OpenFile file, long head) {
        return file.isShmem()
                || memmap.index(head) + large.pages(head) <= file.inodeObject().sizePages();
    }

    /** {@code pte_range_none()}, asked after the one entry was made. */
    private boolean isEmptyBut(long table, long first, int pages, int made) {
        for (int slot = (int) first; slot < first + pages; slot++) {
            if (slot != made && mode.readEntry(memory, table, slot) != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Maps the cached neighbours of a page in one go: {@code mm/memory.c:do_fault_around()} and {@code mm/filemap.c:filemap_map_pages()}. A large folio of which a page is in the window is
     * mapped as far as file, area and page table go.
     *
     * @return DONE when the faulting page was among them, RETRY when it was not
     */
    int fault(FaultTask task, Mm mm, Vma vma, long vaddr, OpenFile file, long faultAroundPages) {
        cache.settle();
        Inode inode = file.inodeObject();
        long pteOffset = mode.index(vaddr, 1);
        long vmaOffset = (vaddr - vma.start()) >>> 12;
        long from = Math.max(pteOffset & -faultAroundPages, pteOffset - Math.min(pteOffset, vmaOffset));
        long to = Math.min(Math.min(from + faultAroundPages, ptesPerTable), pteOffset + vma.pages() - vmaOffset) - 1;
        // The index in the file that slot 0 of the table has.
        long base = vma.pgoffOf(vaddr) - pteOffset;
        to = Math.min(to, inode.sizePages() - 1 - base);
        long slot = nextMappable(inode, base, from, to);
        if (slot < 0) {
            return FaultHandler.RETRY;
        }
        int flags = protection.flags(vma);
        if (tables.find(mm, vaddr) < 0) {
            long pfn = inode.cachedPfn(base + slot);
            if (!isBeforeLastPage(file, pfn)) {
                return FaultHandler.RETRY;
            }
            if (large.isLarge(pfn) && huge.mapFile(vma, vaddr, pfn, flags)) {
                memmap.get(pfn);
                return FaultOutcome.DONE;
            }
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        if (task.isKilled()) {
            return FaultOutcome.KILLED;
        }
        boolean isMapped = false;
        int hits = 0;
        while (slot >= 0) {
            long pfn = inode.cachedPfn(base + slot);
            long first = slot;
            long last = slot;
            if (large.isLarge(pfn)) {
                long head = memmap.compoundHead(pfn);
                long firstOfFolio = slot - (pfn - head);
                long lastOfFolio = firstOfFolio + large.pages(head) - 1;
                boolean isWhole = isBeforeLastPage(file, head) && mayMapWhole(vma, file, head, firstOfFolio);
                first = isWhole ? firstOfFolio : slot;
                last = isWhole ? lastOfFolio : Math.min(lastOfFolio, to);
                pfn -= slot - first;
                slot = lastOfFolio;
            }
            hits += (int) (last - first) + 1;
            for (long at = first; at <= last; at++, pfn++) {
                if (mode.readEntry(memory, table, (int) at) == 0) {
                    memmap.get(pfn);
                    map(mm, vma, table, vaddr + ((at - pteOffset) << 12), pfn, flags, file.isShmem());
                    time.charge(Cause.MINOR_FAULT, costs.mapAroundNanos());
                    isMapped |= at == pteOffset;
                }
            }
            slot = nextMappable(inode, base, slot + 1, to);
        }
        file.countMmapHits(hits);
        return isMapped ? FaultOutcome.DONE : FaultHandler.RETRY;
    }

    /** {@code mm/filemap.c:next_uptodate_folio()}: the first slot of a range whose page may be mapped, or -1. */
    private long nextMappable(Inode inode, long base, long from, long to) {
        for (long slot = from; slot <= to; slot++) {
            if (cache.isMappable(inode.cachedPfn(base + slot))) {
                return slot;
            }
        }
        return -1;
    }

    /** Where {@code filemap_map_pages()} takes a folio for large; a file system's last page keeps it from that. Faulting around installs a page table for such a folio only. */
    private boolean isBeforeLastPage(OpenFile file, long pfn) {
        long head = memmap.compoundHead(pfn);
        return file.isShmem()
                || memmap.index(head) + large.pages(head) <= file.inodeObject().sizePages() - 1;
    }
}
