package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.zone.Zone;

/** Told when a zone sinks below its low watermark: {@code mm/vmscan.c:wakeup_kswapd()}. */
@FunctionalInterface
public interface KswapdWaker {
    /** Nobody listens. */
    KswapdWaker NONE = (zone, gfp, order, highestZone) -> {};

    /**
     * Wakes the background reclaimer of the zone's node.
     *
     * @param zone the zone that is short
     * @param gfp flags of the request, 0 for a raised watermark
     * @param order order of the request
     * @param highestZone highest zone index that the request could use
     */
    void wakeup(Zone zone, int gfp, int order, int highestZone);
}
