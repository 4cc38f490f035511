package io.pagewalk.kernel.compaction;

import static io.pagewalk.kernel.compaction.CompactControl.CLUSTER_MAX;
import static io.pagewalk.kernel.compaction.SkipHints.BLOCK_PAGES;
import static io.pagewalk.kernel.compaction.SkipHints.blockEnd;
import static io.pagewalk.kernel.compaction.SkipHints.blockStart;

import io.pagewalk.kernel.buddy.FreeBlocks;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;

/** Walks a zone upwards and takes movable pages: {@code mm/compaction.c:isolate_migratepages()}. */
final class MigrateScanner {
    private static final long NO_FAST_START = Long.MAX_VALUE;

    private final MemMap memMap;
    private final VmCounters counters;
    private final FreeBlocks free;
    private final SkipHints hints;
    private PageMover mover = PageMover.NONE;
    private boolean mayTakeUnevictable = true;

    MigrateScanner(MemMap memMap, VmCounters counters, FreeBlocks free, SkipHints hints) {
        this.memMap = memMap;
        this.counters = counters;
        this.free = free;
        this.hints = hints;
    }

    void setMover(PageMover mover) {
        this.mover = mover;
    }

    void setMayTakeUnevictable(boolean mayTakeUnevictable) {
        this.mayTakeUnevictable = mayTakeUnevictable;
    }

    /** Isolates pages of the first suitable pageblock from the scanner's position on; returns whether the run must stop: {@code ISOLATE_ABORT}. */
    boolean isolate(CompactControl control) {
        int flags = (mayTakeUnevictable ? PageMover.UNEVICTABLE : 0)
                | (control.mode != MigrateMode.SYNC ? PageMover.NO_WAIT : 0)
                | ((control.gfp & Gfp.FS) == 0 ? PageMover.NO_FILES : 0);
        long low = fastFindBlock(control);
        boolean isFastBlock = low != control.migratePfn && control.fastSearchFail == 0;
        long start = Math.max(blockStart(low), control.zone.startPfn());
        for (long end = blockEnd(low); end <= control.freePfn; end += BLOCK_PAGES) {
            boolean isFast = isFastBlock;
            isFastBlock = false;
            if (!isPageblock(control, start, end)) {
                low = end;
                control.migratePfn = end;
                start = end;
                continue;
            }
            boolean isAtStart = (low & (BLOCK_PAGES - 1)) == 0 || low == control.zone.startPfn();
            boolean isSkipped = isAtStart && !isFast && !hints.isSuitable(control, start);
            if (!isSkipped && !isSuitableSource(control, start)) {
                SkipHints.updateCachedMigrate(control, end);
                isSkipped = true;
            }
            if (isSkipped) {
                low = end;
                control.migratePfn = end;
                start = end;
                continue;
            }
            return isolateBlock(control, low, end, flags);
        }
        return false;
    }

    /** {@code isolate_migratepages_block()}: takes pages of one pageblock; returns whether the run must stop. */
    boolean isolateBlock(CompactControl control, long from, long end, int flags) {
        control.migratePfn = from;
        if (tooManyIsolated(control)) {
            return true;
        }
        if (!memMap.isTouched(from)) {
            return passUntouched(control, from, end);
        }
        boolean skipsOnFailure = control.isDirect && control.mode == MigrateMode.ASYNC;
        long blockSize = 1L << Math.max(control.order, 0);
        long nextSkip = skipsOnFailure ? (from | (blockSize - 1)) + 1 : 0;
        long scanned = 0;
        long isolated = 0;
        long validPfn = -1;
        boolean skipUpdated = false;
        boolean isAborted = false;
        long low = from;
        for (; low < end; low++) {
            if (skipsOnFailure && low >= nextSkip) {
                if (isolated > 0) {
                    break;
                }
                nextSkip = (low | (blockSize - 1)) + 1;
            }
            scanned++;
            if (validPfn < 0 && ((low & (BLOCK_PAGES - 1)) == 0 || low == control.zone.startPfn())) {
                if (!hints.isSuitable(control, low)) {
                    low = end;
                    isAborted = true;
                    break;
                }
                validPfn = low;
            }
            int pageFlags = memMap.flags(low);
            if ((pageFlags & PageFlags.BUDDY) != 0) {
                long pages = 1L << memMap.order(low);
                low += pages - 1;
                scanned += pages - 1;
                continue;
            }
            boolean isTaken = false;
            if ((pageFlags & (PageFlags.HEAD | PageFlags.TAIL)) != 0) {
                long head = memMap.compoundHead(low);
                long pages = head + (1L << memMap.order(head)) - low;
                low += pages - 1;
                scanned += pages - 1;
            } else if ((pageFlags & PageFlags.LRU) != 0) {
                isTaken = mover.isolate(low, flags);
                if (isTaken && !skipUpdated && validPfn >= 0) {
                    skipUpdated = true;
                    if (hints.testAndSet(control, validPfn) && !control.finishesPageblock) {
                        mover.putBack(low);
                        low = end;
                        isAborted = true;
                        break;
                    }
                }
            }
            if (isTaken) {
                control.migratePages.add(low);
                control.wantedPages++;
                isolated++;
                if (control.wantedPages >= CLUSTER_MAX && !control.finishesPageblock) {
                    low++;
                    break;
                }
                continue;
            }
            if (!skipsOnFailure) {
                continue;
            }
            // The block that the request waits for cannot become free: leave it.
            if (isolated > 0) {
                putBackAll(control);
                isolated = 0;
            }
            if (low < nextSkip) {
                low = nextSkip - 1;
                nextSkip += blockSize;
            }
        }
        low = Math.min(low, end);
        if (low == end && (isolated == 0 || control.finishesPageblock)) {
            if (!isAborted && !control.setsNoSkipHint && validPfn >= 0 && !skipUpdated) {
                hints.setSkipped(validPfn, true);
            }
            SkipHints.updateCachedMigrate(control, low);
        }
        control.migrateScanned += scanned;
        if (isolated > 0) {
            counters.count(VmEvent.COMPACT_ISOLATED, isolated);
        }
        control.migratePfn = low;
        return false;
    }

