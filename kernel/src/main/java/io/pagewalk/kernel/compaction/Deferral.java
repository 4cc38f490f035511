package io.pagewalk.kernel.compaction;

import io.pagewalk.kernel.zone.CompactionState;
import io.pagewalk.kernel.zone.Zone;

/** Failed compaction is not tried again at once: {@code mm/compaction.c:defer_compaction()} and its relatives. */
final class Deferral {
    /** At most {@code 1 << 6} attempts are skipped: {@code COMPACT_MAX_DEFER_SHIFT}. */
    static final int MAX_SHIFT = 6;

    private Deferral() {}

    /** {@code defer_compaction()}. */
    static void failed(Zone zone, int order) {
        CompactionState state = zone.compaction;
        state.considered = 0;
        state.deferShift = Math.min(state.deferShift + 1, MAX_SHIFT);
        state.orderFailed = Math.min(state.orderFailed, order);
    }

    /** {@code compaction_deferred()}: counts the attempt and returns whether it is skipped. */
    static boolean isDeferred(Zone zone, int order) {
        CompactionState state = zone.compaction;
        if (order < state.orderFailed) {
            return false;
        }
        int limit = 1 << state.deferShift;
        if (++state.considered >= limit) {
            state.considered = limit;
            return false;
        }
        return true;
    }

    /** {@code compaction_defer_reset()}. */
    static void succeeded(Zone zone, int order, boolean isAllocated) {
        CompactionState state = zone.compaction;
        if (isAllocated) {
            state.considered = 0;
            state.deferShift = 0;
        }
        if (order >= state.orderFailed) {
            state.orderFailed = order + 1;
        }
    }

    /** {@code compaction_restarting()}: a zone that failed often is tried again. */
    static boolean isRestarting(Zone zone, int order) {
        CompactionState state = zone.compaction;
        return order >= state.orderFailed && state.deferShift == MAX_SHIFT && state.considered >= 1 << state.deferShift;
    }
}
