package io.pagewalk.kernel.compaction;

import static io.pagewalk.kernel.compaction.CompactControl.CLUSTER_MAX;
import static io.pagewalk.kernel.compaction.SkipHints.BLOCK_PAGES;
import static io.pagewalk.kernel.compaction.SkipHints.blockEnd;
import static io.pagewalk.kernel.compaction.SkipHints.blockStart;

import io.pagewalk.kernel.buddy.FreeBlocks;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayDeque;

/** Walks a zone downwards and takes free blocks as targets: {@code mm/compaction.c:isolate_freepages(), compaction_alloc()}. */
final class FreeScanner {
    private static final int NOT_FOUND = -1;

    private final MemMap memMap;
    private final VmCounters counters;
    private final FreeBlocks free;
    private final SkipHints hints;
    private final MigrateScanner migrateScanner;

    FreeScanner(MemMap memMap, VmCounters counters, FreeBlocks free, SkipHints hints, MigrateScanner migrateScanner) {
        this.memMap = memMap;
        this.counters = counters;
        this.free = free;
        this.hints = hints;
        this.migrateScanner = migrateScanner;
    }

    /** Returns where the pages of a run go: {@code compaction_alloc()} and {@code compaction_free()}. */
    PageMover.Target target(CompactControl control) {
        return new PageMover.Target() {
            @Override
            public long allocate(long from) {
                long pfn = take(control);
                if (pfn == PageAllocator.NO_PAGE) {
                    isolate(control);
                    pfn = take(control);
                }
                return pfn;
            }

            @Override
            public void release(long pfn) {
                free.takeBack(pfn);
                control.freeBlocks[0].addFirst(pfn);
                control.freePages++;
                control.wantedPages++;
            }
        };
    }

