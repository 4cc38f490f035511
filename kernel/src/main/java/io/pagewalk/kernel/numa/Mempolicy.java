package io.pagewalk.kernel.numa;

import io.pagewalk.base.Digest;
import io.pagewalk.kernel.syscall.Errno;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Where memory shall come from: {@code struct mempolicy}. Immutable; the policy {@code MPOL_DEFAULT} is null wherever policies are kept, as in Linux. */
public final class Mempolicy {
    /** The nodes are those given, whatever nodes are allowed ({@code MPOL_F_STATIC_NODES}). */
    public static final int F_STATIC_NODES = 1 << 15;

    /** The nodes count within those that are allowed ({@code MPOL_F_RELATIVE_NODES}). */
    public static final int F_RELATIVE_NODES = 1 << 14;

    /** Pages may follow their users ({@code MPOL_F_NUMA_BALANCING}). */
    public static final int F_NUMA_BALANCING = 1 << 13;

    /** All flags that a mode may carry ({@code MPOL_MODE_FLAGS}). */
    public static final int MODE_FLAGS = F_STATIC_NODES | F_RELATIVE_NODES | F_NUMA_BALANCING;

    /** No node chosen ({@code NUMA_NO_NODE}). */
    public static final int NO_NODE = -1;

    private final PolicyMode mode;
    private final int flags;
    private final Nodemask nodes;
    private final Nodemask userNodes;
    private final int homeNode;

    private Mempolicy(PolicyMode mode, int flags, Nodemask nodes, Nodemask userNodes, int homeNode) {
        this.mode = mode;
        this.flags = flags;
        this.nodes = nodes;
        this.userNodes = userNodes;
        this.homeNode = homeNode;
    }

    /**
     * Says whether a policy can be: {@code mpol_new()} and {@code mpol_set_nodemask()}.
     *
     * @param mode how nodes are used
     * @param flags {@code F_} bits
     * @param nodes as the caller gave them
     * @param allowed nodes that the task may use, not empty
     * @return 0 or {@code -EINVAL}
     */
    public static long check(PolicyMode mode, int flags, Nodemask nodes, Nodemask allowed) {
        boolean isPlaced = (flags & (F_STATIC_NODES | F_RELATIVE_NODES)) != 0;
        boolean isGood = switch (mode) {
            case DEFAULT -> nodes.isEmpty();
            case LOCAL -> nodes.isEmpty() && !isPlaced;
            case PREFERRED ->
                nodes.isEmpty() ? !isPlaced : !effective(flags, nodes, allowed).isEmpty();
            default -> !nodes.isEmpty() && !effective(flags, nodes, allowed).isEmpty();
        };
        return isGood ? 0 : -Errno.EINVAL;
    }

    /**
     * Makes a policy that {@link #check} allows.
     *
     * @param mode how nodes are used
     * @param flags {@code F_} bits
     * @param nodes as the caller gave them
     * @param allowed nodes that the task may use
     * @return the policy, null for {@link PolicyMode#DEFAULT}
     */
    public static @Nullable Mempolicy of(PolicyMode mode, int flags, Nodemask nodes, Nodemask allowed) {
        if (mode == PolicyMode.DEFAULT) {
            return null;
        }
        if (mode == PolicyMode.LOCAL || (mode == PolicyMode.PREFERRED && nodes.isEmpty())) {
            return new Mempolicy(PolicyMode.LOCAL, flags, Nodemask.NONE, Nodemask.NONE, NO_NODE);
        }
        Nodemask effective = effective(flags, nodes, allowed);
        return new Mempolicy(
                mode,
                flags,
                mode == PolicyMode.PREFERRED ? Nodemask.of(effective.first()) : effective,
                (flags & MODE_FLAGS) != 0 ? nodes : Nodemask.NONE,
                NO_NODE);
    }

    private static Nodemask effective(int flags, Nodemask nodes, Nodemask allowed) {
        return (flags & F_RELATIVE_NODES) != 0 ? nodes.relativeTo(allowed) : nodes.and(allowed);
    }

    /**
     * Returns the same policy with a node to begin at: {@code set_mempolicy_home_node()}.
     *
     * @param node a node
     */
    public Mempolicy withHomeNode(int node) {
        return new Mempolicy(mode, flags, nodes, userNodes, node);
    }

    /** Returns how nodes are used, never {@link PolicyMode#DEFAULT}. */
    public PolicyMode mode() {
        return mode;
    }

    /** Returns the {@code F_} bits. */
    public int flags() {
        return flags;
    }

    /** Returns the nodes in use, of {@link PolicyMode#PREFERRED} one, of {@link PolicyMode#LOCAL} none. */
    public Nodemask nodes() {
        return nodes;
    }

    /** Returns the node to begin at, or {@link #NO_NODE}. */
    public int homeNode() {
        return homeNode;
    }

    /** Returns what {@code get_mempolicy()} tells: with a flag the nodes as they were given, else those in use. */
    public Nodemask reportedNodes() {
        return (flags & MODE_FLAGS) != 0 ? userNodes : nodes;
    }

    /**
     * Returns whether two policies are the same, so that areas with them may be one: {@code mpol_equal()}.
     *
     * @param a a policy or null
     * @param b a policy or null
     */
    public static boolean same(@Nullable Mempolicy a, @Nullable Mempolicy b) {
        return Objects.equals(a, b);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Mempolicy policy
                && mode == policy.mode
                && flags == policy.flags
                && homeNode == policy.homeNode
                && nodes.equals(policy.nodes)
                && userNodes.equals(policy.userNodes);
    }

    @Override
    public int hashCode() {
        return mode.ordinal() * 31 + nodes.hashCode();
    }

    /**
     * Adds it to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        digest.add(mode.ordinal() | flags);
        digest.add(nodes.toString());
        digest.add(userNodes.toString());
        digest.add(homeNode);
    }

    /** Returns it as {@code /proc/PID/numa_maps} prints it, such as {@code bind=static:0-1}: {@code mpol_to_str()}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(mode.label());
        if ((flags & MODE_FLAGS) != 0) {
            text.append('=');
            String placed =
                    (flags & F_STATIC_NODES) != 0 ? "static" : (flags & F_RELATIVE_NODES) != 0 ? "relative" : "";
            text.append(placed);
            if ((flags & F_NUMA_BALANCING) != 0) {
                text.append(placed.isEmpty() ? "" : "|").append("balancing");
            }
        }
        return nodes.isEmpty()
                ? text.toString()
                : text.append(':').append(nodes).toString();
    }

    /**
     * Returns the word for a policy that may be missing.
     *
     * @param policy a policy or null
     */
    public static String text(@Nullable Mempolicy policy) {
        return policy == null ? PolicyMode.DEFAULT.label() : policy.toString();
    }
}
