package io.pagewalk.kernel.page;

import io.pagewalk.base.KernelBug;

/**
 * What Linux keeps of a folio of several pages beside its first {@code struct page}: how often it is mapped, as a whole and by the page, by whom, and how often it is pinned
 * ({@code include/linux/rmap.h}, {@code include/linux/mm_types.h:struct folio}; the kernel with {@code CONFIG_PAGE_MAPCOUNT}).
 *
 * <pre>
 *   large mapcount  == entries of leaf tables that map one of its pages + entries that map it as a whole
 *   pages mapped    == pages that an entry of a leaf table maps
 * </pre>
 *
 * <p>A page that is not part of a larger folio is a folio of one page here; its counts are those of {@link MemMap}.
 */
public final class LargeFolios {
    private final MemMap memmap;

    /**
     * Creates the view of a machine's folios.
     *
     * @param memmap all pages
     */
    public LargeFolios(MemMap memmap) {
        this.memmap = memmap;
    }

    /**
     * Returns whether a page belongs to a folio of several pages: {@code folio_test_large()}.
     *
     * @param pfn an allocated frame
     */
    public boolean isLarge(long pfn) {
        return (memmap.section(pfn).flags[(int) pfn & MemMap.SECTION_MASK] & (PageFlags.HEAD | PageFlags.TAIL)) != 0;
    }

    /**
     * Returns the order of the folio that a page belongs to: {@code folio_order()}.
     *
     * @param pfn an allocated frame
     */
    public int order(long pfn) {
        return isLarge(pfn) ? memmap.order(memmap.compoundHead(pfn)) : 0;
    }

    /**
     * Returns how many pages a folio has: {@code folio_nr_pages()}.
     *
     * @param pfn a frame of it
     */
    public int pages(long pfn) {
        return 1 << order(pfn);
    }

    /**
     * Returns how many entries map a folio or a part of it: {@code folio_mapcount()}.
     *
     * @param pfn a frame of it
     */
    public int mapcount(long pfn) {
        if (!isLarge(pfn)) {
            return memmap.mapcount(pfn);
        }
        long head = memmap.compoundHead(pfn);
        return counts(head).mapcount[slot(head)];
    }

    /**
     * Returns how many entries map a folio as a whole: {@code folio_entire_mapcount()}.
     *
     * @param pfn a frame of it
     */
    public int entireMapcount(long pfn) {
        if (!isLarge(pfn)) {
            return 0;
        }
        long head = memmap.compoundHead(pfn);
        return counts(head).entire[slot(head)];
    }

    /**
     * Returns how many entries map one page, alone or with the rest of its folio: {@code folio_precise_page_mapcount()}.
     *
     * @param pfn a frame
     */
    public int preciseMapcount(long pfn) {
        return memmap.mapcount(pfn) + entireMapcount(pfn);
    }

    /**
     * Counts an entry of a leaf table that now maps a page of a large folio: {@code __folio_add_rmap()} with {@code RMAP_LEVEL_PTE}.
     *
     * @param pfn the page
     * @param space the address space: frame of its root
     * @return pages that are mapped now and were not before, 0 or 1
     */
    public int mapPage(long pfn, int space) {
        long head = memmap.compoundHead(pfn);
        LargeFolioCounts counts = counts(head);
        int slot = slot(head);
        counts.add(slot, 1, space);
        if (memmap.incMapcount(pfn) > 1) {
            return 0;
        }
        counts.pagesMapped[slot]++;
        return counts.entire[slot] == 0 ? 1 : 0;
    }

    /**
     * Takes back what {@link #mapPage} counted: {@code __folio_remove_rmap()} with {@code RMAP_LEVEL_PTE}.
     *
     * @param pfn the page
     * @param space the address space: frame of its root
     * @return pages that are mapped no longer, 0 or 1
     */
    public int unmapPage(long pfn, int space) {
        long head = memmap.compoundHead(pfn);
        LargeFolioCounts counts = counts(head);
        int slot = slot(head);
        counts.remove(slot, 1, space);
        if (memmap.decMapcount(pfn) > 0) {
            return 0;
        }
        counts.pagesMapped[slot]--;
        return counts.entire[slot] == 0 ? 1 : 0;
    }

    /**
     * Counts an entry that maps a folio as a whole: {@code __folio_add_rmap()} with {@code RMAP_LEVEL_PMD}.
     *
     * @param head first frame
     * @param space the address space: frame of its root
     * @return pages that are mapped now and were not before
     */
    public int mapWhole(long head, int space) {
        LargeFolioCounts counts = counts(head);
        int slot = slot(head);
        counts.add(slot, 1, space);
        return counts.entire[slot]++ > 0 ? 0 : pages(head) - counts.pagesMapped[slot];
    }

    /**
     * Takes back what {@link #mapWhole} counted: {@code __folio_remove_rmap()} with {@code RMAP_LEVEL_PMD}.
     *
     * @param head first frame
     * @param space the address space: frame of its root
     * @return pages that are mapped no longer
     */
    public int unmapWhole(long head, int space) {
        LargeFolioCounts counts = counts(head);
        int slot = slot(head);
        counts.remove(slot, 1, space);
        KernelBug.on(counts.entire[slot] == 0, "a folio is unmapped that is not mapped as a whole");
        return --counts.entire[slot] > 0 ? 0 : pages(head) - counts.pagesMapped[slot];
    }

    /**
     * Returns whether more than one address space may map a folio, which is remembered for longer than it lasts when there were more than two:
     * {@code folio_maybe_mapped_shared()}.
     *
     * @param pfn a frame of it
     */
    public boolean isMaybeShared(long pfn) {
        if (!isLarge(pfn)) {
            return memmap.mapcount(pfn) > 1;
        }
        long head = memmap.compoundHead(pfn);
        return memmap.order(head) == 1 ? mapcount(head) > 1 : counts(head).isShared[slot(head)];
    }

    /**
     * Returns how many pins a large folio has: {@code folio->_pincount}.
     *
     * @param head first frame
     */
    public int pins(long head) {
        return counts(head).pins[slot(head)];
    }

    /**
     * Counts pins of a large folio.
     *
     * @param head first frame
     * @param change how many more, negative for fewer
     */
    public void addPins(long head, int change) {
        counts(head).pins[slot(head)] += change;
    }

    /**
     * Forgets everything when a large folio is freed or split.
     *
     * @param head first frame
     */
    public void clear(long head) {
        counts(head).clear(slot(head));
    }

    private LargeFolioCounts counts(long head) {
        return memmap.section(head).large();
    }

    /** Heads lie at even frames. */
    private static int slot(long head) {
        return ((int) head & MemMap.SECTION_MASK) >> 1;
    }
}
