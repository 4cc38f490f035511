package io.pagewalk.kernel.rmap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NodeStat;

/** Makes single pages of a large folio that no entry maps as a whole: {@code mm/huge_memory.c:__folio_split()} after {@code unmap_folio()}. */
public final class FolioSplit {
    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;

    /**
     * Creates it for one machine.
     *
     * @param folios the life cycle of its folios
     */
    public FolioSplit(Folios folios) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
    }

    /**
     * Returns whether nobody but page tables and page cache refers to a folio: {@code can_split_folio()}.
     *
     * @param head first frame of a large folio
     */
    public boolean canSplit(long head) {
        int owners = memmap.mapping(head) > 0 ? large.pages(head) : 0;
        return memmap.refcount(head) == large.mapcount(head) + owners && large.pins(head) == 0;
    }

    /**
     * Splits a folio. Entries and the page cache point to its pages already; pages that nobody has are freed.
     *
     * @param head first frame of a folio for which {@link #canSplit} holds and which no entry maps as a whole
     */
    public void toPages(long head) {
        KernelBug.on(!canSplit(head) || large.entireMapcount(head) > 0, "a folio in use is split");
        int pages = large.pages(head);
        boolean isCached = memmap.mapping(head) > 0;
        int shared = memmap.flags(head) & ~PageFlags.PER_PAGE;
        if (isCached && large.order(head) == Folios.HUGE_ORDER) {
            boolean isShmem = (shared & PageFlags.SWAPBACKED) != 0;
            NodeStat item = isShmem ? NodeStat.NR_SHMEM_HUGEPAGES : NodeStat.NR_FILE_HUGEPAGES;
            folios.counters().add(folios.zoneOf(head).node(), item, -pages);
        }
        folios.stats().count(large.order(head), HugePageStats.Item.NR_ANON, isCached ? 0 : -1);
        folios.stats().countSplit(large.order(head), true);
        folios.deferredSplits().remove(head);
        large.clear(head);
        MemMapSection section = memmap.section(head);
        int first = (int) head & MemMap.SECTION_MASK;
        for (int i = first; i < first + pages; i++) {
            section.flags[i] = shared | (section.flags[i] & PageFlags.ANON_EXCLUSIVE);
            section.order[i] = 0;
            // One more, which the loop below drops.
            section.refcount[i] = section.mapcount[i] + (isCached ? 2 : 1);
        }
        for (int i = 0; i < pages; i++) {
            folios.put(head + i);
        }
    }
}
