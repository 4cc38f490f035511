package io.pagewalk.kernel.filemap;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Puts one huge page into the place of all that a file in memory has in a range of its size: the page cache's part of {@code mm/khugepaged.c:collapse_file()}. */
public final class CachedFolioCollapse {
    /** What came of it. */
    public enum Outcome {
        /** The huge page is cached. */
        DONE,
        /** It was cached before. */
        HUGE_ALREADY,
        /** Nothing is cached there. */
        EMPTY,
        /** Somebody else refers to a page. */
        IN_USE,
        /** Mount or overcommit have no room for the pages that were missing. */
        NO_SPACE,
        /** Pages are missing, and a userfaultfd would like to know. */
        WATCHED
    }

    private static final int PAGES = 1 << Folios.HUGE_ORDER;

    private final PageCache cache;
    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final PhysicalMemory memory;
    private final CachedFolioSplit split;

    CachedFolioCollapse(PageCache cache, Folios folios, PhysicalMemory memory, CachedFolioSplit split) {
        this.cache = cache;
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.memory = memory;
        this.split = split;
    }

    /**
     * Looks whether a range may be collapsed: {@code mm/khugepaged.c:hpage_collapse_scan_file()}.
     *
     * @param inode a file in memory
     * @param start first page index, a multiple of a huge page
     * @return DONE when it may, HUGE_ALREADY or IN_USE
     */
    public Outcome scan(Inode inode, long start) {
        for (long index = inode.pages.next(start); index >= 0 && index < start + PAGES; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            if (large.order(head) == Folios.HUGE_ORDER) {
                return Outcome.HUGE_ALREADY;
            }
            if (memmap.refcount(head) != large.mapcount(head) + large.pages(head)) {
                return Outcome.IN_USE;
            }
            index = inode.pages.next(memmap.index(head) + large.pages(head));
        }
        return Outcome.DONE;
    }

    /**
     * Returns how many pages of a range are not cached.
     *
     * @param inode a file in memory
     * @param start first page index, a multiple of a huge page
     */
    public int missing(Inode inode, long start) {
        int missing = PAGES;
        for (long index = inode.pages.next(start); index >= 0 && index < start + PAGES; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            missing -= large.pages(head);
            index = inode.pages.next(memmap.index(head) + large.pages(head));
        }
        return missing;
    }

    /**
     * Collapses a range. What mapped its pages does so no longer, even when there is no room in the end.
     *
     * @param inode a file in memory for whose range {@link #scan} said DONE
     * @param start first page index, a multiple of a huge page
     * @param target a fresh huge page, whose reference the page cache takes over when DONE
     * @return DONE, EMPTY, NO_SPACE or WATCHED
     */
    public Outcome collapse(Inode inode, long start, long target) {
        long end = start + PAGES;
        int missing = PAGES;
        for (long index = inode.pages.next(start); index >= 0 && index < end; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            split.unmap(inode, head);
            missing -= large.pages(head);
            memmap.setFlags(head, PageFlags.UPTODATE);
            index = inode.pages.next(memmap.index(head) + large.pages(head));
        }
        if (missing == PAGES) {
            return Outcome.EMPTY;
        }
        ShmemInodeInfo info = inode.shmem();
        if (missing > 0 && info != null) {
            if (!info.chargeBlocks(missing)) {
                return Outcome.NO_SPACE;
            }
            if (isWatched(inode, start, end)) {
                info.unchargeBlocks(missing);
                return Outcome.WATCHED;
            }
        }
        for (int i = 0; i < PAGES; i++) {
            long pfn = inode.pages.get(start + i);
            if (pfn < 0) {
                memory.clearFrame(target + i);
            } else {
                memory.copyFrame(pfn, target + i);
            }
        }
        for (long index = inode.pages.next(start); index >= 0 && index < end; ) {
            long head = inode.pages.get(index);
            int pages = large.pages(head);
            inode.pages.remove(index, large.order(head));
            folios.removeFromCache(head);
            index = inode.pages.next(index + pages);
        }
        cache.insert(inode, start, target, Folios.HUGE_ORDER);
        memmap.setFlags(target, PageFlags.UPTODATE);
        folios.markDirty(target);
        return Outcome.DONE;
    }

    private static boolean isWatched(Inode inode, long start, long end) {
        for (Vma vma : inode.mappings) {
            boolean overlaps = vma.pgoff() <= end && vma.pgoff() + vma.pages() > start;
            if (overlaps && vma.has(VmaFlags.VM_UFFD_MISSING)) {
                return true;
            }
        }
        return false;
    }
}
