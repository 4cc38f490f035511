package io.pagewalk.kernel.ksm;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Pages that did not change between two looks, by contents that may change any time: {@code root_unstable_tree} of {@code mm/ksm.c}. */
final class UnstableTree {
    private final PageMerger merger;
    private final PageContents contents;
    private final StableTree stable;
    private final KsmSettings settings;
    private final KsmCounters counters;
    private final List<RbTree<RmapItem>> trees = new ArrayList<>();

    UnstableTree(
            PageMerger merger,
            PageContents contents,
            StableTree stable,
            KsmSettings settings,
            KsmCounters counters,
            int nodes) {
        this.merger = merger;
        this.contents = contents;
        this.stable = stable;
        this.settings = settings;
        this.counters = counters;
        for (int node = 0; node < nodes; node++) {
            trees.add(new RbTree<>());
        }
    }

    /** Forgets all pages at the start of a full scan; their items know themselves that they are old. */
    void clear() {
        trees.forEach(RbTree::clear);
    }

    /** Takes an item out. One of an earlier scan is in no tree any more. */
    void remove(RmapItem item) {
        if (item.unstableScan == counters.fullScans) {
            trees.get(item.nid).erase(item.node);
        }
        item.unstableScan = -1;
        counters.pagesUnshared--;
    }

    /**
     * Finds an item whose page has the same contents, else puts the item in: {@code unstable_tree_search_insert()}.
     *
     * @param item an item in no tree
     * @param pfn its page
     * @return the item found, null when there is none
     */
    @Nullable
    RmapItem searchOrInsert(RmapItem item, long pfn) {
        int nid = stable.treeOf(pfn);
        RbTree<RmapItem> tree = trees.get(nid);
        RbTree.Node<RmapItem> at = tree.root();
        RbTree.Node<RmapItem> parent = null;
        boolean isLeft = false;
        while (at != null) {
            RmapItem other = at.item;
            long otherPfn = merger.pageOf(other);
            if (otherPfn == PageMerger.NONE || otherPfn == pfn) {
                return null;
            }
            int order = contents.compare(pfn, otherPfn);
            if (order == 0) {
                return settings.mergesAcrossNodes || stable.treeOf(otherPfn) == nid ? other : null;
            }
            parent = at;
            isLeft = order < 0;
            at = isLeft ? at.left : at.right;
        }
        item.unstableScan = counters.fullScans;
        item.nid = nid;
        tree.insert(item.node, parent, isLeft);
        counters.pagesUnshared++;
        return null;
    }
}
