package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** What advice and locks do to the pages of a range, ({@code mm/madvise.c}, {@code mm/mlock.c}). */
final class PageAdvice {
    private static final int USE = PteFlags.ACCESSED | PteFlags.DIRTY;

    /** Outcome of a visit: the folio was split, and the same place is looked at once more. */
    private static final int AGAIN = 0;

    /** Visits one present page. */
    private interface PageVisitor {
        /** Returns how many entries it has dealt with, or {@link #AGAIN}. */
        int visit(long vaddr, long table, int index, long entry, long pfn);
    }

    /** Visits a huge page that one entry maps. */
    private interface HugeVisitor {
        /** Returns whether that was all; else the entry was split, and its pages follow one by one. */
        boolean visit(long vaddr, long entry, long head);
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Folios folios;
    private final FolioBatch batch;
    private final MemMap memmap;
    private final HugePages hugePages;
    private final HugeMappings huge;
    private final TlbFlusher flusher;

    PageAdvice(KernelTables kernel, HugePages hugePages, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.folios = kernel.folios();
        this.batch = new FolioBatch(kernel.mode(), kernel.memory(), folios);
        this.memmap = folios.memmap();
        this.hugePages = hugePages;
        this.huge = hugePages.mappings();
        this.flusher = flusher;
    }

    /** {@code madvise_free_pte_range()} and {@code madvise_free_huge_pmd()}. */
    void lazyFree(Vma vma, long start, long end) {
        folios.drainBatches();
        FlushRange flush = new FlushRange(flusher);
        HugeVisitor whole = (vaddr, entry, head) -> {
            if (folios.large().isMaybeShared(head)) {
                return true;
            }
            if (!huge.isWhole(vaddr, end)) {
                return !hugePages.split(head);
            }
            memmap.clearFlags(head, PageFlags.DIRTY);
            clearUse(vma, vaddr, entry, USE, flush);
            folios.lru().lazyFree(head);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> {
            if (memmap.mapping(pfn) >= 0) {
                return 1;
            }
            int pages = folios.large().pages(pfn);
            int mapped = batch.count(table, index, pfn, end - vaddr);
            if (mapped < pages) {
                return splitPart(pfn) ? AGAIN : mapped;
            }
            if (memmap.hasFlags(pfn, PageFlags.DIRTY)) {
                if (folios.large().mapcount(pfn) != pages) {
                    return mapped;
                }
                memmap.clearFlags(pfn, PageFlags.DIRTY);
            }
            clearUse(table, index, vaddr, mapped, USE, flush);
            folios.lru().lazyFree(pfn);
            return mapped;
        });
        flush.finish(vma.mm());
    }

    /** {@code madvise_cold_or_pageout_pte_range()}. */
    void deactivate(Vma vma, long start, long end) {
        folios.drainBatches();
        FlushRange flush = new FlushRange(flusher);
        HugeVisitor whole = (vaddr, entry, head) -> {
            if (folios.large().isMaybeShared(head)) {
                return true;
            }
            if (!huge.isWhole(vaddr, end)) {
                return !hugePages.split(head);
            }
            clearUse(vma, vaddr, entry, PteFlags.ACCESSED, flush);
            folios.lru().deactivate(head);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> {
            int pages = folios.large().pages(pfn);
            int mapped = batch.count(table, index, pfn, end - vaddr);
            if (mapped < pages) {
                // A part of a folio gets pages of its own, which a file's then map again when they are touched.
                boolean isCached = memmap.mapping(pfn) > 0;
                return splitPart(pfn) && !isCached ? AGAIN : mapped;
            }
            if (folios.large().mapcount(pfn) != mapped) {
                return mapped;
            }
            clearUse(table, index, vaddr, mapped, PteFlags.ACCESSED, flush);
            folios.lru().deactivate(pfn);
            return mapped;
        });
        flush.finish(vma.mm());
    }

    /** Splits a folio of which only a part is advised, unless others may map it too; returns whether it was. */
    private boolean splitPart(long pfn) {
        return !folios.large().isMaybeShared(pfn) && hugePages.split(memmap.compoundHead(pfn));
    }

    /** {@code clear_young_dirty_ptes()} for some entries from one on. */
    private void clearUse(long table, int index, long vaddr, int count, int marks, FlushRange flush) {
        for (int i = 0; i < count; i++) {
            long entry = mode.readEntry(memory, table, index + i);
            int flags = mode.flags(entry, 1);
            if ((flags & marks) != 0) {
                mode.writeEntry(memory, table, index + i, mode.withFlags(entry, flags & ~marks, 1));
                flush.addPage(vaddr + ((long) i << 12));
            }
        }
    }

    private void clearUse(Vma vma, long vaddr, long entry, int marks, FlushRange flush) {
        int flags = mode.flags(entry, PageTables.HUGE_LEVEL);
        if ((flags & marks) != 0) {
            huge.setFlags(vma.mm(), vaddr, entry, flags & ~marks);
            flush.addTables(vaddr, huge.endOf(vaddr));
        }
    }

    /** {@code mlock_vma_pages_range()}. */
    void lockChanged(Vma vma, long start, long end) {
        folios.drainBatches();
        boolean isLocked = vma.has(VmaFlags.VM_LOCKED);
        HugeVisitor whole = (vaddr, entry, head) -> {
            setLocked(head, isLocked);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> {
            int pages = folios.large().pages(pfn);
            int mapped = batch.count(table, index, pfn, end - vaddr);
            // A large folio is locked only when all of it is mapped there: allow_mlock_munlock().
            if (!isLocked || mapped == pages) {
                setLocked(pfn, isLocked);
            }
            return mapped;
        });
        folios.drainBatches();
    }

    private void setLocked(long pfn, boolean isLocked) {
        if (isLocked) {
            folios.mlocked().mlock(pfn);
        } else {
            folios.mlocked().munlock(pfn);
        }
    }

    private void forEachPage(Vma vma, long start, long end, HugeVisitor whole, PageVisitor visitor) {
        long vaddr = start;
        while (vaddr < end) {
            long table = tables.findOrSkip(vma.mm(), vaddr);
            if (table == PageTables.HUGE) {
                long entry = tables.hugeEntry(vma.mm(), vaddr);
                if (huge.isZero(entry) || whole.visit(vaddr, entry, mode.pfn(entry, PageTables.HUGE_LEVEL))) {
                    vaddr = huge.endOf(vaddr);
                }
                continue;
            }
            if (table < 0) {
                vaddr = ~table;
                continue;
            }
            int index = mode.index(vaddr, 1);
            while (index < mode.entries(1) && vaddr < end) {
                long entry = mode.readEntry(memory, table, index);
                int count = 1;
                if (entry != 0 && !PteMarkers.is(entry) && (mode.flags(entry, 1) & PteFlags.SPECIAL) == 0) {
                    count = visitor.visit(vaddr, table, index, entry, mode.pfn(entry, 1));
                }
                index += count;
                vaddr += 4096L * count;
            }
        }
    }
}
