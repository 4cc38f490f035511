package io.pagewalk.kernel.compaction;

import static io.pagewalk.kernel.compaction.SkipHints.BLOCK_PAGES;
import static io.pagewalk.kernel.compaction.SkipHints.blockEnd;
import static io.pagewalk.kernel.compaction.SkipHints.blockStart;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageIsolation;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.Zone;

/**
 * Allocates a given range of frames by moving away what is in it: {@code mm/page_alloc.c:alloc_contig_range()}.
 *
 * <p>Differs from Linux: clean pages of files are moved too, Linux drops them.
 */
public final class ContiguousAllocator {
    /** What became of a request. */
    public enum Outcome {
        /** All frames of the range are allocated, each with one reference. */
        DONE,
        /** Something in the range cannot be moved now: {@code -EBUSY}. */
        BUSY,
        /** There was no memory to move to: {@code -ENOMEM}. */
        NO_MEMORY
    }

    private static final int TRIES = 5;

    private final PageAllocator allocator;
    private final PageIsolation isolation;
    private final ZoneCompactor compactor;

    /** Where moved pages go: anywhere, since isolated pageblocks hand nothing out ({@code alloc_migration_target()}). */
    private final PageMover.Target target = new PageMover.Target() {
        @Override
        public long allocate(long from) {
            return allocator.allocPages(
                    Gfp.GFP_HIGHUSER_MOVABLE | Gfp.RETRY_MAYFAIL | Gfp.NOWARN,
                    0,
                    allocator.zoneOf(from).node());
        }

        @Override
        public void release(long pfn) {
            allocator.freePages(pfn, 0);
        }
    };

    /**
     * Creates the allocator of a machine.
     *
     * @param allocator the page allocator
     * @param compaction finds and moves pages
     */
    public ContiguousAllocator(PageAllocator allocator, Compaction compaction) {
        this.allocator = allocator;
        this.isolation = allocator.isolation();
        this.compactor = compaction.zoneCompactor();
    }

    /**
     * Allocates a range.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it; the range must lie in one zone
     * @param purpose what for
     * @return what became of it; unless {@link Outcome#DONE}, nothing is allocated
     */
    public Outcome allocate(long startPfn, long endPfn, PageIsolation.Purpose purpose) {
        long start = blockStart(startPfn);
        long end = blockStart(endPfn - 1) + BLOCK_PAGES;
        if (startPfn < 0 || endPfn <= startPfn || !isOneZone(start, end)) {
            return Outcome.BUSY;
        }
        Zone zone = allocator.zoneOf(startPfn);
        if (!isolation.isolate(start, end, purpose)) {
            return Outcome.BUSY;
        }
        allocator.drainZone(zone);
        Outcome outcome = moveAway(zone, startPfn, endPfn);
        allocator.drainZone(zone);
        if (outcome != Outcome.NO_MEMORY) {
            // Pages that were not on an LRU list when the scanner passed may be free by now: Linux looks again as well.
            outcome = isolation.isAllFree(startPfn, endPfn) ? Outcome.DONE : Outcome.BUSY;
        }
        if (outcome == Outcome.DONE) {
            isolation.takeFree(startPfn, endPfn);
        }
        isolation.undo(start, end);
        return outcome;
    }

    /**
     * Finds and allocates frames anywhere in the zones that movable requests may use: {@code alloc_contig_pages()}.
     *
     * @param pages how many; the first frame is aligned to the next power of two
     * @param node node to try first
     * @return first frame, or {@link PageAllocator#NO_PAGE}
     */
    public long allocatePages(long pages, int node) {
        long align = Math.max(1, Long.highestOneBit(pages * 2 - 1));
        var zonelist = allocator.nodes().get(node).fallback();
        for (int z = 0; z < zonelist.size(); z++) {
            Zone zone = zonelist.get(z);
            for (long pfn = (zone.startPfn() + align - 1) & -align; pfn + pages <= zone.endPfn(); pfn += align) {
                if (isWorthTrying(pfn, pages)
                        && allocate(pfn, pfn + pages, PageIsolation.Purpose.RANGE) == Outcome.DONE) {
                    return pfn;
                }
            }
        }
        return PageAllocator.NO_PAGE;
    }

    /**
     * Frees a range: {@code free_contig_range()}.
     *
     * @param pfn first frame
     * @param pages how many
     */
    public void free(long pfn, long pages) {
        for (long frame = pfn; frame < pfn + pages; frame++) {
            allocator.freePages(frame, 0);
        }
    }

    /** {@code __alloc_contig_migrate_range()}. */
    private Outcome moveAway(Zone zone, long startPfn, long endPfn) {
        CompactControl control = new CompactControl(zone, CompactControl.WHOLE, Gfp.GFP_KERNEL, MigrateMode.SYNC);
        control.ignoresSkipHint = true;
        control.setsNoSkipHint = true;
        control.allocatesContiguous = true;
        MigrateScanner scanner = compactor.migrateScanner();
        Outcome outcome = Outcome.DONE;
        int tries = 0;
        long pfn = startPfn;
        while (pfn < endPfn || !control.migratePages.isEmpty()) {
            if (control.migratePages.isEmpty()) {
                control.wantedPages = 0;
                tries = 0;
                if (scanner.isolateBlock(control, pfn, Math.min(blockEnd(pfn), endPfn), PageMover.UNEVICTABLE)) {
                    outcome = Outcome.BUSY;
                    break;
                }
                pfn = control.migratePfn;
                continue;
            }
            if (tries++ == TRIES) {
                outcome = Outcome.BUSY;
                break;
            }
            if (compactor.mover().migrate(control.migratePages, target, MigrateMode.SYNC) == PageMover.NO_MEMORY) {
                outcome = Outcome.NO_MEMORY;
                break;
            }
        }
        scanner.putBackAll(control);
        return outcome;
    }

    /** {@code pfn_range_valid_contig()}. */
    private boolean isWorthTrying(long startPfn, long pages) {
        for (long pfn = startPfn; pfn < startPfn + pages; pfn++) {
            if (allocator.memMap().isTouched(pfn) && allocator.memMap().hasFlags(pfn, PageFlags.RESERVED)) {
                return false;
            }
        }
        return true;
    }

    private boolean isOneZone(long start, long end) {
        if (!allocator.memMap().isValid(start) || !allocator.memMap().isValid(end - 1)) {
            return false;
        }
        int slot = allocator.memMap().zoneSlot(start);
        for (long block = start; block < end; block += BLOCK_PAGES) {
            if (allocator.memMap().zoneSlot(block) != slot) {
                return false;
            }
        }
        return true;
    }
}
