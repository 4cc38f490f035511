package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.Locale;

/** What is counted of large folios by their size: the files of {@code /sys/kernel/mm/transparent_hugepage/hugepages-SIZEkB/stats}. */
public final class HugePageStats {
    /** One of the files: {@code enum mthp_stat_item}. Those of swap stay 0 until there is swap, those of charges because nothing is charged. */
    public enum Item {
        /** Folios that a fault in anonymous memory got. */
        ANON_FAULT_ALLOC,
        /** Faults that wanted this size and took a smaller one. */
        ANON_FAULT_FALLBACK,
        /** Those that did because a control group was full. */
        ANON_FAULT_FALLBACK_CHARGE,
        /** Folios written to compressed swap. */
        ZSWPOUT,
        /** Folios read from swap in one piece. */
        SWPIN,
        /** Folios read from swap in smaller pieces. */
        SWPIN_FALLBACK,
        /** Those for which a control group was full. */
        SWPIN_FALLBACK_CHARGE,
        /** Folios written to swap in one piece. */
        SWPOUT,
        /** Folios split because swap had no room for them in one piece. */
        SWPOUT_FALLBACK,
        /** Folios that a file in memory got. */
        SHMEM_ALLOC,
        /** Folios of this size that a file in memory wanted and did not get. */
        SHMEM_FALLBACK,
        /** Those for which a control group was full. */
        SHMEM_FALLBACK_CHARGE,
        /** Folios that were split. */
        SPLIT,
        /** Folios that could not be split. */
        SPLIT_FAILED,
        /** Folios that were queued to be split because they are mapped in part only. */
        SPLIT_DEFERRED,
        /** Anonymous folios that exist. */
        NR_ANON,
        /** Anonymous folios that are mapped in part only and queued. */
        NR_ANON_PARTIALLY_MAPPED;

        /** Returns the name of the file. */
        public String fileName() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Returns whether only sizes of anonymous memory have the file. */
        public boolean isOfAnonymousMemory() {
            return switch (this) {
                case ANON_FAULT_ALLOC,
                        ANON_FAULT_FALLBACK,
                        ANON_FAULT_FALLBACK_CHARGE,
                        SPLIT_DEFERRED,
                        NR_ANON,
                        NR_ANON_PARTIALLY_MAPPED -> true;
                case ZSWPOUT,
                        SWPIN,
                        SWPIN_FALLBACK,
                        SWPIN_FALLBACK_CHARGE,
                        SWPOUT,
                        SWPOUT_FALLBACK,
                        SHMEM_ALLOC,
                        SHMEM_FALLBACK,
                        SHMEM_FALLBACK_CHARGE,
                        SPLIT,
                        SPLIT_FAILED -> false;
            };
        }
    }

    private final VmCounters counters;
    private final long[][] counts = new long[Folios.HUGE_ORDER + 1][Item.values().length];

    /**
     * Creates counters of nothing.
     *
     * @param counters the machine's, in which splits are counted too
     */
    HugePageStats(VmCounters counters) {
        this.counters = counters;
    }

    /**
     * Counts; folios of one page and those larger than {@link Folios#HUGE_ORDER} are not counted: {@code mod_mthp_stat()}.
     *
     * @param order of the folio
     * @param item which file
     * @param change how many more, negative for fewer
     */
    public void count(int order, Item item, int change) {
        if (order > 0 && order <= Folios.HUGE_ORDER) {
            counts[order][item.ordinal()] += change;
        }
    }

    /**
     * Counts a split, here and in vmstat: the end of {@code mm/huge_memory.c:__folio_split()}.
     *
     * @param order of the folio before
     * @param isDone whether it succeeded
     */
    public void countSplit(int order, boolean isDone) {
        if (order == Folios.HUGE_ORDER) {
            counters.count(isDone ? VmEvent.THP_SPLIT_PAGE : VmEvent.THP_SPLIT_PAGE_FAILED);
        }
        count(order, isDone ? Item.SPLIT : Item.SPLIT_FAILED, 1);
    }

    /**
     * Returns a count.
     *
     * @param order of the folios
     * @param item which file
     */
    public long get(int order, Item item) {
        return counts[order][item.ordinal()];
    }
}
