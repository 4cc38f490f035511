package io.pagewalk.hardware.tlb;

import io.pagewalk.base.Bits;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import java.util.Arrays;

/**
 * The replacement state of one array of a {@link Tlb}: which slot of a set takes the next entry. A slot without an entry comes first, the lowest of them; when
 * the set is full, the array's {@link Replacement} decides.
 */
final class Victims {
    /*
     * LRU and FIFO go by the stamps, which the TLB keeps: the time of the last use or of the fill, all different, EMPTY in a slot without an entry. A hit only
     * stores a stamp, so somebody has to look for the smallest one. Up to LINEAR_WAYS that is a search. A wider set has a queue, a ring in which each slot
     * stands at the stamp that it had when it was put there:
     *
     *   queued[oldest] < queued[next] < ... < queued[before oldest]        queued[slot] <= stamps[slot]
     *
     * When the first slot's stamp is below what the second one is queued at, no other slot can be older: it is the victim, and filled again it is the last of
     * the ring without being moved. Otherwise it was used since, and is queued anew at its present stamp, looking from the end for its place. So where nothing
     * hits a victim costs two comparisons, and a slot that many hits went to is moved once for all of them.
     */
    static final long EMPTY = -1;

    /** Up to here the search is the cheaper one. */
    private static final int LINEAR_WAYS = 8;

    private static final int WAY_BITS = 3;
    private static final int WAY_MASK = LINEAR_WAYS - 1;

    private final Replacement replacement;

    /** Whether the stamps of a set are searched. */
    private final boolean isSearched;

    private final int firstSlot;
    private final int ways;
    private final long[] stamps;
    private final SeededRandom random;

    /** {@code freeWays[set]} equals the number of slots of the set without an entry. A search needs no such count: EMPTY is the smallest stamp. */
    private final int[] freeWays;

    /** The first slot of each set's ring; empty when there are no rings. Slots count from the array's first here and in the rings. */
    private final int[] oldest;

    private final int[] next;
    private final int[] previous;
    private final long[] queued;

    /** Per set, node n has children 2n and 2n+1; bit n says which half is older. */
    private final long[] trees;

    private long draws;

    /**
     * Creates the state of an empty array.
     *
     * @param array its geometry
     * @param firstSlot its first slot in the TLB
     * @param stamps the TLB's stamps, which the TLB writes and this class reads
     * @param random for random replacement
     */
    Victims(TlbArray array, int firstSlot, long[] stamps, SeededRandom random) {
        this.replacement = array.replacement();
        this.firstSlot = firstSlot;
        this.ways = array.ways();
        this.stamps = stamps;
        this.random = random;
        int sets = array.sets();
        this.isSearched = isOrdered() && ways <= LINEAR_WAYS;
        this.freeWays = new int[isSearched ? 0 : sets];
        boolean hasRings = isOrdered() && !isSearched;
        this.oldest = new int[hasRings ? sets : 0];
        this.next = new int[hasRings ? array.entries() : 0];
        this.previous = new int[next.length];
        this.queued = new long[next.length];
        this.trees = new long[replacement == Replacement.TREE_PLRU ? sets : 0];
        Arrays.fill(freeWays, ways);
        Arrays.fill(stamps, firstSlot, firstSlot + array.entries(), EMPTY);
        Arrays.fill(queued, EMPTY);
        Arrays.setAll(oldest, set -> set * ways);
        Arrays.setAll(next, slot -> slot % ways == ways - 1 ? slot - ways + 1 : slot + 1);
        Arrays.setAll(previous, slot -> slot % ways == 0 ? slot + ways - 1 : slot - 1);
    }

    /**
     * Returns the slot that takes the next entry of a set; it counts as filled from now on.
     *
     * @param set the set
     * @param stamp what the new entry's stamp will be
     */
    int take(int set, long stamp) {
        if (isSearched) {
            return smallest(firstSlot + set * ways);
        }
        if (freeWays[set] > 0) {
            return takeFree(set, stamp);
        }
        return switch (replacement) {
            case LRU, FIFO -> firstSlot + takeOldest(set, stamp);
            case TREE_PLRU -> firstSlot + set * ways + treeVictim(trees[set]);
            case RANDOM -> {
                draws++;
                yield firstSlot + set * ways + random.nextInt(ways);
            }
        };
    }

    /** Tells that a slot has lost its entry; its stamp is EMPTY. */
    void emptied(int slot) {
        if (!isSearched) {
            freeWays[setOf(slot)]++;
        }
    }

    /** Tells that an entry was used or filled at a time. */
    void used(int slot, long now) {
        switch (replacement) {
            case LRU -> stamps[slot] = now;
            case TREE_PLRU -> {
                int set = setOf(slot);
                trees[set] = pointedAway(trees[set], (slot - firstSlot) % ways);
            }
            case FIFO, RANDOM -> {}
        }
    }

