package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.Arrays;

/**
 * Makes one huge page of the small ones of a region, as khugepaged does and as a program asks for with {@code MADV_COLLAPSE}: {@code mm/khugepaged.c:hpage_collapse_scan_pmd(), collapse_huge_page(),
 * madvise_collapse()}.
 *
 * <p>For anonymous memory; {@link CollapseFile} does it for files.
 */
public final class Collapse {
    /** What came of a region: {@code enum scan_result}, with the errno that a program is told. */
    public enum Result {
        /** A huge page was made. */
        SUCCEED(0, true),
        /** A huge page already. */
        PMD_MAPPED(0, true),
        /** No table of level 2. */
        PMD_NULL(Errno.EINVAL, true),
        /** Nothing was ever touched there. */
        PMD_NONE(Errno.EINVAL, false),
        /** A marker, which is taken for a swapped page until that cannot be read. */
        FAIL(Errno.EINVAL, false),
        /** Too many pages are empty, or one is and a userfaultfd would like to know. */
        EXCEED_NONE_PTE(Errno.EBUSY, false),
        /** Too many pages are in swap. */
        EXCEED_SWAP_PTE(Errno.EINVAL, false),
        /** Too many pages are shared with other processes. */
        EXCEED_SHARED_PTE(Errno.EINVAL, false),
        /** A page is write-protected for a userfaultfd. */
        PTE_UFFD_WP(Errno.EINVAL, true),
        /** No page was used lately. */
        LACK_REFERENCED_PAGE(Errno.EINVAL, true),
        /** A page that is none of a program's. */
        PAGE_NULL(Errno.EINVAL, true),
        /** Somebody else refers to a page. */
        PAGE_COUNT(Errno.EAGAIN, true),
        /** A page is on no list. */
        PAGE_LRU(Errno.EAGAIN, true),
        /** A page that is not anonymous. */
        PAGE_ANON(Errno.EINVAL, false),
        /** There was no huge page. */
        NO_HUGE_PAGE(Errno.ENOMEM, false);

        private final int errno;
        private final boolean goesOn;

        Result(int errno, boolean goesOn) {
            this.errno = errno;
            this.goesOn = goesOn;
        }

        /** Returns whether it was tried to get a huge page, for which mmap_lock was let go. */
        public boolean hasLetGo() {
            return this == SUCCEED || this == FAIL || this == NO_HUGE_PAGE;
        }
    }

    /**
     * What makes a region worth a huge page.
     *
     * @param maxNone how many pages may be empty or the page of zeros
     * @param maxSwap how many pages may be in swap
     * @param maxShared how many pages may be shared
     * @param youth whether some page must have been used
     * @param effort how hard it tries to get a huge page
     */
    public record Rules(int maxNone, int maxSwap, int maxShared, Youth youth, Effort effort) {
        /** Whether some page must have been used. */
        public enum Youth {
            /** At least one, half of them where pages are in swap. */
            NEEDED,
            /** None. */
            NOT_NEEDED
        }

        /** How hard it tries to get a huge page. */
        public enum Effort {
            /** Reclaims and compacts. */
            COMPACT,
            /** Takes what is free. */
            TAKE_WHAT_IS_FREE
        }

        private static final Rules ADVISED = new Rules(HUGE, HUGE, HUGE, Youth.NOT_NEEDED, Effort.COMPACT);

        int gfp() {
            return effort == Effort.COMPACT ? Gfp.GFP_TRANSHUGE : Gfp.GFP_TRANSHUGE_LIGHT;
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

    /** Pages of the region on each node: {@code cc->node_load}. */
    private final int[] nodeLoad;

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
        this.nodeLoad = new int[folios.allocator().nodes().size()];
    }

    /** Returns whether the machine has huge pages of the size that folios have. */
    public boolean isPossible() {
        return tables.hugeBytes() == 4096L * HUGE;
    }

