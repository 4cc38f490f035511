package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;

/** What a folio is, taken off its list, handed to other frames, and put back: {@code mm/migrate.c:folio_migrate_flags(), __folio_migrate_mapping()}. */
public final class FolioMigration {
    /** What a page is by its place in a block rather than by its contents. */
    private static final int FORM = PageFlags.HEAD | PageFlags.TAIL;

    private final Folios folios;
    private final MemMap memmap;
    private final VmCounters counters;

    /**
     * Creates it for one machine.
     *
     * @param folios the life cycle of its pages
     */
    public FolioMigration(Folios folios) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.counters = folios.counters();
    }

    /**
     * Returns the references that a folio has when nobody but page tables and page cache refers to it: {@code folio_expected_ref_count()}.
     *
     * @param pfn its first page
     */
    public int expectedReferences(long pfn) {
        return folios.large().mapcount(pfn)
                + (memmap.mapping(pfn) > 0 ? folios.large().pages(pfn) : 0);
    }

    /**
     * Takes a folio off its LRU list: {@code folio_isolate_lru()}.
     *
     * @param pfn first page of one that is on a list
     */
    public void isolate(long pfn) {
        folios.arrive(pfn);
        int flags = memmap.flags(pfn);
        Zone zone = folios.zoneOf(pfn);
        int pages = folios.large().pages(pfn);
        folios.lru().count(zone, flags, -pages);
        memmap.clearFlags(pfn, PageFlags.LRU);
        counters.add(zone.node(), isolatedItem(flags), pages);
    }

    /**
     * Puts an isolated folio on its LRU list: {@code folio_putback_lru()}.
     *
     * @param pfn first page of an isolated one
     */
    public void putBack(long pfn) {
        int flags = memmap.flags(pfn);
        Zone zone = folios.zoneOf(pfn);
        int pages = folios.large().pages(pfn);
        counters.add(zone.node(), isolatedItem(flags), -pages);
        memmap.setFlags(pfn, PageFlags.LRU);
        folios.lru().count(zone, flags, pages);
    }

    /**
     * Makes a folio what another one is: flags, references, mappings, place in file or anon_vma, and all counts, which move along when the zones differ. The
     * old one has one reference and nothing else afterwards.
     *
     * @param from first page of an isolated folio with the expected references; a large one is not mapped now
     * @param to first page of a fresh one of the same order with one reference
     */
    public void hand(long from, long to) {
        MemMapSection source = memmap.section(from);
        int i = (int) from & MemMap.SECTION_MASK;
        MemMapSection target = memmap.section(to);
        int j = (int) to & MemMap.SECTION_MASK;
        int pages = folios.large().pages(from);
        FrameOwner owner = memmap.owner(from);
        moveCounts(
                folios.zoneOf(from), folios.zoneOf(to), source.flags[i], source.mapping[i], source.mapcount[i], pages);
        target.refcount[j] = source.refcount[i];
        source.refcount[i] = 1;
        for (int page = 0; page < pages; page++, i++, j++) {
            target.flags[j] = (source.flags[i] & ~FORM) | (target.flags[j] & FORM);
            target.mapcount[j] = source.mapcount[i];
            target.mapping[j] = source.mapping[i];
            target.index[j] = source.index[i];
            source.flags[i] &= FORM;
            source.mapcount[i] = 0;
            source.mapping[i] = 0;
            source.index[i] = 0;
        }
        folios.mlocked().moveLocks(from, to);
        int order = folios.large().order(from);
        memmap.setBlockOwner(to, order, owner);
        memmap.setBlockOwner(from, order, FrameOwner.KERNEL);
        if (pages > 1) {
            folios.deferredSplits().move(from, to);
            folios.large().clear(from);
        }
    }

    private void moveCounts(Zone from, Zone to, int flags, int mapping, int mapcount, int pages) {
        if ((flags & PageFlags.MLOCKED) != 0) {
            // Taking the last mapping away unlocks a page that is on no list; mapping it again locks it.
            counters.add(from, ZoneStat.NR_MLOCK, -pages);
            counters.count(VmEvent.UNEVICTABLE_PGS_STRANDED, pages);
            counters.add(to, ZoneStat.NR_MLOCK, pages);
            counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED, pages);
        }
        boolean isCounted = mapping > 0 && (flags & (PageFlags.DIRTY | PageFlags.SWAPBACKED)) == PageFlags.DIRTY;
        if (isCounted) {
            counters.add(from, ZoneStat.NR_ZONE_WRITE_PENDING, -pages);
            counters.add(to, ZoneStat.NR_ZONE_WRITE_PENDING, pages);
        }
        if (from.node() == to.node()) {
            return;
        }
        move(from, to, isolatedItem(flags), pages);
        if (mapping > 0) {
            boolean isShmem = (flags & PageFlags.SWAPBACKED) != 0;
            move(from, to, NodeStat.NR_FILE_PAGES, pages);
            move(from, to, NodeStat.NR_SHMEM, isShmem ? pages : 0);
            move(from, to, NodeStat.NR_DIRTY, isCounted ? pages : 0);
            move(from, to, NodeStat.NR_MAPPED, mapcount > 0 ? 1 : 0);
            if (pages == 1 << Folios.HUGE_ORDER) {
                move(from, to, isShmem ? NodeStat.NR_SHMEM_HUGEPAGES : NodeStat.NR_FILE_HUGEPAGES, pages);
            }
        } else {
            move(from, to, NodeStat.NR_ANON_PAGES, mapcount > 0 ? 1 : 0);
        }
    }

    private void move(Zone from, Zone to, NodeStat item, int pages) {
        counters.add(from.node(), item, -pages);
        counters.add(to.node(), item, pages);
    }

    private static NodeStat isolatedItem(int flags) {
        return (flags & PageFlags.SWAPBACKED) != 0 ? NodeStat.NR_ISOLATED_ANON : NodeStat.NR_ISOLATED_FILE;
    }
}
