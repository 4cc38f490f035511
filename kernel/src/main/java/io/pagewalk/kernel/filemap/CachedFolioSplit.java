package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.zone.NodeStat;

/** Splitting of large folios of a file, which leaves every entry that maps one empty: {@code mm/huge_memory.c:__folio_split()}. */
final class CachedFolioSplit {
    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final Truncation truncation;
    private Unmapper unmapper = (vma, first, last, evenCows) -> {};

    CachedFolioSplit(Folios folios, Truncation truncation) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.truncation = truncation;
    }

    void setUnmapper(Unmapper value) {
        unmapper = value;
    }

    /**
     * Makes single pages where a range ends, and around it the largest folios that are possible; a folio that cannot be split is unmapped: {@code mm/truncate.c:try_folio_split_or_unmap()}.
     *
     * @param inode the file
     * @param head first frame of a large folio
     * @param at frame of it that shall be alone
     * @return whether it was split
     */
    boolean splitOrUnmap(Inode inode, long head, long at) {
        boolean isPossible = canSplit(inode, head);
        folios.stats().countSplit(large.order(head), isPossible);
        if (isPossible || !inode.isShmem()) {
            unmap(inode, head);
        }
        if (isPossible) {
            around(inode, head, at);
        }
        return isPossible;
    }

    /**
     * Makes single pages of a folio: {@code split_folio()}.
     *
     * @param inode the file
     * @param head first frame of a large folio
     * @return whether that was possible; nothing changes otherwise
     */
    boolean toPages(Inode inode, long head) {
        boolean isPossible = canSplit(inode, head);
        folios.stats().countSplit(large.order(head), isPossible);
        if (!isPossible) {
            return false;
        }
        unmap(inode, head);
        long end = head + large.pages(head);
        for (long pfn = head; pfn < end; pfn++) {
            if (large.isLarge(pfn)) {
                around(inode, pfn, pfn);
            }
        }
        return true;
    }

    /** Dirty blocks and references of others are in the way. */
    private boolean canSplit(Inode inode, long head) {
        if (memmap.hasFlags(head, PageFlags.DIRTY) && !inode.isShmem()) {
            return false;
        }
        return memmap.refcount(head) == large.mapcount(head) + large.pages(head);
    }

    /** Lets no area map a folio: {@code try_to_unmap()}. */
    void unmap(Inode inode, long head) {
        long first = memmap.index(head);
        for (int i = 0; i < inode.mappings.size() && large.mapcount(head) > 0; i++) {
            unmapper.unmap(inode.mappings.get(i), first, first + large.pages(head) - 1, false);
        }
    }

    /** {@code __split_unmapped_folio()} with {@code SPLIT_TYPE_NON_UNIFORM}: halves, of which the one with the page is halved again. What lies behind the end of the file goes. */
    private void around(Inode inode, long folio, long page) {
        int order = large.order(folio);
        int flags = memmap.flags(folio) & ~PageFlags.PER_PAGE;
        if (order == Folios.HUGE_ORDER) {
            NodeStat item = inode.isShmem() ? NodeStat.NR_SHMEM_HUGEPAGES : NodeStat.NR_FILE_HUGEPAGES;
            folios.counters().add(folios.zoneOf(folio).node(), item, -(1L << order));
        }
        large.clear(folio);
        long at = folio;
        // From the last page to the first one, so that the head's own fields are read before they change.
        long[] heads = new long[order + 1];
        int[] orders = new int[order + 1];
        int pieces = 0;
        for (int half = order - 1; half >= 0; half--) {
            inode.pages.split(memmap.index(at), half + 1, half);
            long upper = at + (1L << half);
            heads[pieces] = page < upper ? upper : at;
            orders[pieces++] = half;
            at = page < upper ? at : upper;
        }
        heads[pieces] = at;
        for (int i = 0; i <= pieces; i++) {
            make(heads[i], orders[i], heads[i] == folio ? flags : flags & ~PageFlags.RECLAIM);
        }
        ShmemInodeInfo shmem = inode.shmem();
        long end = shmem == null ? inode.sizePages() : shmem.keptEnd(inode.sizePages());
        for (int i = 0; i <= pieces; i++) {
            if (memmap.index(heads[i]) >= end && heads[i] != folio) {
                truncation.remove(inode, heads[i]);
            }
        }
    }

    private void make(long head, int order, int flags) {
        MemMapSection section = memmap.section(head);
        int first = (int) head & MemMap.SECTION_MASK;
        section.flags[first] = order > 0 ? flags | PageFlags.HEAD : flags;
        section.order[first] = (byte) order;
        section.refcount[first] = 1 << order;
        for (int tail = first + 1; tail < first + (1 << order); tail++) {
            section.flags[tail] = PageFlags.TAIL;
            section.next[tail] = (int) head;
            section.refcount[tail] = 0;
        }
    }
}
