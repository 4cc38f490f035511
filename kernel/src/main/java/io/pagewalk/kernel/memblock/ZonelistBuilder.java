package io.pagewalk.kernel.memblock;

import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayList;
import java.util.List;

/** The order in which each node's requests try the zones: {@code mm/page_alloc.c:build_zonelists()}. */
final class ZonelistBuilder {
    private static final int MAX_NUMNODES = 1024;

    private final BootPlan plan;
    private final List<List<Zone>> zonesOfNode;
    /** How often a node was the first of its distance, so that the load is spread. */
    private final int[] load;

    ZonelistBuilder(BootPlan plan, List<List<Zone>> zonesOfNode) {
        this.plan = plan;
        this.zonesOfNode = zonesOfNode;
        this.load = new int[plan.nodes()];
    }

    /** Returns a node's zones with RAM from the highest down: {@code build_zonerefs_node()}. */
    List<Zone> zonesOf(int node) {
        return zonesOfNode.get(node).reversed().stream()
                .filter(Zone::isPopulated)
                .toList();
    }

    /** Returns the fallback list of a node. Nodes must be asked in ascending order, each once. */
    Zonelist fallback(int local) {
        List<Zone> zones = new ArrayList<>();
        boolean[] used = new boolean[plan.nodes()];
        int previous = local;
        for (int node = next(local, used); node >= 0; node = next(local, used)) {
            if (distance(local, node) != distance(local, previous)) {
                load[node]++;
            }
            zones.addAll(zonesOf(node));
            previous = node;
        }
        return new Zonelist(zones);
    }

    /** {@code find_next_best_node()}. */
    private int next(int local, boolean[] used) {
        int best = -1;
        if (!used[local] && !zonesOf(local).isEmpty()) {
            best = local;
        }
        long bestValue = Long.MAX_VALUE;
        for (int node = 0; node < plan.nodes() && best != local; node++) {
            if (used[node] || zonesOf(node).isEmpty()) {
                continue;
            }
            // "Prefer the next node", then one without CPUs.
            long value = (long) distance(local, node)
                    + (node < local ? 1 : 0)
                    + (plan.cpuToNode().contains(node) ? 1 : 0);
            value = value * MAX_NUMNODES + load[node];
            if (value < bestValue) {
                bestValue = value;
                best = node;
            }
        }
        if (best >= 0) {
            used[best] = true;
        }
        return best;
    }

    private int distance(int from, int to) {
        return plan.distances().get(from).get(to);
    }
}
