package io.pagewalk.kernel.buddy;

/** What an attempt to compact came to, worst first: {@code enum compact_result}. */
public enum CompactResult {
    /** Lack of memory and not fragmentation is the reason of the failure: {@code COMPACT_NOT_SUITABLE_ZONE}. */
    NOT_SUITABLE_ZONE,
    /** Too few free pages to move others to. */
    SKIPPED,
    /** Recent failures were remembered. */
    DEFERRED,
    /** No block yet; only inside the compactor. */
    NO_SUITABLE_PAGE,
    /** Compaction goes on; only inside the compactor. */
    CONTINUE,
    /** The whole zone was scanned without success. */
    COMPLETE,
    /** A part of the zone was scanned without success. */
    PARTIAL_SKIPPED,
    /** Given up early. */
    CONTENDED,
    /** A block of the order is free now. */
    SUCCESS;

    /**
     * Returns the better of two results.
     *
     * @param other another result
     */
    public CompactResult max(CompactResult other) {
        return compareTo(other) >= 0 ? this : other;
    }
}
