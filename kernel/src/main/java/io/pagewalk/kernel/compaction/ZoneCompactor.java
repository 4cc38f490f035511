package io.pagewalk.kernel.compaction;

import static io.pagewalk.kernel.compaction.SkipHints.BLOCK_PAGES;
import static io.pagewalk.kernel.compaction.SkipHints.blockStart;

import io.pagewalk.kernel.buddy.CompactResult;
import io.pagewalk.kernel.buddy.FreeBlocks;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.CompactionState;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;

/** One run over one zone: {@code mm/compaction.c:compact_zone()}. */
final class ZoneCompactor {
    private final PageAllocator allocator;
    private final VmCounters counters;
    private final FreeBlocks free;
    private final SkipHints hints;
    private final MigrateScanner migrateScanner;
    private final FreeScanner freeScanner;
    private PageMover mover = PageMover.NONE;
    long extfragThreshold = 500;
    long proactiveness = 20;

    ZoneCompactor(PageAllocator allocator) {
        this.allocator = allocator;
        this.counters = allocator.counters();
        this.free = allocator.freeBlocks();
        MemMap memMap = allocator.memMap();
        this.hints = new SkipHints(memMap);
        this.migrateScanner = new MigrateScanner(memMap, counters, free, hints);
        this.freeScanner = new FreeScanner(memMap, counters, free, hints, migrateScanner);
    }

    void setMover(PageMover mover) {
        this.mover = mover;
        migrateScanner.setMover(mover);
    }

    PageMover mover() {
        return mover;
    }

    MigrateScanner migrateScanner() {
        return migrateScanner;
    }

    FreeBlocks free() {
        return free;
    }

    SkipHints hints() {
        return hints;
    }

    /** Moves pages until a block of the order is free, or the scanners have met. */
    CompactResult run(CompactControl control) {
        Zone zone = control.zone;
        if (!control.isWhole()) {
            CompactResult fit = Fragmentation.suits(
                    zone,
                    control.order,
                    control.highestZone,
                    control.allocFlags,
                    control.mode == MigrateMode.ASYNC,
                    extfragThreshold);
            if (fit != CompactResult.CONTINUE) {
                return fit;
            }
        }
        if (Deferral.isRestarting(zone, control.order)) {
            hints.reset(zone);
        }
        placeScanners(control);
        CompactResult result = scan(control);
        if (control.freePages > 0) {
            long highest = blockStart(freeScanner.releaseAll(control));
            zone.compaction.cachedFreePfn = Math.max(zone.compaction.cachedFreePfn, highest);
        }
        counters.count(VmEvent.COMPACT_MIGRATE_SCANNED, control.migrateScanned);
        counters.count(VmEvent.COMPACT_FREE_SCANNED, control.freeScanned);
        return result;
    }

    private static void placeScanners(CompactControl control) {
        Zone zone = control.zone;
        CompactionState state = zone.compaction;
        long lastBlock = blockStart(zone.endPfn() - 1);
        if (control.wholeZone) {
            control.migratePfn = zone.startPfn();
            control.freePfn = lastBlock;
            return;
        }
        control.migratePfn = state.cachedMigratePfn[control.mode == MigrateMode.ASYNC ? 0 : 1];
        control.freePfn = state.cachedFreePfn;
        if (control.freePfn < zone.startPfn() || control.freePfn >= zone.endPfn()) {
            control.freePfn = lastBlock;
            state.cachedFreePfn = lastBlock;
        }
        if (control.migratePfn < zone.startPfn() || control.migratePfn >= zone.endPfn()) {
            control.migratePfn = zone.startPfn();
            state.cachedMigratePfn[0] = control.migratePfn;
            state.cachedMigratePfn[1] = control.migratePfn;
        }
        if (control.migratePfn <= state.initMigratePfn) {
            control.wholeZone = true;
        }
    }

    private CompactResult scan(CompactControl control) {
        Zone zone = control.zone;
        CompactionState state = zone.compaction;
        long lastMigrated = 0;
        boolean updatesCached =
                control.mode == MigrateMode.ASYNC && state.cachedMigratePfn[0] == state.cachedMigratePfn[1];
        PageMover.Target target = freeScanner.target(control);
        CompactResult result = finished(control);
        while (result == CompactResult.CONTINUE) {
            control.finishesPageblock = blockStart(lastMigrated) == blockStart(control.migratePfn);
            while (true) {
                if (migrateScanner.isolate(control)) {
                    migrateScanner.putBackAll(control);
                    return CompactResult.CONTENDED;
                }
                if (control.migratePages.isEmpty()) {
                    if (updatesCached) {
                        state.cachedMigratePfn[1] = state.cachedMigratePfn[0];
                    }
                    break;
                }
                updatesCached = false;
                lastMigrated = Math.max(zone.startPfn(), blockStart(control.migratePfn - 1));
                int error = mover.migrate(control.migratePages, target, control.mode);
                control.wantedPages = 0;
                if (error != 0) {
                    migrateScanner.putBackAll(control);
                    if (error == PageMover.NO_MEMORY && !control.scannersMet()) {
                        return CompactResult.CONTENDED;
                    }
                    if ((control.migratePfn & (BLOCK_PAGES - 1)) != 0
                            && !control.ignoresSkipHint
                            && !control.finishesPageblock
                            && control.mode != MigrateMode.SYNC) {
                        // The rest of the pageblock is scanned too, so that it gets its mark and is not tried again
                        // soon.
                        control.finishesPageblock = true;
                        if (control.order == Fragmentation.HUGE_ORDER) {
                            lastMigrated = 0;
                        }
                        continue;
                    }
                }
                break;
            }
            if (free.hasCaptured()) {
                return CompactResult.SUCCESS;
            }
            if (control.order > 0
                    && lastMigrated != 0
                    && lastMigrated < (control.migratePfn & -(1L << control.order))) {
                // What was freed there waits on the CPU's lists and must merge now.
                allocator.drainLocalPages(zone);
                lastMigrated = 0;
            }
            result = finished(control);
        }
        return result;
    }

    /** {@code compact_finished()}. */
    private CompactResult finished(CompactControl control) {
        Zone zone = control.zone;
        if (control.scannersMet()) {
            SkipHints.resetCachedPositions(zone);
            if (control.isDirect) {
                zone.compaction.blockskipFlush = true;
            }
            return control.wholeZone ? CompactResult.COMPLETE : CompactResult.PARTIAL_SKIPPED;
        }
        if (control.isProactive) {
            return Fragmentation.score(zone) > Proactive.lowMark(proactiveness)
                    ? CompactResult.CONTINUE
                    : CompactResult.SUCCESS;
        }
        if (control.isWhole() || (control.migratePfn & (BLOCK_PAGES - 1)) != 0) {
            return CompactResult.CONTINUE;
        }
        for (int order = control.order; order <= MemMap.MAX_PAGE_ORDER; order++) {
            FreeArea area = zone.freeArea(order);
            if (area.blocks[control.migrateType] > 0
                    || (control.migrateType == MigrateType.MOVABLE && area.blocks[MigrateType.CMA] > 0)
                    || free.canClaim(area, order, control.migrateType)) {
                return CompactResult.SUCCESS;
            }
        }
        return CompactResult.CONTINUE;
    }
}
