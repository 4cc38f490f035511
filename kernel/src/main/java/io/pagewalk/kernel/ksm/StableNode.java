package io.pagewalk.kernel.ksm;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A merged page, or a chain of pages with the same contents: {@code struct ksm_stable_node}.
 *
 * <pre>
 *   tree ── node ── item, item ...            at most max_page_sharing items
 *        └─ chain ── dup ── item, item ...    when one frame is not enough
 *                 └─ dup ── item ...
 * </pre>
 */
final class StableNode {
    /** The number that its page carries; unique in one machine, at least 1. */
    final int id;

    final boolean isChain;
    RbTree.Node<StableNode> node = new RbTree.Node<>(this);

    /** The items that share the page, last one first. */
    final List<RmapItem> items = new ArrayList<>(2);

    /** Nodes of a chain, first one first. */
    final List<StableNode> dups = new ArrayList<>(0);

    /** The chain that it is part of. */
    @Nullable
    StableNode chain;

    /** Whether its page went to another node's memory, and it waits to go to the tree of that node. */
    boolean isMigrating;

    long pfn;
    long chainPruneNanos;
    int nid;

    StableNode(int id, boolean isChain) {
        this.id = id;
        this.isChain = isChain;
    }
}
