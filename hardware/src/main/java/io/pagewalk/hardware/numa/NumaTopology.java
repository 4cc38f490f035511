package io.pagewalk.hardware.numa;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Nodes, their distances and their CPUs.
 *
 * <p>Distances are those of an ACPI SLIT: 10 is local, 20 takes twice as long. A table must be valid as {@code drivers/acpi/numa/srat.c:slit_valid()} asks: 10
 * on the diagonal and more than 10 elsewhere.
 */
public final class NumaTopology {
    /** The distance of a node to itself: Linux's {@code LOCAL_DISTANCE}. */
    public static final int LOCAL_DISTANCE = 10;

    private static final int MAX_DISTANCE = 254;

    private final int nodes;
    private final int[][] distances;
    private final int[] nodeOfCpu;

    /**
     * Creates a topology.
     *
     * @param distances one row per node
     * @param nodeOfCpu one element per CPU
     */
    public NumaTopology(int[][] distances, int[] nodeOfCpu) {
        this.nodes = distances.length;
        if (nodes < 1) {
            throw new IllegalArgumentException("a machine without a node");
        }
        this.distances = new int[nodes][];
        for (int from = 0; from < nodes; from++) {
            if (distances[from].length != nodes) {
                throw new IllegalArgumentException(
                        "node " + from + " has " + distances[from].length + " distances for " + nodes + " nodes");
            }
            this.distances[from] = distances[from].clone();
            for (int to = 0; to < nodes; to++) {
                int distance = distances[from][to];
                boolean isValid =
                        from == to ? distance == LOCAL_DISTANCE : distance > LOCAL_DISTANCE && distance <= MAX_DISTANCE;
                if (!isValid) {
                    throw new IllegalArgumentException(
                            "distance " + distance + " from node " + from + " to node " + to);
                }
            }
        }
        this.nodeOfCpu = nodeOfCpu.clone();
        for (int cpu = 0; cpu < nodeOfCpu.length; cpu++) {
            if (nodeOfCpu[cpu] < 0 || nodeOfCpu[cpu] >= nodes) {
                throw new IllegalArgumentException("CPU " + cpu + " is on node " + nodeOfCpu[cpu] + " of " + nodes);
            }
        }
    }

    /**
     * Creates the topology of a machine with one node.
     *
     * @param cpus the number of CPUs
     */
    public static NumaTopology uniform(int cpus) {
        return new NumaTopology(new int[][] {{LOCAL_DISTANCE}}, new int[cpus]);
    }

    /** Returns the number of nodes. */
    public int nodes() {
        return nodes;
    }

    /** Returns the number of CPUs. */
    public int cpus() {
        return nodeOfCpu.length;
    }

    /**
     * Returns a distance: Linux's {@code node_distance()}.
     *
     * @param from a node
     * @param to a node
     */
    public int distance(int from, int to) {
        return distances[from][to];
    }

    /**
     * Returns a CPU's node: Linux's {@code cpu_to_node()}.
     *
     * @param cpu a CPU
     */
    public int nodeOfCpu(int cpu) {
        return nodeOfCpu[cpu];
    }

    /**
     * Returns the CPUs of a node in ascending order; none for a node that is memory only.
     *
     * @param node a node
     */
    public List<Integer> cpusOf(int node) {
        return IntStream.range(0, nodeOfCpu.length)
                .filter(cpu -> nodeOfCpu[cpu] == node)
                .boxed()
                .toList();
    }

    /**
     * Returns how long a memory access takes from one node to another, in proportion to the distance.
     *
     * @param from the CPU's node
     * @param to the memory's node
     * @param localNanos what a local access takes
     */
    public long latencyNanos(int from, int to, long localNanos) {
        return localNanos * distances[from][to] / LOCAL_DISTANCE;
    }
}
