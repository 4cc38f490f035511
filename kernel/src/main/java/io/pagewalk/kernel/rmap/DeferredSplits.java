package io.pagewalk.kernel.rmap;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Large anonymous folios that may be split when memory is short, in the order they came: {@code struct deferred_split} and the folios on its {@code split_queue}.
 *
 * <pre>
 *   nr_anon_partially_mapped of an order == queued folios of that order that are known to be mapped in part
 * </pre>
 *
 * <p>Differs from Linux: one queue for the machine, not one for each node.
 */
public final class DeferredSplits {
    private final LargeFolios large;
    private final VmCounters counters;
    private final HugePageStats stats;

    /** Whether each is known to be mapped in part only ({@code PG_partially_mapped}). */
    private final Map<Long, Boolean> queue = new LinkedHashMap<>();

    DeferredSplits(LargeFolios large, VmCounters counters, HugePageStats stats) {
        this.large = large;
        this.counters = counters;
        this.stats = stats;
    }

    /**
     * Queues a folio that has just been allocated, because it may turn out to be underused: {@code deferred_split_folio()} of a folio that is mapped as a whole.
     *
     * @param head first frame
     */
    public void add(long head) {
        queue.putIfAbsent(head, false);
    }

    /** Notes that a folio is mapped in part: {@code deferred_split_folio()} with {@code partially_mapped}. Folios of two pages are not queued. */
    void addPartlyMapped(long head) {
        int order = large.order(head);
        if (order <= 1 || isPartlyMapped(head)) {
            return;
        }
        // A folio that waits already keeps its place.
        queue.put(head, true);
        if (order == Folios.HUGE_ORDER) {
            counters.count(VmEvent.THP_DEFERRED_SPLIT_PAGE);
        }
        stats.count(order, HugePageStats.Item.SPLIT_DEFERRED, 1);
        stats.count(order, HugePageStats.Item.NR_ANON_PARTIALLY_MAPPED, 1);
    }

    /**
     * Takes a folio out, which is still a large one; nothing happens when it is not queued: {@code folio_unqueue_deferred_split()}.
     *
     * @param head first frame
     */
    public void remove(long head) {
        if (!queue.isEmpty() && Boolean.TRUE.equals(queue.remove(head))) {
            stats.count(large.order(head), HugePageStats.Item.NR_ANON_PARTIALLY_MAPPED, -1);
        }
    }

    /** Returns whether no folio is queued. */
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    /** A folio moves to other frames; it goes to the end of the queue. */
    void move(long from, long to) {
        Boolean isPartly = queue.remove(from);
        if (isPartly != null) {
            queue.put(to, isPartly);
        }
    }

    /**
     * Returns whether a folio is known to be mapped in part.
     *
     * @param head first frame
     */
    public boolean isPartlyMapped(long head) {
        return Boolean.TRUE.equals(queue.get(head));
    }

    /**
     * Checks the queue against folios and counters.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long[] partly = new long[Folios.HUGE_ORDER + 1];
        queue.forEach((head, isPartlyMapped) -> {
            int order = large.order(head);
            if (order <= 1) {
                out.add("deferred splits", "frame " + head + " is queued and is no large folio");
            }
            partly[order] += isPartlyMapped ? 1 : 0;
        });
        for (int order = 1; order <= Folios.HUGE_ORDER; order++) {
            out.expectEqual(
                    "deferred splits",
                    "nr_anon_partially_mapped of order " + order + " == queued folios mapped in part",
                    stats.get(order, HugePageStats.Item.NR_ANON_PARTIALLY_MAPPED),
                    partly[order]);
        }
    }
}
