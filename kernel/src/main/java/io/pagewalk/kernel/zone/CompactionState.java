package io.pagewalk.kernel.zone;

/** What compaction remembers of one zone between runs: the {@code compact_*} fields of {@code struct zone}. Data only; {@code compaction} works on it. */
public final class CompactionState {
    /** Attempts since the last failure: {@code compact_considered}. */
    public int considered;

    /** The next {@code 1 << deferShift} attempts are skipped: {@code compact_defer_shift}. */
    public int deferShift;

    /** Lowest order that failed: {@code compact_order_failed}. */
    public int orderFailed;

    /** Where the free scanner starts: {@code compact_cached_free_pfn}. */
    public long cachedFreePfn;

    /** Where the migrate scanner of asynchronous and of synchronous runs starts: {@code compact_cached_migrate_pfn[]}. */
    public final long[] cachedMigratePfn = new long[2];

    /** First pageblock that was worth scanning at the last reset: {@code compact_init_migrate_pfn}. */
    public long initMigratePfn;

    /** Last pageblock that was worth scanning at the last reset: {@code compact_init_free_pfn}. */
    public long initFreePfn;

    /** Whether a full run ended and the skip marks of pageblocks should be cleared: {@code compact_blockskip_flush}. */
    public boolean blockskipFlush;

    /** Creates the state of a fresh zone. */
    public CompactionState() {}
}
