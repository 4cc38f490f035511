package io.pagewalk.kernel.filemap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.slub.ObjectSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The memory of the tree that finds a file's cached pages: which {@code struct xa_node} exist, {@code lib/xarray.c}.
 *
 * <p>A node has 64 slots. An entry of several indexes has as many slots, or one slot for 64 indexes a level further up.
 * A tree whose only entry is index 0 has no node at all; otherwise it is as high as its largest index needs, and every node has an entry below it.
 */
final class IndexNodes {
    private static final int SLOT_BITS = 6;
    private static final int TOP_SHIFT = 60;

    /** One node: how many slots are in use, and its object. */
    private static final class Node {
        private int used;
        private long vaddr;
    }

    private final ObjectSource source;
    /** Nodes of each level by the index bits above them; level 0 holds pages. */
    private final List<Map<Long, Node>> levels = new ArrayList<>();

    private long entries;
    private long nodes;
    private long lastKey = -1;
    private @Nullable Node last;

    IndexNodes(ObjectSource source) {
        this.source = source;
    }

    /** Returns how many nodes there are. */
    long count() {
        return nodes;
    }

    /** Adds an entry for 2^order empty indexes: {@code xas_create()}. */
    void add(long index, int order) {
        int lowest = order / SLOT_BITS;
        int slots = 1 << (order % SLOT_BITS);
        entries++;
        Node leaf = last;
        if (leaf != null && lowest == 0 && index >>> SLOT_BITS == lastKey) {
            leaf.used += slots;
            return;
        }
        if (entries == 1 && index == 0 && order == 0) {
            return;
        }
        grow(order == 0 ? index : reach(index, order));
        for (int level = levels.size() - 1; level >= lowest; level--) {
            long key = key(index, level);
            Node node = levels.get(level).get(key);
            if (node == null) {
                node = make(level, key);
                if (level + 1 < levels.size()) {
                    parent(index, level).used++;
                }
            }
            leaf = node;
        }
        if (leaf != null) {
            leaf.used += slots;
        }
        last = lowest == 0 ? leaf : null;
        lastKey = lowest == 0 ? index >>> SLOT_BITS : -1;
    }

    /** The largest index that the tree must be able to hold: {@code xas_max()}. */
    private static long reach(long index, int order) {
        long mask = (1L << order) - 1;
        return (index | mask) == mask ? mask + 1 : index | mask;
    }

    /** {@code xas_expand()}. */
    private void grow(long index) {
        boolean isGrowing = entries > 1;
        while (levels.isEmpty() || !fits(index, levels.size())) {
            levels.add(new HashMap<>());
            if (isGrowing) {
                make(levels.size() - 1, 0).used = 1;
            }
        }
    }

    /** Removes an entry of 2^order indexes: {@code xas_delete_node()} and {@code xas_shrink()}. */
    void remove(long index, int order) {
        entries--;
        last = null;
        lastKey = -1;
        if (levels.isEmpty()) {
            return;
        }
        int level = order / SLOT_BITS;
        int slots = 1 << (order % SLOT_BITS);
        while (level < levels.size()) {
            Node node = levels.get(level).get(key(index, level));
            if (node == null) {
                return;
            }
            node.used -= slots;
            if (node.used > 0) {
                break;
            }
            slots = 1;
            drop(level, key(index, level));
            level++;
        }
        if (level == levels.size()) {
            levels.clear();
        } else if (level == levels.size() - 1) {
            shrink();
        }
    }

    /** Makes entries of a smaller order of one: {@code xas_split()}. Slots that held the entry get a node each when the level changes. */
    void split(long index, int order, int newOrder) {
        entries += (1L << (order - newOrder)) - 1;
        int level = order / SLOT_BITS - 1;
        if (newOrder / SLOT_BITS > level) {
            return;
        }
        KernelBug.on(newOrder / SLOT_BITS != level, "an entry is split by more than one level");
        for (long slot = 0; slot < 1L << (order % SLOT_BITS); slot++) {
            make(level, key(index, level) + slot).used = 1 << SLOT_BITS;
        }
    }

    private void shrink() {
        while (!levels.isEmpty()) {
            int top = levels.size() - 1;
            Node node = levels.get(top).get(0L);
            if (node == null || node.used != 1 || !isFirstSlotUsed(top)) {
                return;
            }
            drop(top, 0);
            levels.remove(top);
        }
    }

    private boolean isFirstSlotUsed(int top) {
        return top > 0 ? levels.get(top - 1).containsKey(0L) : firstEntry.hasEntryAtZero();
    }

    /** Tells whether index 0 holds an entry; asked when a tree of one node has one entry left. */
    interface FirstEntry {
        boolean hasEntryAtZero();
    }

    private FirstEntry firstEntry = () -> false;

    void setFirstEntry(FirstEntry value) {
        firstEntry = value;
    }

    private Node parent(long index, int level) {
        Node parent = levels.get(level + 1).get(key(index, level + 1));
        if (parent == null) {
            throw new KernelBug("an index node without parent");
        }
        return parent;
    }

    private Node make(int level, long key) {
        Node node = new Node();
        node.vaddr = source.take();
        levels.get(level).put(key, node);
        nodes++;
        return node;
    }

    private void drop(int level, long key) {
        Node node = levels.get(level).remove(key);
        if (node != null) {
            source.give(node.vaddr);
            nodes--;
        }
    }

    private static long key(long index, int level) {
        int shift = SLOT_BITS * (level + 1);
        return shift > TOP_SHIFT ? 0 : index >>> shift;
    }

    private static boolean fits(long index, int height) {
        int shift = SLOT_BITS * height;
        return shift > TOP_SHIFT || index >>> shift == 0;
    }
}
