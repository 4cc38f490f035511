package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
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
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final PageCache cache;
    private final TimeAccount time;
    private final CostModel costs;
    private final int ptesPerTable;

    FaultAround(KernelTables kernel, PageCache cache, TimeAccount time, CostModel costs) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.cache = cache;
        this.time = time;
        this.costs = costs;
        this.ptesPerTable = mode.entries(1);
    }

    /** Maps a page of a file whose reference the caller took: {@code mm/memory.c:set_pte_range()}. */
    void map(Mm mm, Vma vma, long table, long vaddr, long pfn, int flags, boolean isShmem) {
        folios.addMapping(pfn, mm);
        if (vma.has(VmaFlags.VM_LOCKED)) {
            folios.lru().mlock(pfn);
        }
        mm.addRss(isShmem ? RssCounter.SHMEM : RssCounter.FILE, 1);
        int index = mode.index(vaddr, 1);
        int kept = UserfaultChecks.protectedAsBefore(vma, mode.readEntry(memory, table, index), flags);
        mode.writeEntry(memory, table, index, mode.leaf(pfn, kept, 1));
    }

    /**
     * Maps the cached neighbours of a page in one go: {@code mm/memory.c:do_fault_around()} and {@code mm/filemap.c:filemap_map_pages()}.
     *
     * @return DONE when the faulting page was among them, RETRY when it was not
     */
    int fault(FaultTask task, Mm mm, Vma vma, long vaddr, OpenFile file, long faultAroundPages) {
        cache.settle();
        long pteOffset = mode.index(vaddr, 1);
        long vmaOffset = (vaddr - vma.start()) >>> 12;
        long from = Math.max(pteOffset & -faultAroundPages, pteOffset - Math.min(pteOffset, vmaOffset));
        long to = Math.min(Math.min(from + faultAroundPages, ptesPerTable), pteOffset + vma.pages() - vmaOffset) - 1;
        long firstIndex = vma.pgoffOf(vaddr) + from - pteOffset;
        to = Math.min(to, from + file.inodeObject().sizePages() - 1 - firstIndex);
        int flags = protection.flags(vma);
        boolean isShmem = file.isShmem();
        long lastIndex = firstIndex + to - from;
        if (tables.find(mm, vaddr) < 0 && !installsTable(file, firstIndex, lastIndex)) {
            return FaultHandler.RETRY;
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
        for (long slot = from; slot <= to; slot++) {
            long pfn = file.inodeObject().cachedPfn(firstIndex + slot - from);
            if (!cache.isMappable(pfn)) {
                continue;
            }
            hits++;
            if (mode.readEntry(memory, table, (int) slot) != 0) {
                continue;
            }
            memmap.get(pfn);
            map(mm, vma, table, vaddr + ((slot - pteOffset) << 12), pfn, flags, isShmem);
            time.charge(Cause.MINOR_FAULT, costs.mapAroundNanos());
            isMapped |= slot == pteOffset;
        }
        file.countMmapHits(hits);
        return isMapped ? FaultOutcome.DONE : FaultHandler.RETRY;
    }

    /**
     * Returns whether faulting around installs a missing page table: {@code mm/filemap.c:filemap_map_pmd()}. It does for the first cached page, but not when that is the
     * last of the file, where {@code can_map_large} is false on file systems with large folios.
     */
    private boolean installsTable(OpenFile file, long first, long last) {
        for (long index = first; index <= last; index++) {
            if (cache.isMappable(file.inodeObject().cachedPfn(index))) {
                return file.isShmem() || index != file.inodeObject().sizePages() - 1;
            }
        }
        return false;
    }
}
