package io.pagewalk.kernel.ksm;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SimClock;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The merged pages by contents, one tree for each node of memory when pages are not merged across nodes: {@code root_stable_tree} of {@code mm/ksm.c}.
 *
 * <p>A node holds no reference to its page. Whoever comes by looks whether the page still carries the node's number, and drops a node whose page has gone.
 */
final class StableTree {
    /** No page. */
    static final long NONE = -1;

    /** {@code mapping} of a merged page that no node stands for. */
    static final int NO_NODE = Integer.MIN_VALUE;

    private final Folios folios;
    private final MemMap memmap;
    private final PageContents contents;
    private final KsmSettings settings;
    private final KsmCounters counters;
    private final SimClock clock;
    private final List<RbTree<StableNode>> trees = new ArrayList<>();
    /** Looked up only, never walked. */
    private final Map<Integer, StableNode> byId = new HashMap<>();

    private final List<StableNode> migrating = new ArrayList<>();
    private int nextId = 1;

    StableTree(Folios folios, PageContents contents, KsmSettings settings, KsmCounters counters, SimClock clock) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.contents = contents;
        this.settings = settings;
        this.counters = counters;
        this.clock = clock;
        for (int node = 0; node < folios.allocator().nodes().size(); node++) {
            trees.add(new RbTree<>());
        }
    }

    /** Returns the tree that a page belongs to: {@code get_kpfn_nid()}. */
    int treeOf(long pfn) {
        return settings.mergesAcrossNodes ? 0 : folios.zoneOf(pfn).node();
    }

    /** Returns the node of a merged page, null for every other page: {@code folio_stable_node()}. */
    @Nullable
    StableNode nodeOf(long pfn) {
        return memmap.hasFlags(pfn, PageFlags.KSM) ? byId.get(-memmap.mapping(pfn)) : null;
    }

    /** Returns whether one more page may share a node: {@code is_page_sharing_candidate()}. */
    boolean isCandidate(StableNode node) {
        return isCandidate(node, 0);
    }

    private boolean isCandidate(StableNode node, int more) {
        return !node.items.isEmpty() && node.items.size() + more < settings.maxPageSharing;
    }

    /** Returns the page of a node; drops the node and returns {@link #NONE} when the page has gone: {@code ksm_get_folio()}. */
    long pageOf(StableNode node) {
        if (memmap.hasFlags(node.pfn, PageFlags.KSM) && memmap.mapping(node.pfn) == -node.id) {
            return node.pfn;
        }
        remove(node);
        return NONE;
    }

    /** {@code remove_node_from_stable_tree()}. */
    private void remove(StableNode node) {
        while (!node.items.isEmpty()) {
            RmapItem item = node.items.removeFirst();
            forget(item, node);
        }
        unlink(node);
        byId.remove(node.id);
    }

    /** Counts an item out that was taken off a node. */
    private void forget(RmapItem item, StableNode node) {
        if (node.items.isEmpty()) {
            counters.pagesShared--;
        } else {
            counters.pagesSharing--;
        }
        item.mm.ksm().addMergingPages(-1);
        item.anonVma = null;
        item.head = null;
    }

    /** Takes an item off the node that it hangs from: the stable half of {@code remove_rmap_item_from_tree()}. */
    void takeOff(RmapItem item, StableNode node) {
        if (pageOf(node) == NONE) {
            return;
        }
        node.items.remove(item);
        forget(item, node);
    }

    /** {@code stable_tree_append()}. */
    void append(RmapItem item, StableNode node) {
        if (node.items.isEmpty()) {
            counters.pagesShared++;
        } else {
            counters.pagesSharing++;
        }
        node.items.addFirst(item);
        item.head = node;
        item.mm.ksm().addMergingPages(1);
    }

    private void unlink(StableNode node) {
        StableNode chain = node.chain;
        if (node.isMigrating) {
            migrating.remove(node);
            node.isMigrating = false;
        } else if (chain != null) {
            takeOutOfChain(node, chain);
        } else {
            trees.get(node.nid).erase(node.node);
        }
    }

    private void takeOutOfChain(StableNode dup, StableNode chain) {
        chain.dups.remove(dup);
        dup.chain = null;
        counters.stableNodeDups--;
    }

    private void addToChain(StableNode dup, StableNode chain) {
        chain.dups.addFirst(dup);
        dup.chain = chain;
        counters.stableNodeDups++;
    }

    /** {@code alloc_stable_node_chain()}: a chain takes the place of a node, which becomes its first part. */
    private StableNode makeChain(StableNode dup, RbTree<StableNode> tree) {
        StableNode chain = new StableNode(nextId++, true);
        chain.nid = dup.nid;
        chain.chainPruneNanos = clock.nanos();
        counters.stableNodeChains++;
        tree.replace(dup.node, chain.node);
        addToChain(dup, chain);
        return chain;
    }

    private void dropChain(StableNode chain, RbTree<StableNode> tree) {
        tree.erase(chain.node);
        counters.stableNodeChains--;
    }

    /** Marks a node whose page is in another tree's memory: it waits to be put there. */
    void moveLater(StableNode node) {
        unlink(node);
        queue(node);
    }

    private void queue(StableNode node) {
        node.isMigrating = true;
        migrating.addFirst(node);
    }

    /** Drops nodes that wait and whose pages have gone. */
    void pruneMigrating() {
        for (StableNode node : List.copyOf(migrating)) {
            pageOf(node);
        }
    }

    /** One step of a search: the node that was met, and the part of it to compare with; null when its page has gone. */
    private record Met(StableNode node, StableNode dup, long pfn) {}

    /** {@code __stable_node_chain()}. */
    private @Nullable Met meet(StableNode node, RbTree<StableNode> tree, boolean mayPrune) {
        if (!node.isChain) {
            long pfn = pageOf(node);
            return pfn == NONE ? null : new Met(node, node, pfn);
        }
        return meetChain(node, tree, mayPrune);
    }

    /** {@code stable_node_dup()}: picks the part of a chain that has the most sharers and room for one more. */
    private @Nullable Met meetChain(StableNode chain, RbTree<StableNode> tree, boolean mayPrune) {
        boolean prunes = mayPrune && clock.nanos() >= chain.chainPruneNanos + settings.chainsPruneMillisecs * 1_000_000;
        if (prunes) {
            chain.chainPruneNanos = clock.nanos();
        }
        StableNode found = null;
        int foundItems = 0;
        for (StableNode dup : List.copyOf(chain.dups)) {
            if (pageOf(dup) == NONE) {
                continue;
            }
            if (found == null || (isCandidate(dup) && (!isCandidate(found) || dup.items.size() > foundItems))) {
                found = dup;
                foundItems = dup.items.size();
                if (!prunes && isCandidate(found)) {
                    break;
                }
            }
        }
        if (found == null) {
            dropChain(chain, tree);
            return null;
        }
        if (chain.dups.size() == 1) {
            found.node = new RbTree.Node<>(found);
            tree.replace(chain.node, found.node);
            found.chain = null;
            found.nid = chain.nid;
            chain.dups.clear();
            counters.stableNodeChains--;
            counters.stableNodeDups--;
            return new Met(found, found, found.pfn);
        }
        if (chain.dups.getFirst() != found && isCandidate(found, 1)) {
            chain.dups.remove(found);
            chain.dups.addFirst(found);
        }
        return new Met(chain, found, found.pfn);
    }

    /**
     * Finds a merged page with the contents of another page, with room for one more sharer: {@code stable_tree_search()}.
     *
     * @return the frame, the page itself when it is a merged page that a child inherited, or {@link #NONE}
     */
    long search(long pfn) {
        StableNode own = nodeOf(pfn);
        if (own != null && !own.isMigrating) {
            return pfn;
        }
        int nid = treeOf(pfn);
        RbTree<StableNode> tree = trees.get(nid);
        while (true) {
            RbTree.Node<StableNode> at = tree.root();
            RbTree.Node<StableNode> parent = null;
            boolean isLeft = false;
            boolean isStale = false;
            while (at != null) {
                Met met = meet(at.item, tree, true);
                if (met == null) {
                    isStale = true;
                    break;
                }
                int order = contents.compare(pfn, met.pfn);
                if (order == 0) {
                    return found(pfn, own, met, nid, tree);
                }
                parent = met.node.node;
                isLeft = order < 0;
                at = isLeft ? parent.left : parent.right;
            }
            if (isStale) {
                continue;
            }
            if (own == null) {
                return NONE;
            }
            leaveQueue(own, nid);
            own.node = new RbTree.Node<>(own);
            tree.insert(own.node, parent, isLeft);
            return isCandidate(own) ? pfn : NONE;
        }
    }

    private long found(long pfn, @Nullable StableNode own, Met met, int nid, RbTree<StableNode> tree) {
        if (own != null && memmap.mapcount(pfn) > 1) {
            StableNode chain = met.dup == met.node ? makeChain(met.dup, tree) : met.node;
            leaveQueue(own, nid);
            addToChain(own, chain);
            return isCandidate(own) ? pfn : NONE;
        }
        if (!isCandidate(met.dup)) {
            return NONE;
        }
        if (treeOf(met.pfn) == met.dup.nid) {
            return met.pfn;
        }
        // The page that stands here belongs into another tree by now.
        if (met.dup == met.node) {
            if (own == null) {
                tree.erase(met.dup.node);
            } else {
                leaveQueue(own, nid);
                own.node = new RbTree.Node<>(own);
                tree.replace(met.dup.node, own.node);
            }
        } else {
            takeOutOfChain(met.dup, met.node);
            if (own != null) {
                leaveQueue(own, nid);
                addToChain(own, met.node);
            }
        }
        queue(met.dup);
        return own != null && isCandidate(own) ? pfn : NONE;
    }

    private void leaveQueue(StableNode node, int nid) {
        migrating.remove(node);
        node.isMigrating = false;
        node.nid = nid;
    }

    /** Makes a node for a page that has just become a merged one: {@code stable_tree_insert()}. */
    StableNode insert(long pfn) {
        int nid = treeOf(pfn);
        RbTree<StableNode> tree = trees.get(nid);
        RbTree.Node<StableNode> at = tree.root();
        RbTree.Node<StableNode> parent = null;
        boolean isLeft = false;
        StableNode same = null;
        while (at != null) {
            Met met = meet(at.item, tree, false);
            if (met == null) {
                at = tree.root();
                parent = null;
                continue;
            }
            int order = contents.compare(pfn, met.pfn);
            if (order == 0) {
                same = met.node;
                break;
            }
            parent = met.node.node;
            isLeft = order < 0;
            at = isLeft ? parent.left : parent.right;
        }
        StableNode made = new StableNode(nextId++, false);
        made.pfn = pfn;
        made.nid = nid;
        byId.put(made.id, made);
        if (same == null) {
            tree.insert(made.node, parent, isLeft);
        } else {
            addToChain(made, same.isChain ? same : makeChain(same, tree));
        }
        memmap.setMapping(pfn, -made.id, memmap.index(pfn));
        return made;
    }

    /** A page has gone to another frame. */
    void migrated(long from, long to) {
        StableNode node = byId.get(-memmap.mapping(to));
        if (node != null) {
            KernelBug.on(node.pfn != from, "a merged page that its node does not know");
            node.pfn = to;
        }
    }

    /** Drops all nodes whose pages nobody maps: {@code remove_all_stable_nodes()}. Returns whether none is left. */
    boolean removeAll() {
        boolean isEmpty = true;
        for (RbTree<StableNode> tree : trees) {
            while (true) {
                RbTree.Node<StableNode> root = tree.root();
                if (root == null) {
                    break;
                }
                if (!removeUnmapped(root.item, tree)) {
                    isEmpty = false;
                    break;
                }
            }
        }
        for (StableNode node : List.copyOf(migrating)) {
            isEmpty &= pageOf(node) == NONE;
        }
        return isEmpty;
    }

    private boolean removeUnmapped(StableNode node, RbTree<StableNode> tree) {
        if (!node.isChain) {
            return pageOf(node) == NONE;
        }
        for (StableNode dup : List.copyOf(node.dups)) {
            if (pageOf(dup) != NONE) {
                return false;
            }
        }
        dropChain(node, tree);
        return true;
    }

    /** Receives a node that stands for a page. */
    interface Visitor {
        void node(StableNode node);
    }

    /** Visits all nodes that stand for pages. */
    void forEach(Visitor visitor) {
        for (RbTree<StableNode> tree : trees) {
            walk(tree.root(), visitor);
        }
        migrating.forEach(visitor::node);
    }

    private static void walk(RbTree.@Nullable Node<StableNode> at, Visitor visitor) {
        if (at == null) {
            return;
        }
        walk(at.left, visitor);
        if (at.item.isChain) {
            at.item.dups.forEach(visitor::node);
        } else {
            visitor.node(at.item);
        }
        walk(at.right, visitor);
    }
}
