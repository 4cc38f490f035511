package io.pagewalk.kernel.migrate;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.fault.HugePages;
import io.pagewalk.kernel.fault.PageTableEditor;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.FolioMigration;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.KsmRmap;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayList;
import java.util.List;

/** Moves user pages to other frames: {@code mm/migrate.c:migrate_pages()}. */
public final class PageMigration implements PageMover {
    private static final int KIB_PER_PAGE = 4;

    private final Folios folios;
    private final FolioMigration migration;
    private final AnonVmas anonVmas;
    private final FileSystem files;
    private final PageTableEditor pageTables;
    private final HugePages hugePages;
    private final PhysicalMemory memory;
    private final TimeAccount time;
    private final CostModel costs;
    private final MemMap memmap;
    private final VmCounters counters;
    private final PageList failed = new PageList();
    private final KsmRmap ksm;

    /**
     * Creates the migration of one machine.
     *
     * @param folios the life cycle of pages
     * @param anonVmas leads from anonymous pages to areas
     * @param ksm leads from merged pages to places
     * @param files leads from pages of files to areas
     * @param pageTables the entries
     * @param hugePages huge pages, which are split when only a part of one is mapped
     * @param memory contents
     * @param time the clock
     * @param costs what copying costs
     */
    public PageMigration(
            Folios folios,
            AnonVmas anonVmas,
            KsmRmap ksm,
            FileSystem files,
            PageTableEditor pageTables,
            HugePages hugePages,
            PhysicalMemory memory,
            TimeAccount time,
            CostModel costs) {
        this.folios = folios;
        this.migration = new FolioMigration(folios);
        this.anonVmas = anonVmas;
        this.ksm = ksm;
        this.files = files;
        this.pageTables = pageTables;
        this.hugePages = hugePages;
        this.memory = memory;
        this.time = time;
        this.costs = costs;
        this.memmap = folios.memmap();
        this.counters = folios.counters();
    }

    @Override
    public boolean isolate(long pfn, int flags) {
        int pageFlags = memmap.flags(pfn);
        int mapping = memmap.mapping(pfn);
        if ((pageFlags & PageFlags.LRU) == 0
                || mapping == 0
                || (pageFlags & (PageFlags.HEAD | PageFlags.TAIL)) != 0
                || (mapping < 0 && memmap.refcount(pfn) > memmap.mapcount(pfn))
                || (mapping > 0 && (flags & NO_FILES) != 0)
                || ((pageFlags & PageFlags.UNEVICTABLE) != 0 && (flags & UNEVICTABLE) == 0)
                || ((pageFlags & PageFlags.WRITEBACK) != 0 && (flags & NO_WAIT) != 0)) {
            return false;
        }
        migration.isolate(pfn);
        return true;
    }

    /**
     * Takes any folio off its LRU list, however many refer to it: {@code mm/vmscan.c:folio_isolate_lru()}.
     *
     * @param pfn its first page
     * @return whether it was on a list; it must then be migrated or put back
     */
    public boolean isolateAny(long pfn) {
        if (!memmap.hasFlags(pfn, PageFlags.LRU) || memmap.mapping(pfn) == 0) {
            return false;
        }
        migration.isolate(pfn);
        return true;
    }

    @Override
    public void putBack(long pfn) {
        migration.putBack(pfn);
    }

    @Override
    public int migrate(PageList pages, Target target, MigrateMode mode) {
        failed.clear();
        splitPartlyMapped(pages);
        boolean isOutOfFrames = false;
        while (!pages.isEmpty() && !isOutOfFrames) {
            long from = pages.removeFirst();
            long to = target.allocate(from);
            if (to == PageAllocator.NO_PAGE) {
                isOutOfFrames = true;
                failed.add(from);
            } else if (move(from, to)) {
                counters.count(VmEvent.PGMIGRATE_SUCCESS);
            } else {
                target.release(to);
                failed.add(from);
            }
        }
        int notMoved = failed.size();
        counters.count(VmEvent.PGMIGRATE_FAIL, notMoved);
        while (!failed.isEmpty()) {
            pages.add(failed.removeFirst());
        }
        return isOutOfFrames ? NO_MEMORY : notMoved;
    }

    /** Splits large folios that are known to be mapped in part only, rather than to move all of them: what {@code migrate_pages_batch()} does first. */
    private void splitPartlyMapped(PageList pages) {
        if (folios.deferredSplits().isEmpty()) {
            return;
        }
        PageList others = new PageList();
        while (!pages.isEmpty()) {
            long head = pages.removeFirst();
            if (!folios.large().isLarge(head) || !folios.deferredSplits().isPartlyMapped(head)) {
                others.add(head);
                continue;
            }
            int count = folios.large().pages(head);
            migration.putBack(head);
            hugePages.split(head);
            for (long page = head; page < head + count; page++) {
                if (memmap.compoundHead(page) == page && isolateAny(page)) {
                    others.add(page);
                }
            }
        }
        while (!others.isEmpty()) {
            pages.add(others.removeFirst());
        }
    }

