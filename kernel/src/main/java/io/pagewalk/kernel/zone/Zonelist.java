package io.pagewalk.kernel.zone;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Zones in the order in which a request tries them: {@code struct zonelist}. Only zones with RAM are in it. */
public final class Zonelist {
    private final Zone[] zones;
    private final @Nullable Zonelist unrestricted;
    private final String nodes;

    /**
     * Creates a list.
     *
     * @param zones in the order of trying
     */
    public Zonelist(List<Zone> zones) {
        this(zones.toArray(Zone[]::new), null, "(null)");
    }

    private Zonelist(Zone[] zones, @Nullable Zonelist unrestricted, String nodes) {
        this.zones = zones;
        this.unrestricted = unrestricted;
        this.nodes = nodes;
    }

    /**
     * Returns the zones of some nodes in the same order: a zonelist with a {@code nodemask}.
     *
     * @param isWanted whether a node's zones stay
     * @param names the nodes as reports print them
     */
    public Zonelist only(IntPredicate isWanted, String names) {
        Zone[] left =
                Arrays.stream(zones).filter(zone -> isWanted.test(zone.node())).toArray(Zone[]::new);
        return new Zonelist(left, this, names);
    }

    /** Returns whether a memory policy left zones out: {@code ac->nodemask} is set. */
    public boolean isRestricted() {
        return unrestricted != null;
    }

    /** Returns whether zones are missing that the machine has: a policy constrains requests ({@code CONSTRAINT_MEMORY_POLICY}). */
    public boolean isConstrained() {
        return unrestricted != null && zones.length < unrestricted.zones.length;
    }

    /**
     * Returns whether a node's zones are in it.
     *
     * @param node a node
     */
    public boolean hasNode(int node) {
        for (Zone zone : zones) {
            if (zone.node() == node) {
                return true;
            }
        }
        return false;
    }

    /** Returns the list that a policy left zones out of, for requests that need not obey it; else this list. */
    public Zonelist unrestricted() {
        return unrestricted == null ? this : unrestricted;
    }

    /** Returns the nodes that a policy allows as reports print them, {@code (null)} without policy. */
    public String nodes() {
        return nodes;
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