    void putBackAll(CompactControl control) {
        while (!control.migratePages.isEmpty()) {
            mover.putBack(control.migratePages.removeFirst());
        }
        control.wantedPages = 0;
    }

    /** Nothing in a section that nobody touched can be moved; Linux finds that out page by page. */
    private static boolean passUntouched(CompactControl control, long from, long end) {
        control.migrateScanned += end - from;
        control.migratePfn = end;
        SkipHints.updateCachedMigrate(control, end);
        return false;
    }

    /** {@code pageblock_pfn_to_page()}: both ends lie in the zone and are RAM. */
    boolean isPageblock(CompactControl control, long start, long end) {
        return memMap.isValid(start)
                && memMap.isValid(end - 1)
                && memMap.zoneSlot(start) == control.zone.slot()
                && memMap.zoneSlot(end - 1) == control.zone.slot()
                && (memMap.owner(start) != FrameOwner.HOLE || memMap.owner(end - 1) != FrameOwner.HOLE);
    }

    /** {@code suitable_migration_source()}. */
    private boolean isSuitableSource(CompactControl control, long pfn) {
        if (hints.isHugePage(pfn)) {
            return false;
        }
        if (control.mode != MigrateMode.ASYNC || !control.isDirect) {
            return true;
        }
        int type = memMap.pageblockType(pfn);
        return control.migrateType == MigrateType.MOVABLE
                ? type == MigrateType.MOVABLE || type == MigrateType.CMA
                : type == control.migrateType;
    }

    /** {@code too_many_isolated()}. */
    private boolean tooManyIsolated(CompactControl control) {
        int node = control.zone.node();
        long inactive = counters.get(node, NodeStat.NR_INACTIVE_FILE) + counters.get(node, NodeStat.NR_INACTIVE_ANON);
        long active = counters.get(node, NodeStat.NR_ACTIVE_FILE) + counters.get(node, NodeStat.NR_ACTIVE_ANON);
        long isolated = counters.get(node, NodeStat.NR_ISOLATED_FILE) + counters.get(node, NodeStat.NR_ISOLATED_ANON);
        if ((control.gfp & Gfp.FS) != 0) {
            inactive >>= 3;
            active >>= 3;
        }
        return isolated > (inactive + active) / 2;
    }

    /** {@code fast_find_migrateblock()}: a pageblock with a large free piece needs fewer pages moved. */
    private long fastFindBlock(CompactControl control) {
        long pfn = control.migratePfn;
        boolean isContinuation = pfn != control.zone.startPfn() && (pfn & (BLOCK_PAGES - 1)) != 0;
        if (control.ignoresSkipHint
                || control.finishesPageblock
                || isContinuation
                || control.order <= PerCpuPages.COSTLY_ORDER
                || (control.isDirect && control.migrateType != MigrateType.MOVABLE)) {
            return pfn;
        }
        int limit = control.freelistScanLimit();
        long distance = (control.freePfn - control.migratePfn) >> 1;
        if (control.migratePfn != control.zone.startPfn()) {
            distance >>= 2;
        }
        long high = blockStart(control.migratePfn + distance);
        int scanned = 0;
        boolean found = false;
        for (int order = control.order - 1; order >= PerCpuPages.COSTLY_ORDER && !found && scanned < limit; order--) {
            FreeArea area = control.zone.freeArea(order);
            long at = area.head[MigrateType.MOVABLE];
            at = at == MemMap.LIST_END ? at : at & 0xffff_ffffL;
            while (at != MemMap.LIST_END) {
                if (scanned++ >= limit) {
                    free.rotate(area, MigrateType.MOVABLE, memMap.next(at));
                    break;
                }
                if (at < high && !hints.isSkipped(at)) {
                    free.rotate(area, MigrateType.MOVABLE, memMap.next(at));
                    updateFastStart(control, at);
                    pfn = Math.max(blockStart(at), control.zone.startPfn());
                    control.fastSearchFail = 0;
                    found = true;
                    break;
                }
                at = memMap.next(at);
            }
        }
        control.migrateScanned += scanned;
        if (!found) {
            control.fastSearchFail++;
            pfn = reinitialize(control);
        }
        return pfn;
    }

    private static void updateFastStart(CompactControl control, long pfn) {
        if (control.fastStartPfn != NO_FAST_START) {
            control.fastStartPfn = control.fastStartPfn == 0 ? pfn : Math.min(control.fastStartPfn, pfn);
        }
    }

    /** {@code reinit_migrate_pfn()}: the linear scan begins at the lowest place that the fast search came to. */
    private static long reinitialize(CompactControl control) {
        if (control.fastStartPfn != 0 && control.fastStartPfn != NO_FAST_START) {
            control.migratePfn = control.fastStartPfn;
            control.fastStartPfn = NO_FAST_START;
        }
        return control.migratePfn;
    }
}
