package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * Makes one huge page of the small ones of a region, as a program asks for with {@code MADV_COLLAPSE}: {@code mm/khugepaged.c:madvise_collapse()}.
 *
 * <p>For anonymous memory; {@link CollapseFile} does it for files.
 */
final class Collapse {
    /** What came of a region: {@code enum scan_result}, with the errno that a program is told. */
    private enum Result {
        SUCCEED(0, true),
        /** A huge page already. */
        PMD_MAPPED(0, true),
        /** No table of level 2. */
        PMD_NULL(Errno.EINVAL, true),
        /** Nothing was ever touched there. */
        PMD_NONE(Errno.EINVAL, false),
        /** A marker, which is taken for a swapped page until that cannot be read. */
        FAIL(Errno.EINVAL, false),
        /** Some page is empty, and a userfaultfd would like to know. */
        NONE_EXCEEDED(Errno.EBUSY, false),
        UFFD_WP(Errno.EINVAL, true),
        PAGE_NULL(Errno.EINVAL, true),
        /** Somebody else refers to a page. */
        PAGE_COUNT(Errno.EAGAIN, true),
        /** A page that is not anonymous. */
        NOT_ANON(Errno.EINVAL, false),
        NO_HUGE_PAGE(Errno.ENOMEM, false);

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
    private final Folios folios;
    private final LargeFolios large;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final HugePages hugePages;
    private final TlbFlusher flusher;
    private final long zeroPfn;
    private final CollapseFile file;

    Collapse(KernelTables kernel, AnonVmas anonVmas, PageCache cache, HugePages hugePages, TlbFlusher flusher) {
        this.file = new CollapseFile(kernel, cache, hugePages, flusher);
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.folios = kernel.folios();
        this.large = folios.large();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.hugePages = hugePages;
        this.flusher = flusher;
        this.zeroPfn = kernel.zeroPfn();
    }

    /** Collapses all whole regions of a range. Returns 0, or the negative errno of the last region that could not be. */
    long advise(Vma vma, long start, long end) {
        if (!vma.isAnonymous()) {
            return file.advise(vma, start, end);
        }
        boolean isAllowed = tables.hugeBytes() == 4096L * HUGE
                && hugePages.policy().allowable(vma, HugePagePolicy.Asker.COLLAPSE, HUGE) != 0;
        if (!isAllowed) {
            return -Errno.EINVAL;
        }
        long bytes = tables.hugeBytes();
        long first = (start + bytes - 1) & -bytes;
        long last = end & -bytes;
        long collapsed = 0;
        Result failure = Result.PMD_NONE;
        for (long vaddr = first; vaddr < last; vaddr += bytes) {
            Result result =
                    HugePagePolicy.isSuitable(vma, vaddr, Folios.HUGE_ORDER) ? collapse(vma, vaddr) : Result.PMD_NONE;
            if (result.errno == 0) {
                collapsed++;
            } else {
                failure = result;
                if (!result.goesOn) {
                    break;
                }
            }
        }
        // Below 0 for a range inside one region, which Linux takes for a failure.
        long wanted = (last - first) / bytes;
        return collapsed == wanted ? 0 : -failure.errno;
    }

    /** {@code hpage_collapse_scan_pmd()} and {@code collapse_huge_page()}. */
    private Result collapse(Vma vma, long vaddr) {
        Mm mm = vma.mm();
        if (tables.hugeEntry(mm, vaddr) != 0) {
            return Result.PMD_MAPPED;
        }
        long table = tables.find(mm, vaddr);
        if (table < 0) {
            return tables.hasLevel2(mm, vaddr) ? Result.PMD_NONE : Result.PMD_NULL;
        }
        Result found = scan(vma, table);
        if (found != Result.SUCCEED && found != Result.FAIL) {
            return found;
        }
        long head = folios.allocate(Gfp.GFP_TRANSHUGE, Folios.HUGE_ORDER, vma, vaddr);
        if (head < 0) {
            folios.counters().count(VmEvent.THP_COLLAPSE_ALLOC_FAILED);
            return Result.NO_HUGE_PAGE;
        }
        folios.counters().count(VmEvent.THP_COLLAPSE_ALLOC);
        if (found == Result.FAIL) {
            folios.put(head);
            return found;
        }
        tables.unhang(mm, vaddr);
        flusher.flushRange(mm, vaddr, vaddr + tables.hugeBytes(), true);
        take(mm, table, head);
        tables.deposit(mm, vaddr, table);
        hugePages.mappings().mapNew(vma, anonVmas.prepared(vma), vaddr, head);
        return Result.SUCCEED;
    }

    /** Whether all entries of a table may become one. */
    private Result scan(Vma vma, long table) {
        Result found = Result.SUCCEED;
        for (int i = 0; i < HUGE; i++) {
            long entry = mode.readEntry(memory, table, i);
            if (PteMarkers.is(entry)) {
                if ((PteMarkers.marks(entry) & PteMarkers.UFFD_WP) != 0) {
                    return Result.UFFD_WP;
                }
                found = Result.FAIL;
                continue;
            }
            if (entry == 0 || mode.pfn(entry, 1) == zeroPfn) {
                if (vma.userfault() != null) {
                    folios.counters().count(VmEvent.THP_SCAN_EXCEED_NONE_PTE);
                    return Result.NONE_EXCEEDED;
                }
                continue;
            }
            int flags = mode.flags(entry, 1);
            if ((flags & PteFlags.UFFD_WP) != 0) {
                return Result.UFFD_WP;
            }
            long pfn = mode.pfn(entry, 1);
            if ((flags & PteFlags.SPECIAL) != 0 || !memmap.isValid(pfn)) {
                return Result.PAGE_NULL;
            }
            if (memmap.mapping(pfn) >= 0) {
                return Result.NOT_ANON;
            }
            if (memmap.refcount(pfn) != large.mapcount(pfn)) {
                return Result.PAGE_COUNT;
            }
        }
        return found;
    }

    /** Copies what a table maps into a huge page, and lets the small pages go: {@code __collapse_huge_page_copy()}. */
    private void take(Mm mm, long table, long head) {
        for (int i = 0; i < HUGE; i++) {
            long entry = mode.readEntry(memory, table, i);
            mode.writeEntry(memory, table, i, 0);
            if (entry == 0 || mode.pfn(entry, 1) == zeroPfn) {
                memory.clearFrame(head + i);
                if (entry != 0) {
                    FaultHandler.forgetMergedZeroPage(mm, zeroPfn, mode.flags(entry, 1), zeroPfn);
                }
            } else {
                long pfn = mode.pfn(entry, 1);
                memory.copyFrame(pfn, head + i);
                mm.addRss(RssCounter.ANON, -1);
                folios.unmap(pfn, mm);
            }
        }
    }
}
