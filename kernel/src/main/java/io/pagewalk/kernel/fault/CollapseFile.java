package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.CachedFolioCollapse;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * Makes huge pages of the small ones of a file in memory: {@code mm/khugepaged.c:collapse_file()}. A program that asks for them with {@code MADV_COLLAPSE} has them mapped at once; khugepaged leaves that to faults.
 *
 * <p>Files on disks have none, because the kernel is built without {@code CONFIG_READ_ONLY_THP_FOR_FS}.
 */
final class CollapseFile {
    /** What came of a region: {@code enum scan_result}, with the errno that a program is told. */
    private enum Result {
        SUCCEED(0, true),
        /** A marker. */
        PTE_NON_PRESENT(Errno.EINVAL, true),
        PTE_UFFD_WP(Errno.EINVAL, true),
        /** Somebody else refers to a page. */
        PAGE_COUNT(Errno.EAGAIN, true),
        /** Nothing is cached there. */
        TRUNCATED(Errno.EINVAL, false),
        /** Pages are missing, and a userfaultfd would like to know. */
        EXCEED_NONE_PTE(Errno.EBUSY, false),
        ALLOC_HUGE_PAGE_FAIL(Errno.ENOMEM, false),
        FAIL(Errno.EINVAL, false);

        private final int errno;
        private final boolean goesOn;

        Result(int errno, boolean goesOn) {
            this.errno = errno;
            this.goesOn = goesOn;
        }
    }

    private static final int HUGE = 1 << Folios.HUGE_ORDER;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final HugePages hugePages;
    private final HugeMappings huge;
    private final CachedFolioCollapse cached;
    private final TlbFlusher flusher;

    CollapseFile(KernelTables kernel, PageCache cache, HugePages hugePages, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.hugePages = hugePages;
        this.huge = hugePages.mappings();
        this.cached = cache.collapse();
        this.flusher = flusher;
    }

    /** Collapses all whole regions of a range. Returns 0, or the negative errno of the last region that could not be. */
    long advise(Vma vma, long start, long end) {
        long bytes = tables.hugeBytes();
        if (bytes != 4096L * HUGE
                || !(vma.file() instanceof OpenFile file)
                || hugePages.policy().allowable(vma, HugePagePolicy.Asker.COLLAPSE, HUGE) == 0) {
            return -Errno.EINVAL;
        }
        long first = (start + bytes - 1) & -bytes;
        long last = end & -bytes;
        long collapsed = 0;
        Result failure = Result.FAIL;
        for (long vaddr = first; vaddr < last; vaddr += bytes) {
            Result result = collapse(vma, vaddr, file.inodeObject());
            if (result == Result.SUCCEED) {
                collapsed++;
                continue;
            }
            failure = result;
            if (!result.goesOn) {
                break;
            }
        }
        // Below 0 for a range inside one region, which Linux takes for a failure.
        return collapsed == (last - first) / bytes ? 0 : -failure.errno;
    }

    private Result collapse(Vma vma, long vaddr, Inode inode) {
        long start = vma.pgoffOf(vaddr);
        return switch (cached.scan(inode, start)) {
            case HUGE_ALREADY -> map(vma, vaddr, inode);
            case IN_USE -> Result.PAGE_COUNT;
            case DONE, EMPTY, NO_SPACE, WATCHED -> {
                Result result = collapseCached(vma, vaddr, inode, start, Gfp.GFP_TRANSHUGE);
                yield result == Result.SUCCEED ? map(vma, vaddr, inode) : result;
            }
        };
    }

    /** Makes a huge page where khugepaged finds that worth while, which a fault or a later round maps, or takes away the table that maps one page by page: {@code khugepaged_scan_mm_slot()}. */
    Collapse.Result scan(Vma vma, long vaddr, Collapse.Rules rules) {
        if (!(vma.file() instanceof OpenFile file)) {
            return Collapse.Result.FAIL;
        }
        Inode inode = file.inodeObject();
        long start = vma.pgoffOf(vaddr);
        Result result = switch (cached.scan(inode, start)) {
            case HUGE_ALREADY -> unmapSmall(vma, vaddr, inode);
            case IN_USE -> Result.PAGE_COUNT;
            case DONE, EMPTY, NO_SPACE, WATCHED -> {
                if (cached.missing(inode, start) > rules.maxNone()) {
                    folios.counters().count(VmEvent.THP_SCAN_EXCEED_NONE_PTE);
                    yield Result.EXCEED_NONE_PTE;
                }
                yield collapseCached(vma, vaddr, inode, start, rules.gfp());
            }
        };
        return switch (result) {
            case SUCCEED -> Collapse.Result.SUCCEED;
            case ALLOC_HUGE_PAGE_FAIL -> Collapse.Result.NO_HUGE_PAGE;
            case EXCEED_NONE_PTE -> Collapse.Result.EXCEED_NONE_PTE;
            case PAGE_COUNT -> Collapse.Result.PAGE_COUNT;
            case PTE_UFFD_WP -> Collapse.Result.PTE_UFFD_WP;
            case PTE_NON_PRESENT, TRUNCATED, FAIL -> Collapse.Result.FAIL;
        };
    }

