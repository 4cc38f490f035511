package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.slub.ObjectSource;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The map from page index to frame of one file: Linux's {@code address_space.i_pages}.
 *
 * <p>Indexes may be as far apart as a sparse file makes them; a run of neighbours costs one lookup per 512.
 */
final class PageIndex {
    /* A sorted map of leaves of 512 slots. The leaf used last is kept at hand, because files are read in order. A slot holds pfn + 1; 0 is empty. */
    private static final int LEAF_BITS = 9;
    private static final int LEAF_SLOTS = 1 << LEAF_BITS;

    private final TreeMap<Long, long[]> leaves = new TreeMap<>();
    private long lastKey = -1;
    private long @Nullable [] lastLeaf;
    private long count;
    private final IndexNodes nodes;

    PageIndex(ObjectSource nodeSource) {
        nodes = new IndexNodes(nodeSource);
        nodes.setFirstEntry(() -> get(0) >= 0);
    }

    /** Returns how many nodes Linux's tree of these indexes has. */
    long nodes() {
        return nodes.count();
    }

    /** Returns how many indexes hold a frame. */
    long count() {
        return count;
    }

    /** Returns the frame at an index, or -1. */
    long get(long index) {
        long[] leaf = leaf(index >>> LEAF_BITS);
        return leaf == null ? -1 : leaf[(int) index & (LEAF_SLOTS - 1)] - 1;
    }

    /** Puts a frame at an empty index. */
    void put(long index, long pfn) {
        long key = index >>> LEAF_BITS;
        long[] leaf = leaf(key);
        if (leaf == null) {
            leaf = new long[LEAF_SLOTS];
            leaves.put(key, leaf);
            lastKey = key;
            lastLeaf = leaf;
        }
        leaf[(int) index & (LEAF_SLOTS - 1)] = pfn + 1;
        count++;
        nodes.add(index);
    }

    /** Empties an index that holds a frame. */
    void remove(long index) {
        long[] leaf = leaf(index >>> LEAF_BITS);
        if (leaf != null) {
            leaf[(int) index & (LEAF_SLOTS - 1)] = 0;
            count--;
            nodes.remove(index);
        }
    }

    /** Returns the lowest index at or above one that holds a frame, or -1. */
    long next(long index) {
        long key = index >>> LEAF_BITS;
        int slot = (int) index & (LEAF_SLOTS - 1);
        Map.Entry<Long, long[]> entry = leaves.ceilingEntry(key);
        while (entry != null) {
            long[] leaf = entry.getValue();
            for (int i = entry.getKey() == key ? slot : 0; i < LEAF_SLOTS; i++) {
                if (leaf[i] != 0) {
                    return (entry.getKey() << LEAF_BITS) + i;
                }
            }
            entry = leaves.higherEntry(entry.getKey());
        }
        return -1;
    }

    private long @Nullable [] leaf(long key) {
        if (key != lastKey) {
            lastLeaf = leaves.get(key);
            lastKey = lastLeaf == null ? -1 : key;
        }
        return lastLeaf;
    }
}