    /** Collapses all whole regions of a range. Returns 0, or the negative errno of the last region that could not be. */
    long advise(Vma vma, long start, long end) {
        if (!vma.isAnonymous()) {
            return file.advise(vma, start, end);
        }
        boolean isAllowed = isPossible() && hugePages.policy().allowable(vma, HugePagePolicy.Asker.COLLAPSE, HUGE) != 0;
        if (!isAllowed) {
            return -Errno.EINVAL;
        }
        long bytes = tables.hugeBytes();
        long first = (start + bytes - 1) & -bytes;
        long last = end & -bytes;
        long collapsed = 0;
        Result failure = Result.PMD_NONE;
        for (long vaddr = first; vaddr < last; vaddr += bytes) {
            Result result = HugePagePolicy.isSuitable(vma, vaddr, Folios.HUGE_ORDER)
                    ? scan(vma, vaddr, Rules.ADVISED)
                    : Result.PMD_NONE;
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

    /**
     * Makes a huge page of a region where that is possible and worth while: {@code hpage_collapse_scan_pmd()} and {@code collapse_huge_page()}, of a file in memory
     * {@code hpage_collapse_scan_file()}.
     *
     * @param vma an area with an anon_vma or of a file in memory that contains the region
     * @param vaddr first address of the region
     * @param rules what makes it worth while
     */
    public Result scan(Vma vma, long vaddr, Rules rules) {
        if (!vma.isAnonymous()) {
            return file.scan(vma, vaddr, rules);
        }
        Mm mm = vma.mm();
        if (tables.hugeEntry(mm, vaddr) != 0) {
            return Result.PMD_MAPPED;
        }
        long table = tables.find(mm, vaddr);
        if (table < 0) {
            return tables.hasLevel2(mm, vaddr) ? Result.PMD_NONE : Result.PMD_NULL;
        }
        Result found = judge(vma, table, rules);
        if (!found.hasLetGo()) {
            return found;
        }
        long head = allocate(rules.gfp());
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
        take(vma, table, head);
        tables.deposit(mm, vaddr, table);
        hugePages.mappings().mapNew(vma, anonVmas.prepared(vma), vaddr, head);
        return Result.SUCCEED;
    }

    /** Whether all entries of a table may become one. */
    private Result judge(Vma vma, long table, Rules rules) {
        Arrays.fill(nodeLoad, 0);
        int none = 0;
        int unmapped = 0;
        int shared = 0;
        int referenced = 0;
        for (int i = 0; i < HUGE; i++) {
            long entry = mode.readEntry(memory, table, i);
            if (PteMarkers.is(entry)) {
                if (++unmapped > rules.maxSwap()) {
                    folios.counters().count(VmEvent.THP_SCAN_EXCEED_SWAP_PTE);
                    return Result.EXCEED_SWAP_PTE;
                }
                if ((PteMarkers.marks(entry) & PteMarkers.UFFD_WP) != 0) {
                    return Result.PTE_UFFD_WP;
                }
                continue;
            }
            if (entry == 0 || mode.pfn(entry, 1) == zeroPfn) {
                if (++none > rules.maxNone() || vma.userfault() != null) {
                    folios.counters().count(VmEvent.THP_SCAN_EXCEED_NONE_PTE);
                    return Result.EXCEED_NONE_PTE;
                }
                continue;
            }
            int flags = mode.flags(entry, 1);
            if ((flags & PteFlags.UFFD_WP) != 0) {
                return Result.PTE_UFFD_WP;
            }
            long pfn = mode.pfn(entry, 1);
            if ((flags & PteFlags.SPECIAL) != 0 || !memmap.isValid(pfn)) {
                return Result.PAGE_NULL;
            }
            if (memmap.mapping(pfn) >= 0) {
                return Result.PAGE_ANON;
            }
            if (large.isMaybeShared(pfn) && ++shared > rules.maxShared()) {
                folios.counters().count(VmEvent.THP_SCAN_EXCEED_SHARE_PTE);
                return Result.EXCEED_SHARED_PTE;
            }
            nodeLoad[folios.zoneOf(pfn).node()]++;
            long head = memmap.compoundHead(pfn);
            if (!memmap.hasFlags(head, PageFlags.LRU)) {
                return Result.PAGE_LRU;
            }
            if (memmap.refcount(head) != large.mapcount(head)) {
                return Result.PAGE_COUNT;
            }
            if ((flags & PteFlags.ACCESSED) != 0 || memmap.hasFlags(head, PageFlags.REFERENCED)) {
                referenced++;
            }
        }
        boolean isYoung = unmapped > 0 ? referenced >= HUGE / 2 : referenced > 0;
        if (rules.youth() == Rules.Youth.NEEDED && !isYoung) {
            return Result.LACK_REFERENCED_PAGE;
        }
        return unmapped > 0 ? Result.FAIL : Result.SUCCEED;
    }

    /** {@code alloc_charge_folio()}: on the nodes that have most of the pages, and no others. */
    private long allocate(int gfp) {
        PageAllocator allocator = folios.allocator();
        int most = 0;
        for (int node = 0; node < nodeLoad.length; node++) {
            most = nodeLoad[node] > nodeLoad[most] ? node : most;
        }
        if (nodeLoad.length == 1) {
            return allocator.allocPages(gfp | Gfp.COMP, Folios.HUGE_ORDER, 0);
        }
        int load = nodeLoad[most];
        Zonelist list = allocator.nodes().get(most).fallback().only(node -> nodeLoad[node] == load, "khugepaged");
        return allocator.allocPages(gfp | Gfp.COMP, Folios.HUGE_ORDER, list);
    }

    /** Copies what a table maps into a huge page, and lets the small pages go: {@code __collapse_huge_page_copy()}. */
    private void take(Vma vma, long table, long head) {
        Mm mm = vma.mm();
        int i = 0;
        while (i < HUGE) {
            long entry = mode.readEntry(memory, table, i);
            if (entry == 0 || mode.pfn(entry, 1) == zeroPfn) {
                mode.writeEntry(memory, table, i, 0);
                memory.clearFrame(head + i);
                if (entry != 0) {
                    FaultHandler.forgetMergedZeroPage(mm, zeroPfn, mode.flags(entry, 1), zeroPfn);
                }
                i++;
                continue;
            }
            long pfn = mode.pfn(entry, 1);
            int count = large.isLarge(pfn) ? neighbours(table, i, pfn) : 1;
            for (int k = 0; k < count; k++) {
                mode.writeEntry(memory, table, i + k, 0);
                memory.copyFrame(pfn + k, head + i + k);
            }
            mm.addRss(RssCounter.ANON, -count);
            if (large.isLarge(pfn)) {
                folios.unmapMany(pfn, count, vma);
            } else {
                folios.unmap(pfn, vma);
            }
            i += count;
        }
    }

    /** Returns how many entries map the pages of one large folio from a page on. */
    private int neighbours(long table, int index, long pfn) {
        long most = Math.min(HUGE - index, memmap.compoundHead(pfn) + large.pages(pfn) - pfn);
        int count = 1;
        while (count < most) {
            long entry = mode.readEntry(memory, table, index + count);
            if (entry == 0 || PteMarkers.is(entry) || mode.pfn(entry, 1) != pfn + count) {
                break;
            }
            count++;
        }
        return count;
    }
}
