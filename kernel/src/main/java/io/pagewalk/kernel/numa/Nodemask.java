package io.pagewalk.kernel.numa;

import java.util.BitSet;
import java.util.function.IntPredicate;

/** An immutable set of node numbers: {@code nodemask_t}, with the operations of {@code include/linux/nodemask.h} that policies need. */
public final class Nodemask {
    /** How many nodes a mask has room for: {@code MAX_NUMNODES} with {@code CONFIG_NODES_SHIFT=10}, as distributions set it on x86-64. */
    public static final int MAX_NUMNODES = 1024;

    /** No node. */
    public static final Nodemask NONE = new Nodemask(new BitSet());

    private final BitSet bits;

    private Nodemask(BitSet bits) {
        this.bits = bits;
    }

    /**
     * Returns a mask with some nodes.
     *
     * @param nodes numbers, 0 to {@link #MAX_NUMNODES} - 1
     */
    public static Nodemask of(int... nodes) {
        BitSet bits = new BitSet();
        for (int node : nodes) {
            bits.set(node);
        }
        return new Nodemask(bits);
    }

    /**
     * Returns a mask with the bits of some words.
     *
     * @param words node 0 is bit 0 of the first
     */
    public static Nodemask ofWords(long[] words) {
        return new Nodemask(BitSet.valueOf(words));
    }

    /**
     * Returns the first nodes.
     *
     * @param count how many
     */
    public static Nodemask firstNodes(int count) {
        BitSet bits = new BitSet();
        bits.set(0, count);
        return new Nodemask(bits);
    }

    /**
     * Returns whether a node is in it.
     *
     * @param node a number
     */
    public boolean has(int node) {
        return node >= 0 && bits.get(node);
    }

    /** Returns whether no node is in it. */
    public boolean isEmpty() {
        return bits.isEmpty();
    }

    /** Returns how many nodes are in it: {@code nodes_weight()}. */
    public int weight() {
        return bits.cardinality();
    }

    /** Returns the lowest node, {@link #MAX_NUMNODES} when there is none: {@code first_node()}. */
    public int first() {
        return orMax(bits.nextSetBit(0));
    }

    /**
     * Returns the lowest node above another, {@link #MAX_NUMNODES} when there is none: {@code next_node()}.
     *
     * @param node a number
     */
    public int next(int node) {
        return orMax(bits.nextSetBit(node + 1));
    }

    /**
     * Returns the next node in a circle, {@link #MAX_NUMNODES} when the mask is empty: {@code next_node_in()}.
     *
     * @param node a number
     */
    public int nextIn(int node) {
        int next = next(node);
        return next == MAX_NUMNODES ? first() : next;
    }

    /**
     * Returns the mask with one node more.
     *
     * @param node a number
     */
    public Nodemask with(int node) {
        BitSet more = (BitSet) bits.clone();
        more.set(node);
        return new Nodemask(more);
    }

    /**
     * Returns the mask with one node less.
     *
     * @param node a number
     */
    public Nodemask without(int node) {
        BitSet fewer = (BitSet) bits.clone();
        fewer.clear(node);
        return new Nodemask(fewer);
    }

    /**
     * Returns the nodes in both masks.
     *
     * @param other another mask
     */
    public Nodemask and(Nodemask other) {
        BitSet both = (BitSet) bits.clone();
        both.and(other.bits);
        return new Nodemask(both);
    }

    /**
     * Returns whether a node is in both masks.
     *
     * @param other another mask
     */
    public boolean intersects(Nodemask other) {
        return bits.intersects(other.bits);
    }

    /**
     * Returns whether a condition holds for any of its nodes.
     *
     * @param condition asked for each
     */
    public boolean anyMatch(IntPredicate condition) {
        return bits.stream().anyMatch(condition);
    }

    /**
     * Returns whether every node is in another mask too.
     *
     * @param other another mask
     */
    public boolean isSubsetOf(Nodemask other) {
        BitSet rest = (BitSet) bits.clone();
        rest.andNot(other.bits);
        return rest.isEmpty();
    }

    /**
     * Takes every number modulo the weight of a base and reads it as a position in the base: {@code mpol_relative_nodemask()}.
     *
     * @param base the nodes that positions count in, not empty
     */
    public Nodemask relativeTo(Nodemask base) {
        BitSet result = new BitSet();
        int weight = base.weight();
        bits.stream().forEach(bit -> result.set(base.nth(bit % weight)));
        return new Nodemask(result);
    }

    /**
     * Returns the node of another mask at the place that a node has in this one: {@code node_remap()}.
     *
     * @param node a number
     * @param to the other mask
     * @return a node of it; {@code node} itself when it is not in this mask or the other is empty
     */
    public int remap(int node, Nodemask to) {
        if (!has(node) || to.isEmpty()) {
            return node;
        }
        return to.nth(bits.get(0, node).cardinality() % to.weight());
    }

    private int nth(int position) {
        int node = bits.nextSetBit(0);
        for (int i = 0; i < position; i++) {
            node = bits.nextSetBit(node + 1);
        }
        return node;
    }

    /**
     * Returns 64 nodes as a word.
     *
     * @param index 0 for nodes 0 to 63
     */
    public long word(int index) {
        long[] words = bits.toLongArray();
        return index < words.length ? words[index] : 0;
    }

    private static int orMax(int bit) {
        return bit < 0 ? MAX_NUMNODES : bit;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Nodemask mask && bits.equals(mask.bits);
    }

    @Override
    public int hashCode() {
        return bits.hashCode();
    }

    /** Returns ranges as {@code %*pbl} prints them, such as {@code 0-2,5}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int start = bits.nextSetBit(0); start >= 0; start = bits.nextSetBit(start)) {
            int end = bits.nextClearBit(start);
            text.append(text.isEmpty() ? "" : ",").append(start);
            if (end - start > 1) {
                text.append('-').append(end - 1);
            }
            start = end;
        }
        return text.toString();
    }
}
