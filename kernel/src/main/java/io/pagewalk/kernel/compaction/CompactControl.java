package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover.MigrateMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayDeque;

/** The state of one run over one zone: {@code struct compact_control}. */
final class CompactControl {
    /** Pages that are migrated at once: {@code COMPACT_CLUSTER_MAX}. */
    static final int CLUSTER_MAX = 32;

    /** Order of a run that compacts the whole zone for nobody. */
    static final int WHOLE = -1;

    final Zone zone;
    final int order;
    final int gfp;
    final int migrateType;
    final MigrateMode mode;
    int allocFlags;
    int highestZone;
    /** Runs in the context of a request. */
    boolean isDirect;

    boolean isProactive;
    /** Scan from border to border instead of from where the last run ended. */
    boolean wholeZone;

    boolean ignoresSkipHint;
    boolean setsNoSkipHint;
    boolean ignoresBlockSuitable;
    boolean allocatesContiguous;
    /** The rest of the current pageblock is scanned although enough pages were isolated. */
    boolean finishesPageblock;

    int searchOrder;
    int fastSearchFail;
    long fastStartPfn;
    long migratePfn;
    long freePfn;
    long migrateScanned;
    long freeScanned;
    long freePages;
    final PageList migratePages = new PageList();
    /** Isolated free blocks by order. Invariant: {@code freePages == sum of sizes}, while no migration runs. */
    final ArrayDeque<Long>[] freeBlocks;

    /** Pages to migrate for which no frame was taken yet: {@code cc->nr_migratepages}. */
    long wantedPages;

    @SuppressWarnings("unchecked") // an array of generic lists cannot be made otherwise
    CompactControl(Zone zone, int order, int gfp, MigrateMode mode) {
        this.zone = zone;
        this.order = order;
        this.searchOrder = order;
        this.gfp = gfp;
        this.migrateType = Gfp.migrateType(gfp);
        this.mode = mode;
        this.freeBlocks = (ArrayDeque<Long>[]) new ArrayDeque<?>[MemMap.MAX_PAGE_ORDER + 1];
        for (int o = 0; o <= MemMap.MAX_PAGE_ORDER; o++) {
            freeBlocks[o] = new ArrayDeque<>();
        }
    }

    /** {@code is_via_compact_memory()}. */
    boolean isWhole() {
        return order == WHOLE;
    }

    /** {@code compact_scanners_met()}. */
    boolean scannersMet() {
        return freePfn >> MemMap.PAGEBLOCK_ORDER <= migratePfn >> MemMap.PAGEBLOCK_ORDER;
    }

    /** {@code freelist_scan_limit()}. */
    int freelistScanLimit() {
        return (CLUSTER_MAX >> Math.min(63, fastSearchFail)) + 1;
    }
}
