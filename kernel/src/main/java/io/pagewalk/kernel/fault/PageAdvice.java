package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** What advice and locks do to the pages of a range, without unmapping any ({@code mm/madvise.c}, {@code mm/mlock.c}). */
final class PageAdvice {
    private static final int USE = PteFlags.ACCESSED | PteFlags.DIRTY;

    /** Visits one present page. */
    private interface PageVisitor {
        void visit(long vaddr, long table, int index, long entry, long pfn);
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
    private final MemMap memmap;
    private final HugePages splitting;
    private final HugeMappings huge;
    private final TlbFlusher flusher;

    PageAdvice(KernelTables kernel, HugePages splitting, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.splitting = splitting;
        this.huge = splitting.mappings();
        this.flusher = flusher;
    }

    /** {@code madvise_free_pte_range()} and {@code madvise_free_huge_pmd()}. */
    void lazyFree(Vma vma, long start, long end) {
        FlushRange flush = new FlushRange(flusher);
        HugeVisitor whole = (vaddr, entry, head) -> {
            if (folios.large().isMaybeShared(head)) {
                return true;
            }
            if (!huge.isWhole(vaddr, end)) {
                return !splitting.split(head);
            }
            memmap.clearFlags(head, PageFlags.DIRTY);
            clearUse(vma, vaddr, entry, USE, flush);
            folios.lru().lazyFree(head);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> {
            if (memmap.mapping(pfn) >= 0) {
                return;
            }
            if (memmap.hasFlags(pfn, PageFlags.DIRTY)) {
                if (memmap.mapcount(pfn) != 1) {
                    return;
                }
                memmap.clearFlags(pfn, PageFlags.DIRTY);
            }
            int flags = mode.flags(entry, 1);
            if ((flags & USE) != 0) {
                mode.writeEntry(memory, table, index, mode.withFlags(entry, flags & ~USE, 1));
                flush.addPage(vaddr);
            }
            folios.lru().lazyFree(pfn);
        });
        flush.finish(vma.mm());
    }

    /** {@code madvise_cold_or_pageout_pte_range()}. */
    void deactivate(Vma vma, long start, long end) {
        FlushRange flush = new FlushRange(flusher);
        HugeVisitor whole = (vaddr, entry, head) -> {
            if (folios.large().isMaybeShared(head)) {
                return true;
            }
            if (!huge.isWhole(vaddr, end)) {
                return !splitting.split(head);
            }
            clearUse(vma, vaddr, entry, PteFlags.ACCESSED, flush);
            folios.lru().deactivate(head);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> {
            if (memmap.mapcount(pfn) != 1) {
                return;
            }
            int flags = mode.flags(entry, 1);
            if ((flags & PteFlags.ACCESSED) != 0) {
                mode.writeEntry(memory, table, index, mode.withFlags(entry, flags & ~PteFlags.ACCESSED, 1));
                flush.addPage(vaddr);
            }
            folios.lru().deactivate(pfn);
        });
        flush.finish(vma.mm());
    }

    private void clearUse(Vma vma, long vaddr, long entry, int marks, FlushRange flush) {
        int flags = mode.flags(entry, PageTables.HUGE_LEVEL);
        if ((flags & marks) != 0) {
            huge.setFlags(vma.mm(), vaddr, entry, flags & ~marks);
            flush.addTables(vaddr, huge.endOf(vaddr));
        }
    }

    /** {@code mlock_pte_range()}. */
    void lockChanged(Vma vma, long start, long end) {
        boolean isLocked = vma.has(VmaFlags.VM_LOCKED);
        HugeVisitor whole = (vaddr, entry, head) -> {
            setLocked(head, isLocked);
            return true;
        };
        forEachPage(vma, start, end, whole, (vaddr, table, index, entry, pfn) -> setLocked(pfn, isLocked));
    }

    private void setLocked(long pfn, boolean isLocked) {
        if (isLocked) {
            folios.lru().mlock(pfn);
        } else {
            folios.lru().munlock(pfn);
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
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long entry = mode.readEntry(memory, table, index);
                if (entry != 0 && !PteMarkers.is(entry) && (mode.flags(entry, 1) & PteFlags.SPECIAL) == 0) {
                    visitor.visit(vaddr, table, index, entry, mode.pfn(entry, 1));
                }
            }
        }
    }
}
