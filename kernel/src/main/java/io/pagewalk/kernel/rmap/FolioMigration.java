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

/** What a user page is, taken off its list, handed to another frame, and put back: {@code mm/migrate.c:folio_migrate_flags(), __folio_migrate_mapping()}. */
public final class FolioMigration {
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
     * Returns the references that a page has when nobody but page tables and page cache refers to it: {@code folio_expected_ref_count()}.
     *
     * @param pfn an allocated page
     */
    public int expectedReferences(long pfn) {
        return memmap.mapcount(pfn) + (memmap.mapping(pfn) > 0 ? 1 : 0);
    }

    /**
     * Takes a page off its LRU list: {@code folio_isolate_lru()}.
     *
     * @param pfn a page on a list
     */
    public void isolate(long pfn) {
        int flags = memmap.flags(pfn);
        Zone zone = folios.zoneOf(pfn);
        folios.lru().count(zone, flags, -1);
        memmap.clearFlags(pfn, PageFlags.LRU);
        counters.add(zone.node(), isolatedItem(flags), 1);
    }

    /**
     * Puts an isolated page on its LRU list: {@code folio_putback_lru()}.
     *
     * @param pfn an isolated page
     */
    public void putBack(long pfn) {
        int flags = memmap.flags(pfn);
        Zone zone = folios.zoneOf(pfn);
        counters.add(zone.node(), isolatedItem(flags), -1);
        memmap.setFlags(pfn, PageFlags.LRU);
        folios.lru().count(zone, flags, 1);
    }

    /**
     * Makes a frame what another one is: flags, references, mappings, place in file or anon_vma, and all counts, which move along when the zones differ. The
     * old frame has one reference and nothing else afterwards.
     *
     * @param from an isolated page with the expected references
     * @param to a fresh frame with one reference
     */
    public void hand(long from, long to) {
        MemMapSection source = memmap.section(from);
        int i = (int) from & MemMap.SECTION_MASK;
        MemMapSection target = memmap.section(to);
        int j = (int) to & MemMap.SECTION_MASK;
        int flags = source.flags[i];
        int mapcount = source.mapcount[i];
        FrameOwner owner = memmap.owner(from);
        moveCounts(folios.zoneOf(from), folios.zoneOf(to), flags, source.mapping[i], mapcount);
        target.flags[j] = flags;
        target.refcount[j] = source.refcount[i];
        target.mapcount[j] = mapcount;
        target.mapping[j] = source.mapping[i];
        target.index[j] = source.index[i];
        memmap.setOwner(to, owner);
        source.flags[i] = 0;
        source.refcount[i] = 1;
        source.mapcount[i] = 0;
        source.mapping[i] = 0;
        source.index[i] = 0;
        memmap.setOwner(from, FrameOwner.KERNEL);
    }

    private void moveCounts(Zone from, Zone to, int flags, int mapping, int mapcount) {
        if ((flags & PageFlags.MLOCKED) != 0) {
            // Taking the last mapping away unlocks a page that is on no list; mapping it again locks it.
            counters.add(from, ZoneStat.NR_MLOCK, -1);
            counters.count(VmEvent.UNEVICTABLE_PGS_STRANDED);
            counters.add(to, ZoneStat.NR_MLOCK, 1);
            counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED);
        }
        boolean isCounted = mapping > 0 && (flags & (PageFlags.DIRTY | PageFlags.SWAPBACKED)) == PageFlags.DIRTY;
        if (isCounted) {
            counters.add(from, ZoneStat.NR_ZONE_WRITE_PENDING, -1);
            counters.add(to, ZoneStat.NR_ZONE_WRITE_PENDING, 1);
        }
        if (from.node() == to.node()) {
            return;
        }
        move(from, to, isolatedItem(flags), 1);
        if (mapping > 0) {
            move(from, to, NodeStat.NR_FILE_PAGES, 1);
            move(from, to, NodeStat.NR_SHMEM, (flags & PageFlags.SWAPBACKED) != 0 ? 1 : 0);
            move(from, to, NodeStat.NR_DIRTY, isCounted ? 1 : 0);
            move(from, to, NodeStat.NR_MAPPED, mapcount > 0 ? 1 : 0);
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