    /** Gives all isolated blocks back and returns the highest, or 0: {@code release_free_list()}. */
    long releaseAll(CompactControl control) {
        long highest = 0;
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            ArrayDeque<Long> blocks = control.freeBlocks[order];
            while (!blocks.isEmpty()) {
                long pfn = blocks.removeFirst();
                free.giveBack(pfn, order);
                highest = Math.max(highest, pfn);
            }
        }
        control.freePages = 0;
        return highest;
    }

    private long take(CompactControl control) {
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            Long block = control.freeBlocks[order].pollFirst();
            if (block == null) {
                continue;
            }
            for (int o = order - 1; o >= 0; o--) {
                control.freeBlocks[o].addFirst(block + (1L << o));
            }
            control.freePages--;
            control.wantedPages--;
            free.handOut(block, 0);
            return block;
        }
        return PageAllocator.NO_PAGE;
    }

    /** {@code isolate_freepages()}. */
    private void isolate(CompactControl control) {
        fastIsolate(control);
        if (control.freePages > 0) {
            return;
        }
        Zone zone = control.zone;
        long at = control.freePfn;
        long start = blockStart(at);
        long end = Math.min(start + BLOCK_PAGES, zone.endPfn());
        long low = blockEnd(control.migratePfn);
        int stride = control.mode == MigrateMode.ASYNC ? CLUSTER_MAX : 1;
        for (; start >= low; end = start, start -= BLOCK_PAGES, at = start) {
            if (!memMap.isTouched(start)
                    || !migrateScanner.isPageblock(control, Math.max(start, zone.startPfn()), end)
                    || !isSuitableTarget(control, start)
                    || !hints.isSuitable(control, start)) {
                continue;
            }
            long before = control.freePages;
            at = isolateBlock(control, at, end, stride);
            if (at == end) {
                hints.updateFree(control, start, start - BLOCK_PAGES);
            }
            if (control.freePages >= control.wantedPages) {
                if (at >= end) {
                    at = start - BLOCK_PAGES;
                }
                break;
            } else if (at < end) {
                break;
            }
            stride = control.freePages > before ? 1 : Math.min(CLUSTER_MAX, stride << 1);
        }
        control.freePfn = at;
    }

    /** {@code isolate_freepages_block()} that is not strict; returns how far it came. */
    private long isolateBlock(CompactControl control, long from, long end, int stride) {
        long scanned = 0;
        long total = 0;
        long pfn = from;
        for (; pfn < end; pfn += stride) {
            scanned++;
            int flags = memMap.flags(pfn);
            if ((flags & (PageFlags.HEAD | PageFlags.TAIL)) != 0) {
                long head = memMap.compoundHead(pfn);
                long last = head + (1L << memMap.order(head)) - 1;
                if (last < end) {
                    scanned += last - pfn;
                    pfn = last;
                }
                continue;
            }
            if ((flags & PageFlags.BUDDY) == 0) {
                continue;
            }
            int pages = isolateFree(control, pfn);
            if (pages == 0) {
                break;
            }
            scanned += pages - 1;
            total += pages;
            if (control.wantedPages <= control.freePages) {
                pfn += pages;
                break;
            }
            pfn += pages - stride;
        }
        control.freeScanned += scanned;
        if (total > 0) {
            counters.count(VmEvent.COMPACT_ISOLATED, total);
        }
        return Math.min(pfn, end);
    }

    private int isolateFree(CompactControl control, long pfn) {
        int order = memMap.order(pfn);
        int pages = free.isolate(control.zone, pfn);
        if (pages > 0) {
            control.freePages += pages;
            control.freeBlocks[order].addLast(pfn);
        }
        return pages;
    }

    /** {@code suitable_migration_target()}. */
    private boolean isSuitableTarget(CompactControl control, long pfn) {
        if (memMap.hasFlags(pfn, PageFlags.BUDDY)) {
            int order = control.order > 0 ? control.order : MemMap.PAGEBLOCK_ORDER;
            if (memMap.order(pfn) >= order) {
                return false;
            }
        }
        int type = memMap.pageblockType(pfn);
        return control.ignoresBlockSuitable || type == MigrateType.MOVABLE || type == MigrateType.CMA;
    }

    /** {@code fast_isolate_freepages()}: looks at the ends of the free lists before a linear scan. */
    private void fastIsolate(CompactControl control) {
        if (control.order <= 0) {
            return;
        }
        Zone zone = control.zone;
        int limit = Math.max(1, control.freelistScanLimit() >> 1);
        boolean isStart = false;
        if (control.freePfn >= zone.compaction.initFreePfn) {
            limit = (int) (BLOCK_PAGES >> 1);
            isStart = true;
        }
        long distance = control.freePfn - control.migratePfn;
        long low = blockStart(control.freePfn - (distance >> 2));
        long min = blockStart(control.freePfn - (distance >> 1));
        long highest = 0;
        long scanned = 0;
        long found = NOT_FOUND;
        control.searchOrder = Math.min(control.order - 1, control.searchOrder);
        int order = control.searchOrder;
        while (found == NOT_FOUND && order >= 0) {
            FreeArea area = zone.freeArea(order);
            if (area.free > 0) {
                int scannedHere = 0;
                long best = 0;
                long at = area.tail[MigrateType.MOVABLE];
                at = at == MemMap.LIST_END ? at : at & 0xffff_ffffL;
                long stopped = MemMap.LIST_END;
                for (; at != MemMap.LIST_END; at = memMap.prev(at)) {
                    scannedHere++;
                    scanned++;
                    if (at >= highest) {
                        highest = Math.max(blockStart(at), zone.startPfn());
                    }
                    if (at >= low) {
                        control.fastSearchFail = 0;
                        control.searchOrder = order;
                        found = at;
                        stopped = at;
                        break;
                    }
                    if (at >= min && at > best) {
                        best = at;
                        limit >>= 1;
                    }
                    if (scannedHere >= limit) {
                        stopped = at;
                        break;
                    }
                }
                if (found == NOT_FOUND && best > 0) {
                    found = best;
                    stopped = best;
                }
                free.rotate(area, MigrateType.MOVABLE, stopped);
                if (found != NOT_FOUND) {
                    int pages = isolateFree(control, found);
                    if (pages > 0) {
                        scanned += pages - 1;
                        counters.count(VmEvent.COMPACT_ISOLATED, pages);
                    } else {
                        order = control.searchOrder + 1;
                        found = NOT_FOUND;
                    }
                }
                if (control.freePages >= control.wantedPages) {
                    break;
                }
                if (scannedHere >= limit) {
                    limit = Math.max(1, limit >> 1);
                }
            }
            order = nextSearchOrder(control, order);
        }
        if (found == NOT_FOUND) {
            control.fastSearchFail++;
            if (isStart) {
                if (highest >= min && highest > 0) {
                    found = highest;
                    control.freePfn = highest;
                } else if (control.isDirect && memMap.isValid(min)) {
                    if (memMap.isTouched(min)
                            && migrateScanner.isPageblock(control, min, Math.min(blockEnd(min), zone.endPfn()))
                            && isSuitableTarget(control, min)) {
                        found = min;
                    }
                    control.freePfn = min;
                }
            }
        }
        if (highest > 0 && highest >= zone.compaction.cachedFreePfn) {
            zone.compaction.cachedFreePfn = highest - BLOCK_PAGES;
        }
        control.freeScanned += scanned;
        if (found != NOT_FOUND) {
            isolateAround(control, found);
        }
    }

    /** {@code next_search_order()}: the orders below the wanted one in a ring. */
    private static int nextSearchOrder(CompactControl control, int order) {
        int next = order - 1;
        if (next < 0) {
            next = control.order - 1;
        }
        if (next == control.searchOrder) {
            control.searchOrder--;
            if (control.searchOrder < 0) {
                control.searchOrder = control.order - 1;
            }
            return -1;
        }
        return next;
    }

    /** {@code fast_isolate_around()}. */
    private void isolateAround(CompactControl control, long pfn) {
        if (control.freePages >= control.wantedPages || (control.isDirect && control.mode == MigrateMode.ASYNC)) {
            return;
        }
        long start = Math.max(blockStart(pfn), control.zone.startPfn());
        long end = Math.min(blockEnd(pfn), control.zone.endPfn());
        if (!memMap.isTouched(start) || !migrateScanner.isPageblock(control, start, end)) {
            return;
        }
        long reached = isolateBlock(control, start, end, 1);
        if (reached == end && !control.setsNoSkipHint) {
            hints.setSkipped(start, true);
        }
    }
}