    /** Returns the set that a slot belongs to. */
    int setOf(int slot) {
        return (slot - firstSlot) / ways;
    }

    /** Returns whether the stamps alone say which entry goes. */
    boolean isOrdered() {
        return replacement == Replacement.LRU || replacement == Replacement.FIFO;
    }

    /** Returns the tree of a set under tree-PLRU. */
    long tree(int set) {
        return trees[set];
    }

    /** Returns how often chance has decided. */
    long draws() {
        return draws;
    }

    /**
     * Checks the number of free ways and the order of the rings.
     *
     * @param where the array's name
     * @param out where violations go
     */
    void verify(String where, Violations out) {
        for (int set = 0; set < freeWays.length; set++) {
            int first = firstSlot + set * ways;
            int free = 0;
            for (int slot = first; slot < first + ways; slot++) {
                free += stamps[slot] == EMPTY ? 1 : 0;
            }
            out.expectEqual(where, "free ways of set " + set, freeWays[set], free);
            if (oldest.length > 0) {
                verifyRing(where + " set " + set, set, out);
            }
        }
    }

    private void verifyRing(String where, int set, Violations out) {
        int slot = oldest[set];
        for (int way = 0; way < ways; way++) {
            out.expectEqual(where, "set of slot " + slot + " in its ring", set, slot / ways);
            out.expectEqual(where, "slot before the one after slot " + slot, slot, previous[next[slot]]);
            if (stamps[firstSlot + slot] != EMPTY && queued[slot] > stamps[firstSlot + slot]) {
                out.add(where, "slot " + slot + " is queued later than it was used");
            }
            if (way < ways - 1 && queued[slot] > queued[next[slot]]) {
                out.add(where, "slot " + slot + " stands before one that is queued earlier");
            }
            slot = next[slot];
        }
        out.expectEqual(where, "slot after " + ways + " steps around the ring", oldest[set], slot);
    }

    private int takeFree(int set, long stamp) {
        freeWays[set]--;
        int slot = firstSlot + set * ways;
        while (stamps[slot] != EMPTY) {
            slot++;
        }
        if (oldest.length > 0) {
            int free = slot - firstSlot;
            if (oldest[set] == free) {
                oldest[set] = next[free];
            } else {
                moveBehind(free, previous[oldest[set]]);
            }
            queued[free] = stamp;
        }
        return slot;
    }

    private int takeOldest(int set, long stamp) {
        int slot = oldest[set];
        while (true) {
            int second = next[slot];
            long used = stamps[firstSlot + slot];
            if (used < queued[second]) {
                oldest[set] = second;
                queued[slot] = stamp;
                return slot;
            }
            int before = previous[slot];
            while (queued[before] > used) {
                before = previous[before];
            }
            queued[slot] = used;
            moveBehind(slot, before);
            slot = second;
        }
    }

    /** Moves a slot in its ring; behind the last one, it is the last. */
    private void moveBehind(int slot, int before) {
        if (before == slot || before == previous[slot]) {
            return;
        }
        next[previous[slot]] = next[slot];
        previous[next[slot]] = previous[slot];
        int after = next[before];
        next[before] = slot;
        previous[slot] = before;
        next[slot] = after;
        previous[after] = slot;
    }

    private int smallest(int first) {
        if (ways == 4) { // the usual data side, without a loop
            long older = Math.min(stamps[first] << WAY_BITS, (stamps[first + 1] << WAY_BITS) | 1);
            long other = Math.min((stamps[first + 2] << WAY_BITS) | 2, (stamps[first + 3] << WAY_BITS) | 3);
            return first + ((int) Math.min(older, other) & WAY_MASK);
        }
        long smallest = stamps[first] << WAY_BITS;
        for (int way = 1; way < ways; way++) {
            smallest = Math.min(smallest, (stamps[first + way] << WAY_BITS) | way);
        }
        return first + ((int) smallest & WAY_MASK);
    }

    /** All nodes on the way to a used leaf point to the other half. */
    private long pointedAway(long tree, int way) {
        long result = tree;
        int node = 1;
        for (int bit = Bits.log2Floor(ways) - 1; bit >= 0; bit--) {
            int half = (way >>> bit) & 1;
            result = half == 0 ? result | (1L << node) : result & ~(1L << node);
            node = 2 * node + half;
        }
        return result;
    }

    private int treeVictim(long tree) {
        int node = 1;
        while (node < ways) {
            node = 2 * node + (int) ((tree >>> node) & 1);
        }
        return node - ways;
    }
}
