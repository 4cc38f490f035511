package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.CompactionState;
import io.pagewalk.kernel.zone.Zone;

/**
 * Which pageblocks were scanned in vain, and where scanners start again: {@code mm/compaction.c:isolation_suitable(), update_cached_migrate(),
 * __reset_isolation_suitable()}.
 *
 * <p>A pageblock in a section of the memmap that nobody touched has no mark; it is wholly free or wholly reserved, which is seen at once.
 */
final class SkipHints {
    static final int BLOCK_ORDER = MemMap.PAGEBLOCK_ORDER;
    static final long BLOCK_PAGES = 1L << BLOCK_ORDER;
    private static final int SAMPLE_STRIDE = 1 << 3;

    private final MemMap memMap;

    SkipHints(MemMap memMap) {
        this.memMap = memMap;
    }

    static long blockStart(long pfn) {
        return pfn & -BLOCK_PAGES;
    }

    static long blockEnd(long pfn) {
        return (pfn | (BLOCK_PAGES - 1)) + 1;
    }

    boolean isSkipped(long pfn) {
        return memMap.isTouched(pfn) && memMap.section(pfn).compactSkip[blockOf(pfn)];
    }

    void setSkipped(long pfn, boolean isSkipped) {
        if (memMap.isTouched(pfn)) {
            memMap.section(pfn).compactSkip[blockOf(pfn)] = isSkipped;
        }
    }

    /** {@code isolation_suitable()}. */
    boolean isSuitable(CompactControl control, long pfn) {
        return control.ignoresSkipHint || !isSkipped(pfn);
    }

    /** {@code test_and_set_skip()}: returns whether it was set already. */
    boolean testAndSet(CompactControl control, long pfn) {
        if (control.ignoresSkipHint) {
            return false;
        }
        boolean was = isSkipped(pfn);
        if (!was && !control.setsNoSkipHint) {
            setSkipped(pfn, true);
        }
        return was;
    }

    /** {@code update_cached_migrate()}. */
    static void updateCachedMigrate(CompactControl control, long scannedTo) {
        if (control.setsNoSkipHint) {
            return;
        }
        long pfn = blockEnd(scannedTo);
        long[] cached = control.zone.compaction.cachedMigratePfn;
        cached[0] = Math.max(cached[0], pfn);
        if (control.mode != MigrateMode.ASYNC) {
            cached[1] = Math.max(cached[1], pfn);
        }
    }

    /** {@code update_pageblock_skip()}: the free scanner found nothing more in a pageblock. */
    void updateFree(CompactControl control, long block, long restartPfn) {
        if (control.setsNoSkipHint) {
            return;
        }
        setSkipped(block, true);
        CompactionState state = control.zone.compaction;
        state.cachedFreePfn = Math.min(state.cachedFreePfn, restartPfn);
    }

    /** {@code reset_cached_positions()}. */
    static void resetCachedPositions(Zone zone) {
        CompactionState state = zone.compaction;
        state.cachedMigratePfn[0] = zone.startPfn();
        state.cachedMigratePfn[1] = zone.startPfn();
        state.cachedFreePfn = blockStart(zone.endPfn() - 1);
    }

    /** {@code __reset_isolation_suitable()}: after a full run, clears the marks of pageblocks that a sample finds worth it. */
    void reset(Zone zone) {
        CompactionState state = zone.compaction;
        if (!state.blockskipFlush) {
            return;
        }
        state.blockskipFlush = false;
        long migratePfn = zone.startPfn();
        long freePfn = zone.endPfn() - 1;
        long resetMigrate = freePfn;
        long resetFree = migratePfn;
        boolean hasSource = false;
        boolean hasTarget = false;
        for (; migratePfn < freePfn; migratePfn += BLOCK_PAGES, freePfn -= BLOCK_PAGES) {
            if (resetBlock(zone, migratePfn, true, hasSource) && migratePfn < resetMigrate) {
                hasSource = true;
                resetMigrate = migratePfn;
                state.initMigratePfn = resetMigrate;
                state.cachedMigratePfn[0] = resetMigrate;
                state.cachedMigratePfn[1] = resetMigrate;
            }
            if (resetBlock(zone, freePfn, hasTarget, true) && freePfn > resetFree) {
                hasTarget = true;
                resetFree = freePfn;
                state.initFreePfn = resetFree;
                state.cachedFreePfn = resetFree;
            }
        }
        if (resetMigrate >= resetFree) {
            state.cachedMigratePfn[0] = migratePfn;
            state.cachedMigratePfn[1] = migratePfn;
            state.cachedFreePfn = freePfn;
        }
    }

    /** {@code __reset_isolation_pfn()}. */
    private boolean resetBlock(Zone zone, long at, boolean checkSource, boolean checkTarget) {
        if (!memMap.isTouched(at) || memMap.zoneSlot(at) != zone.slot() || isHugePage(at)) {
            return false;
        }
        if (checkSource && checkTarget && !isSkipped(at)) {
            return true;
        }
        if (!checkSource && checkTarget && memMap.pageblockType(at) != MigrateType.MOVABLE) {
            return false;
        }
        long first = Math.max(blockStart(at), zone.startPfn());
        long last = Math.min(blockEnd(at), zone.endPfn()) - 1;
        for (long pfn = first; pfn <= last; pfn += SAMPLE_STRIDE) {
            int flags = memMap.flags(pfn);
            if ((checkSource && (flags & PageFlags.LRU) != 0) || (checkTarget && (flags & PageFlags.BUDDY) != 0)) {
                setSkipped(at, false);
                return true;
            }
        }
        return false;
    }

    /** {@code pageblock_skip_persistent()}. */
    boolean isHugePage(long pfn) {
        return memMap.isTouched(pfn)
                && memMap.hasFlags(memMap.compoundHead(pfn), PageFlags.HEAD)
                && memMap.order(memMap.compoundHead(pfn)) >= BLOCK_ORDER;
    }

    private static int blockOf(long pfn) {
        return ((int) pfn & MemMap.SECTION_MASK) >> BLOCK_ORDER;
    }
}