    /** {@code mm/khugepaged.c:collapse_pte_mapped_thp()} for khugepaged: a fault maps the huge page by one entry then. */
    private Result unmapSmall(Vma vma, long vaddr, Inode inode) {
        Mm mm = vma.mm();
        if (tables.hugeEntry(mm, vaddr) != 0) {
            return Result.SUCCEED;
        }
        if (vma.has(VmaFlags.VM_UFFD_WP)) {
            return Result.PTE_UFFD_WP;
        }
        long table = tables.find(mm, vaddr);
        return table < 0 ? Result.SUCCEED : empty(vma, vaddr, table, inode.cachedPfn(vma.pgoffOf(vaddr)));
    }

    /** Takes away a table that maps pages of a huge page only. */
    private Result empty(Vma vma, long vaddr, long table, long head) {
        Result found = scan(table, head);
        if (found == Result.SUCCEED) {
            unmapEach(vma, table);
            dropTable(vma.mm(), vaddr);
        }
        return found;
    }

    /** {@code mm/khugepaged.c:collapse_file()}. */
    private Result collapseCached(Vma vma, long vaddr, Inode inode, long start, int gfp) {
        long head = folios.allocate(gfp, Folios.HUGE_ORDER, vma, vaddr);
        if (head < 0) {
            folios.counters().count(VmEvent.THP_COLLAPSE_ALLOC_FAILED);
            return Result.ALLOC_HUGE_PAGE_FAIL;
        }
        folios.counters().count(VmEvent.THP_COLLAPSE_ALLOC);
        CachedFolioCollapse.Outcome outcome = cached.collapse(inode, start, head);
        if (outcome == CachedFolioCollapse.Outcome.DONE) {
            retractTables(inode, start);
            return Result.SUCCEED;
        }
        folios.put(head);
        return switch (outcome) {
            case EMPTY -> Result.TRUNCATED;
            case IN_USE -> Result.PAGE_COUNT;
            case WATCHED -> Result.EXCEED_NONE_PTE;
            case DONE, HUGE_ALREADY, NO_SPACE -> Result.FAIL;
        };
    }

    /** {@code mm/khugepaged.c:retract_page_tables()}: takes away the empty leaf tables in whose place an entry for the huge page can stand. */
    private void retractTables(Inode inode, long start) {
        for (Vma vma : inode.mappings()) {
            long vaddr = vma.start() + ((start - vma.pgoff()) << 12);
            boolean isInside =
                    start >= vma.pgoff() && huge.startOf(vaddr) == vaddr && vma.end() >= vaddr + tables.hugeBytes();
            Mm mm = vma.mm();
            if (isInside
                    && vma.anonVma() == null
                    && !vma.has(VmaFlags.VM_UFFD_WP | VmaFlags.VM_MAYBE_GUARD)
                    && mm.pgdPfn() >= 0
                    && tables.find(mm, vaddr) >= 0) {
                dropTable(mm, vaddr);
            }
        }
    }

    private void dropTable(Mm mm, long vaddr) {
        long table = tables.unhang(mm, vaddr);
        flusher.flushRange(mm, vaddr, vaddr + tables.hugeBytes(), true);
        tables.freeTable(table);
    }

    /** {@code mm/khugepaged.c:collapse_pte_mapped_thp()}: lets one entry map what single entries map. */
    private Result map(Vma vma, long vaddr, Inode inode) {
        Mm mm = vma.mm();
        if (tables.hugeEntry(mm, vaddr) != 0) {
            return Result.SUCCEED;
        }
        if (vma.has(VmaFlags.VM_UFFD_WP)) {
            return Result.PTE_UFFD_WP;
        }
        if (!tables.makeUpper(mm, vaddr)) {
            return Result.FAIL;
        }
        long head = inode.cachedPfn(vma.pgoffOf(vaddr));
        long table = tables.find(mm, vaddr);
        if (table >= 0) {
            Result found = empty(vma, vaddr, table, head);
            if (found != Result.SUCCEED) {
                return found;
            }
        }
        if (!huge.mapFile(vma, vaddr, head, protection.flags(vma))) {
            return Result.FAIL;
        }
        memmap.get(head);
        return Result.SUCCEED;
    }

    /** Whether a table maps pages of a folio only, each in its place. */
    private Result scan(long table, long head) {
        for (int i = 0; i < HUGE; i++) {
            long entry = mode.readEntry(memory, table, i);
            if (PteMarkers.is(entry)) {
                return Result.PTE_NON_PRESENT;
            }
            boolean isOther =
                    entry != 0 && ((mode.flags(entry, 1) & PteFlags.SPECIAL) != 0 || mode.pfn(entry, 1) != head + i);
            if (isOther) {
                return Result.FAIL;
            }
        }
        return Result.SUCCEED;
    }

    private void unmapEach(Vma vma, long table) {
        for (int i = 0; i < HUGE; i++) {
            long entry = mode.readEntry(memory, table, i);
            if (entry != 0) {
                mode.writeEntry(memory, table, i, 0);
                vma.mm().addRss(RssCounter.SHMEM, -1);
                folios.unmap(mode.pfn(entry, 1), vma);
            }
        }
    }
}
