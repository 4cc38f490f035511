package io.pagewalk.kernel.migrate;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover;
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
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.List;

/** Moves user pages to other frames: {@code mm/migrate.c:migrate_pages()}. */
public final class PageMigration implements PageMover {
    private static final int KIB_PER_PAGE = 4;

    private final Folios folios;
    private final FolioMigration migration;
    private final AnonVmas anonVmas;
    private final FileSystem files;
    private final PageTableEditor pageTables;
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
            PhysicalMemory memory,
            TimeAccount time,
            CostModel costs) {
        this.folios = folios;
        this.migration = new FolioMigration(folios);
        this.anonVmas = anonVmas;
        this.ksm = ksm;
        this.files = files;
        this.pageTables = pageTables;
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
     * Takes any page off its LRU list, however many refer to it: {@code mm/vmscan.c:folio_isolate_lru()}. Differs from Linux: pages of large folios stay where they are.
     *
     * @param pfn an allocated page
     * @return whether it was on a list; it must then be migrated or put back
     */
    public boolean isolateAny(long pfn) {
        if (!memmap.hasFlags(pfn, PageFlags.LRU)
                || memmap.mapping(pfn) == 0
                || folios.large().isLarge(pfn)) {
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

    /** Moves one isolated page; returns false when it is locked or somebody else refers to it ({@code -EAGAIN}). */
    private boolean move(long from, long to) {
        int flags = memmap.flags(from);
        if ((flags & (PageFlags.LOCKED | PageFlags.WRITEBACK)) != 0
                || memmap.refcount(from) != migration.expectedReferences(from)) {
            return false;
        }
        int mapping = memmap.mapping(from);
        long index = memmap.index(from);
        boolean isMerged = (flags & PageFlags.KSM) != 0;
        if (mapping > 0) {
            Inode inode = files.find(mapping);
            if (inode == null) {
                throw new KernelBug("page " + from + " belongs to a file that is gone");
            }
            redirectAll(inode.mappings(), index, from, to);
            files.cache().replace(inode, index, from, to);
        } else if (isMerged) {
            redirectMerged(from, to);
        } else {
            redirectAll(anonVmas.areasOf(-mapping), index, from, to);
        }

        memory.copyFrame(from, to);
        time.charge(Cause.COPY, KIB_PER_PAGE * costs.copyNanosPerKib());
        migration.hand(from, to);
        if (isMerged) {
            ksm.migrated(from, to);
        }
        migration.putBack(to);
        folios.allocator().freePages(from, 0);
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

    /** {@code rmap_walk()}: lets every entry that maps the old frame point to the new one. */
    private void redirectAll(List<Vma> areas, long index, long from, long to) {
        int left = memmap.mapcount(from);
        for (int i = 0; i < areas.size() && left > 0; i++) {
            Vma vma = areas.get(i);
            if (index < vma.pgoff() || index >= vma.pgoff() + vma.pages()) {
                continue;
            }
            long vaddr = vma.start() + ((index - vma.pgoff()) << 12);
            int flags = pageTables.flagsOfMapping(vma.mm(), vaddr, from);
            if (flags < 0) {
                continue;
            }
            if ((flags & PteFlags.DIRTY) != 0) {
                folios.markDirty(from);
            }
            pageTables.redirect(vma.mm(), vaddr, to);
            left--;
        }
        if (left != 0) {
            throw new KernelBug("page " + from + " is mapped " + left + " times by nobody");
        }
    }
}
