package io.pagewalk.kernel.zone;

import java.util.List;

/** A memory node: Linux's {@code pg_data_t}. */
public final class NodeData {
    private final int id;
    private final List<Zone> zones;
    private final Zonelist fallback;
    private final Zonelist thisNode;

    /**
     * Creates a node.
     *
     * @param id node number
     * @param zones its zones, one for each position of the layout
     * @param fallback all zones of the machine in this node's order
     * @param thisNode this node's zones only
     */
    public NodeData(int id, List<Zone> zones, Zonelist fallback, Zonelist thisNode) {
        this.id = id;
        this.zones = List.copyOf(zones);
        this.fallback = fallback;
        this.thisNode = thisNode;
    }

    /** Returns the node's number. */
    public int id() {
        return id;
    }

    /** Returns the zones in the order of the layout, empty ones included. */
    public List<Zone> zones() {
        return zones;
    }

    /** Returns the zones that a request to this node tries, in order: {@code ZONELIST_FALLBACK}. */
    public Zonelist fallback() {
        return fallback;
    }

    /** Returns the zones of requests with {@code __GFP_THISNODE}: {@code ZONELIST_NOFALLBACK}. */
    public Zonelist thisNode() {
        return thisNode;
    }

    /** Returns the RAM frames of all zones: {@code node_present_pages}. */
    public long presentPages() {
        return zones.stream().mapToLong(Zone::presentPages).sum();
    }

    /** Returns the frames from the node's first to its last: {@code node_spanned_pages}. */
    public long spannedPages() {
        return endPfn() - startPfn();
    }

    /** Returns the pages that the allocator has of this node. */
    public long managedPages() {
        return zones.stream().mapToLong(Zone::managedPages).sum();
    }

    /** Returns the node's first frame. */
    public long startPfn() {
        return zones.stream()
                .filter(Zone::isPopulated)
                .mapToLong(Zone::startPfn)
                .min()
                .orElse(0);
    }

    /** Returns the first frame above the node. */
    public long endPfn() {
        return zones.stream()
                .filter(Zone::isPopulated)
                .mapToLong(Zone::endPfn)
                .max()
                .orElse(0);
    }
}
