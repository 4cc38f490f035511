package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.slub.ObjectSource;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The map from page index to frame of one file: Linux's {@code address_space.i_pages}.
 *
 * <p>Indexes may be as far apart as a sparse file makes them; a run of neighbours costs one lookup per 512.
 */
final class PageIndex {
    /* A sorted map of leaves of 512 slots. The leaf used last is kept at hand, because files are read in order. A slot holds pfn + 1; 0 is empty.
     * A folio has at most 512 pages and lies at a multiple of their number, so that it never crosses a leaf. */
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

    /** Returns whether no index of a range holds a frame, the range being aligned to its length. */
    boolean isEmpty(long index, int order) {
        long[] leaf = leaf(index >>> LEAF_BITS);
        if (leaf != null) {
            int first = (int) index & (LEAF_SLOTS - 1);
            for (int slot = first; slot < first + (1 << order); slot++) {
                if (leaf[slot] != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Puts a folio of 2^order frames at empty indexes, the first a multiple of their number. */
    void put(long index, long pfn, int order) {
        long key = index >>> LEAF_BITS;
        long[] leaf = leaf(key);
        if (leaf == null) {
            leaf = new long[LEAF_SLOTS];
            leaves.put(key, leaf);
            lastKey = key;
            lastLeaf = leaf;
        }
        int first = (int) index & (LEAF_SLOTS - 1);
        for (int i = 0; i < 1 << order; i++) {
            leaf[first + i] = pfn + i + 1;
        }
        count += 1L << order;
        nodes.add(index, order);
    }

    /** Empties the indexes that hold a folio. */
    void remove(long index, int order) {
        long[] leaf = leaf(index >>> LEAF_BITS);
        if (leaf != null) {
            int first = (int) index & (LEAF_SLOTS - 1);
            Arrays.fill(leaf, first, first + (1 << order), 0);
            count -= 1L << order;
            nodes.remove(index, order);
        }
    }

    /** Notes that a folio was split into ones of a smaller order. */
    void split(long index, int order, int newOrder) {
        nodes.split(index, order, newOrder);
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
