package io.pagewalk.kernel.huge;

import io.pagewalk.kernel.rmap.Folios;
import java.util.Locale;

/** What is counted of large folios by their size: the files of {@code /sys/kernel/mm/transparent_hugepage/hugepages-SIZEkB/stats}. */
public final class HugePageStats {
    /** One of the files: {@code enum mthp_stat_item}. */
    public enum Item {
        /** Folios that a fault in anonymous memory got. */
        ANON_FAULT_ALLOC,
        /** Faults that wanted this size and took a smaller one. */
        ANON_FAULT_FALLBACK,
        /** Folios that were split. */
        SPLIT,
        /** Folios that could not be split. */
        SPLIT_FAILED,
        /** Folios that were queued to be split. */
        SPLIT_DEFERRED,
        /** Anonymous folios that exist. */
        NR_ANON,
        /** Anonymous folios that are mapped in part only. */
        NR_ANON_PARTIALLY_MAPPED;

        /** Returns the name of the file. */
        public String fileName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final long[][] counts = new long[Folios.HUGE_ORDER + 1][Item.values().length];

    /** Creates counters of nothing. */
    public HugePageStats() {}

    /**
     * Counts.
     *
     * @param order of the folio
     * @param item which file
     * @param change how many more, negative for fewer
     */
    public void count(int order, Item item, int change) {
        counts[order][item.ordinal()] += change;
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