    /** Moves one isolated folio; returns false when it is locked or somebody else refers to it ({@code -EAGAIN}). */
    private boolean move(long from, long to) {
        int flags = memmap.flags(from);
        if ((flags & (PageFlags.LOCKED | PageFlags.WRITEBACK)) != 0
                || memmap.refcount(from) != migration.expectedReferences(from)) {
            return false;
        }
        int mapping = memmap.mapping(from);
        long index = memmap.index(from);
        List<Place> places = List.of();
        boolean isMerged = (flags & PageFlags.KSM) != 0;
        if (mapping > 0) {
            Inode inode = files.find(mapping);
            if (inode == null) {
                throw new KernelBug("page " + from + " belongs to a file that is gone");
            }
            places = suspendAll(inode.mappings(), index, from);
            files.cache().replace(inode, index, from, to);
        } else if (isMerged) {
            redirectMerged(from, to);
        } else {
            places = suspendAll(anonVmas.areasOf(-mapping), index, from);
        }

        int order = folios.large().order(from);
        for (int i = 0; i < 1 << order; i++) {
            memory.copyFrame(from + i, to + i);
        }
        time.charge(Cause.COPY, (KIB_PER_PAGE * costs.copyNanosPerKib()) << order);
        migration.hand(from, to);
        restore(places, to);
        if (isMerged) {
            ksm.migrated(from, to);
        }
        migration.putBack(to);
        if (order == 0 && !isMerged) {
            folios.mlocked()
                    .relock(to, (int) places.stream().filter(Place::isLocked).count());
        }
        folios.allocator().freePages(from, order);
        return true;
    }

    /** {@code rmap_walk_ksm()}. */
    private void redirectMerged(long from, long to) {
        int[] left = {memmap.mapcount(from)};
        ksm.walk(from, (vma, vaddr) -> {
            if (left[0] > 0 && pageTables.flagsOfMapping(vma.mm(), vaddr, from) >= 0) {
                pageTables.redirect(vma.mm(), vaddr, to);
                left[0]--;
            }
        });
        if (left[0] != 0) {
            throw new KernelBug("merged page " + from + " is mapped " + left[0] + " times by nobody");
        }
    }

    /**
     * An entry that maps a page of a folio on the move.
     *
     * @param vma in which area
     * @param vaddr where
     * @param page which page of the folio, {@link #WHOLE} when one entry maps all
     */
    private record Place(Vma vma, long vaddr, int page) {
        Mm mm() {
            return vma.mm();
        }

        boolean isLocked() {
            return vma.has(VmaFlags.VM_LOCKED) && !vma.has(VmaFlags.VM_SPECIAL);
        }
    }

    private static final int WHOLE = -1;

    /** Finds the entries that map a folio, and takes away what those of a large one count: {@code try_to_migrate()}. */
    private List<Place> suspendAll(List<Vma> areas, long index, long head) {
        List<Place> places = new ArrayList<>();
        int pages = folios.large().pages(head);
        int left = folios.large().mapcount(head);
        for (int i = 0; i < areas.size() && left > 0; i++) {
            Vma vma = areas.get(i);
            long first = index - vma.pgoff();
            boolean mayBeWhole = pages == 1 << Folios.HUGE_ORDER && first >= 0 && first + pages <= vma.pages();
            long start = vma.start() + (first << 12);
            int huge = mayBeWhole ? hugePages.flagsOfMapping(vma.mm(), start, head) : -1;
            if (huge >= 0) {
                noteDirty(huge, head);
                folios.suspendHugeMapping(head, vma.mm());
                places.add(new Place(vma, start, WHOLE));
                left--;
                continue;
            }
            int end = (int) Math.min(pages, vma.pages() - first);
            for (int page = (int) Math.max(0, -first); page < end; page++) {
                long vaddr = start + ((long) page << 12);
                int flags = pageTables.flagsOfMapping(vma.mm(), vaddr, head + page);
                if (flags < 0) {
                    continue;
                }
                noteDirty(flags, head);
                if (pages > 1) {
                    folios.suspendMapping(head + page, vma.mm());
                }
                places.add(new Place(vma, vaddr, page));
                left--;
            }
        }
        if (left != 0) {
            throw new KernelBug("page " + head + " is mapped " + left + " times by nobody");
        }
        return places;
    }

    private void noteDirty(int flags, long head) {
        if ((flags & PteFlags.DIRTY) != 0) {
            folios.markDirty(head);
        }
    }

    /** Lets the entries point to the new place: {@code remove_migration_ptes()}. */
    private void restore(List<Place> places, long head) {
        boolean isLarge = folios.large().isLarge(head);
        for (Place place : places) {
            if (place.page == WHOLE) {
                hugePages.redirect(place.mm(), place.vaddr, head);
                folios.addHugeMapping(head, place.mm());
                continue;
            }
            pageTables.redirect(place.mm(), place.vaddr, head + place.page);
            if (isLarge) {
                folios.addMapping(head + place.page, place.mm());
            }
        }
    }
}
