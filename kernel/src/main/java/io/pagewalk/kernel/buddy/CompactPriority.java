package io.pagewalk.kernel.buddy;

/** How hard direct compaction tries, hardest first: {@code enum compact_priority}. */
public enum CompactPriority {
    /** The whole zone, no hints: {@code COMPACT_PRIO_SYNC_FULL}. */
    SYNC_FULL,
    /** Waits a little: {@code COMPACT_PRIO_SYNC_LIGHT}. */
    SYNC_LIGHT,
    /** Waits for nothing: {@code COMPACT_PRIO_ASYNC}. */
    ASYNC;

    /** Returns the next harder priority; none is harder than {@link #SYNC_FULL}. */
    public CompactPriority harder() {
        return this == ASYNC ? SYNC_LIGHT : SYNC_FULL;
    }
}
