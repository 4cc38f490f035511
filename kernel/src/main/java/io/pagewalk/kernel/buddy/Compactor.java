package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.Zonelist;

/** What the slow path calls when free memory lies in too small pieces: {@code mm/compaction.c}. */
public interface Compactor {
    /** Moves nothing. */
    Compactor NONE = new Compactor() {
        @Override
        public CompactResult tryToCompact(
                int gfp, int order, int allocFlags, Zonelist zonelist, int highestZone, CompactPriority priority) {
            return CompactResult.SKIPPED;
        }

        @Override
        public long takeCaptured() {
            return PageAllocator.NO_PAGE;
        }

        @Override
        public boolean isAnySuitable(Zonelist zonelist, int order, int highestZone) {
            return false;
        }

        @Override
        public void succeeded(Zone zone, int order) {}
    };

    /**
     * Compacts zones in the caller's context until a block may be had: {@code try_to_compact_pages()}.
     *
     * @param gfp flags of the request
     * @param order its order, at least 1
     * @param allocFlags bits of {@link AllocFlags}
     * @param zonelist zones to try
     * @param highestZone highest zone index that the request may use
     * @param priority how hard to try
     * @return the best result of all zones
     */
    CompactResult tryToCompact(
            int gfp, int order, int allocFlags, Zonelist zonelist, int highestZone, CompactPriority priority);

    /** Returns the block that the last compaction caught for the request before anybody else could, or {@link PageAllocator#NO_PAGE}; it is on no list. */
    long takeCaptured();

    /**
     * Returns whether reclaim of a little more could make compaction possible in a zone: {@code compaction_zonelist_suitable()}.
     *
     * @param zonelist zones to look at
     * @param order order of the request, at least 1
     * @param highestZone highest zone index that the request may use
     */
    boolean isAnySuitable(Zonelist zonelist, int order, int highestZone);

    /**
     * Tells that a request was served from a zone after compaction: {@code compaction_defer_reset(zone, order, true)}.
     *
     * @param zone where the block came from
     * @param order its order
     */
    void succeeded(Zone zone, int order);
}
