package io.pagewalk.kernel.numa;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.TaskPages;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.kernel.zone.Zonelist;
import org.jspecify.annotations.Nullable;

/** Serves requests by policy: {@code mm/mempolicy.c:alloc_pages_mpol()}. One for each machine; it knows the running task's policy. */
public final class PolicyAllocator implements TaskPages {
    /** Interleaves by the task's own count and not by a place in an area or file ({@code NO_INTERLEAVE_INDEX}). */
    public static final long NO_INTERLEAVE_INDEX = -1;

    private final PageAllocator allocator;
    private final Nodemask memoryNodes;
    private final Nodemask kernelMemoryNodes;
    private final int policyZone;
    private final int movableZone;
    private final InterleaveWeights weights;
    private TaskPolicy current = new TaskPolicy();
    /** The last filtered zonelist, since requests come in runs. */
    private @Nullable Zonelist cachedList;

    private Nodemask cachedNodes = Nodemask.NONE;
    private int cachedNode;

    /**
     * Creates the policies of one machine.
     *
     * @param allocator where frames come from
     */
    public PolicyAllocator(PageAllocator allocator) {
        this.allocator = allocator;
        ZoneLayout layout = allocator.counters().layout();
        this.movableZone = layout.indexOf(ZoneType.MOVABLE);
        Nodemask memory = Nodemask.NONE;
        Nodemask kernelMemory = Nodemask.NONE;
        int highest = 0;
        for (NodeData node : allocator.nodes()) {
            for (Zone zone : node.zones()) {
                if (zone.presentPages() == 0) {
                    continue;
                }
                memory = memory.with(node.id());
                if (zone.index() != movableZone) {
                    kernelMemory = kernelMemory.with(node.id());
                    highest = Math.max(highest, zone.index());
                }
            }
        }
        this.memoryNodes = memory;
        this.kernelMemoryNodes = kernelMemory;
        this.policyZone = highest;
        this.weights = new InterleaveWeights(allocator.nodes().size());
    }

    /** Returns the nodes with memory, all of which every task may use: {@code node_states[N_MEMORY]}, {@code cpuset_current_mems_allowed}. */
    public Nodemask memoryNodes() {
        return memoryNodes;
    }

    /** Returns how many nodes there can be: {@code nr_node_ids}. */
    public int nodeIds() {
        return allocator.nodes().size();
    }

    /** Returns the weights of interleaving. */
    public InterleaveWeights weights() {
        return weights;
    }

    /**
     * Makes a task's policy the one that requests without node follow.
     *
     * @param task the running task's
     */
    public void run(TaskPolicy task) {
        current = task;
        allocator.setTaskPages(task.policy() == null ? null : this);
    }

    /**
     * Changes a task's policy: {@code do_set_mempolicy()}.
     *
     * @param task the calling task's
     * @param policy the new one, null for the default
     */
    public void setTaskPolicy(TaskPolicy task, @Nullable Mempolicy policy) {
        task.set(policy);
        run(task);
    }

    /** Returns the running task's policy, null for the default. */
    public @Nullable Mempolicy taskPolicy() {
        return current.policy();
    }

    @Override
    public long allocate(int gfp, int order) {
        Mempolicy policy = current.policy();
        return policy == null
                ? allocator.allocPages(gfp, order, allocator.currentNode())
                : allocate(gfp, order, policy, NO_INTERLEAVE_INDEX);
    }

    /**
     * Allocates frames by a policy, or by the running task's when there is none.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10
     * @param own the policy of the place, or null
     * @param index interleaving counts in it
     * @return a frame, or {@link PageAllocator#NO_PAGE}
     */
    public long allocateFor(int gfp, int order, @Nullable Mempolicy own, long index) {
        Mempolicy policy = own != null ? own : current.policy();
        return policy == null ? allocator.allocPages(gfp, order) : allocate(gfp, order, policy, index);
    }

    /**
     * Allocates frames by a policy: {@code alloc_pages_mpol()}.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10
     * @param policy the policy
     * @param index interleaving counts in it, or {@link #NO_INTERLEAVE_INDEX}
     * @return first frame, or {@link PageAllocator#NO_PAGE}
     */
    public long allocate(int gfp, int order, Mempolicy policy, long index) {
        Nodemask nodes = policy.nodes();
        int home = policy.homeNode() == Mempolicy.NO_NODE ? allocator.currentNode() : policy.homeNode();
        return switch (policy.mode()) {
            case DEFAULT, LOCAL -> allocator.allocPages(gfp, order, allocator.currentNode());
            case PREFERRED -> allocator.allocPages(gfp, order, nodes.first());
            case BIND ->
                isPolicied(policy, gfp)
                        ? allocator.allocPages(gfp, order, list(home, nodes))
                        : allocator.allocPages(gfp, order, home);
            case PREFERRED_MANY -> {
                int light = (gfp | Gfp.NOWARN) & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL);
                long pfn = allocator.allocPages(light, order, list(home, nodes));
                yield pfn != PageAllocator.NO_PAGE ? pfn : allocator.allocPages(gfp, order, home);
            }
            case INTERLEAVE -> {
                int node = index == NO_INTERLEAVE_INDEX ? current.interleave(policy) : staticNode(nodes, index);
                long pfn = allocator.allocPages(gfp, order, node);
                if (pfn != PageAllocator.NO_PAGE && allocator.zoneOf(pfn).node() == node) {
                    allocator.counters().add(allocator.zoneOf(pfn), NumaEvent.NUMA_INTERLEAVE, 1);
                }
                yield pfn;
            }
            case WEIGHTED_INTERLEAVE ->
                allocator.allocPages(
                        gfp,
                        order,
                        index == NO_INTERLEAVE_INDEX
                                ? current.interleave(policy, weights)
                                : weightedNode(nodes, index));
        };
    }

    /** {@code apply_policy_zone()}: only the highest zones are policied, or ZONE_MOVABLE alone when the nodes have nothing else. */
    private boolean isPolicied(Mempolicy policy, int gfp) {
        int zone = allocator.counters().layout().gfpZone(gfp & Gfp.ZONE_MASK);
        return zone >= (policy.nodes().intersects(kernelMemoryNodes) ? policyZone : movableZone);
    }

    /** {@code interleave_nid()}. */
    private static int staticNode(Nodemask nodes, long index) {
        int node = nodes.first();
        for (long left = Long.remainderUnsigned(index, nodes.weight()); left > 0; left--) {
            node = nodes.next(node);
        }
        return node;
    }

    /** {@code weighted_interleave_nid()}. */
    private int weightedNode(Nodemask nodes, long index) {
        int total = 0;
        for (int node = nodes.first(); node < Nodemask.MAX_NUMNODES; node = nodes.next(node)) {
            total += weights.weight(node);
        }
        long left = Long.remainderUnsigned(index, total);
        int node = nodes.first();
        while (left >= weights.weight(node)) {
            left -= weights.weight(node);
            node = nodes.next(node);
        }
        return node;
    }

    /** The zones of some nodes in the order of one node: what {@code for_next_zone_zonelist_nodemask()} visits. */
    private Zonelist list(int node, Nodemask nodes) {
        Zonelist known = cachedList;
        if (known != null && cachedNode == node && nodes.equals(cachedNodes)) {
            return known;
        }
        Zonelist list = allocator.nodes().get(node).fallback().only(nodes::has, nodes.toString());
        cachedList = list;
        cachedNode = node;
        cachedNodes = nodes;
        return list;
    }
}
