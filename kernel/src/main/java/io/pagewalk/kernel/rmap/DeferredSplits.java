package io.pagewalk.kernel.rmap;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Large anonymous folios that may be split when memory is short, in the order they came: {@code struct deferred_split} and the folios on its {@code split_queue}.
 */
public final class DeferredSplits {
    /** Whether each is known to be mapped in part only ({@code PG_partially_mapped}). */
    private final Map<Long, Boolean> queue = new LinkedHashMap<>();

    /**
     * Queues a folio that has just been allocated, because it may turn out to be underused.
     *
     * @param head first frame
     */
    public void add(long head) {
        queue.putIfAbsent(head, false);
    }

    /** Notes that a folio is mapped in part; returns whether that was not known. */
    boolean addPartlyMapped(long head) {
        return !Boolean.TRUE.equals(queue.put(head, true));
    }

    /**
     * Takes a folio out; nothing happens when it is not queued: {@code folio_unqueue_deferred_split()}.
     *
     * @param head first frame
     */
    public void remove(long head) {
        if (!queue.isEmpty()) {
            queue.remove(head);
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

    /** Returns the first frames of all queued folios, the oldest first. */
    public long[] heads() {
        return queue.keySet().stream().mapToLong(Long::longValue).toArray();
    }
}
