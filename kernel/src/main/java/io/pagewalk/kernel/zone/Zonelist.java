package io.pagewalk.kernel.zone;

import java.util.List;

/** Zones in the order in which a request tries them: {@code struct zonelist}. Only zones with RAM are in it. */
public final class Zonelist {
    private final Zone[] zones;

    /**
     * Creates a list.
     *
     * @param zones in the order of trying
     */
    public Zonelist(List<Zone> zones) {
        this.zones = zones.toArray(Zone[]::new);
    }

    /** Returns the number of zones. */
    public int size() {
        return zones.length;
    }

    /**
     * Returns a zone.
     *
     * @param position from 0, the best
     */
    public Zone get(int position) {
        return zones[position];
    }
}
