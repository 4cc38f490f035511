package io.pagewalk.hardware.paging;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import java.util.Arrays;

/**
 * The page-walk cache of one level: for the upper part of an address, the table that its entry of this level points to and the rights on the way there. Fully
 * associative, true LRU, tagged with the address space.
 *
 * <p>Intel calls them paging-structure caches (SDM volume 3, section 4.10.3), AMD page directory caches.
 */
final class WalkCache {
    private static final long INVALID = -1;
    private static final int HINTS = 64;

    private final int size;

    /** {@code prefix << 16 | asid}, or INVALID. At most one slot holds a key. */
    private final long[] keys;

    /** {@code pfn << 16 | rights}. */
    private final long[] values;

    private final long[] stamps;
    private final byte[] hints = new byte[HINTS];
    private long clock;

    WalkCache(int size) {
        if (size < 1 || size > 127) {
            throw new IllegalArgumentException("a page-walk cache of " + size + " entries");
        }
        this.size = size;
        this.keys = new long[size];
        this.values = new long[size];
        this.stamps = new long[size];
        Arrays.fill(keys, INVALID);
    }

    static long key(long prefix, int asid) {
        return (prefix << 16) | asid;
    }

    /** Returns {@code pfn << 16 | rights} and makes it most recent, or -1. */
    long get(long key) {
        int hint = (int) (key >>> 16) & (HINTS - 1);
        int slot = hints[hint];
        if (keys[slot] != key) {
            slot = find(key);
            if (slot < 0) {
                return -1;
            }
            hints[hint] = (byte) slot;
        }
        stamps[slot] = ++clock;
        return values[slot];
    }

    /** Returns whether a key is held, without touching anything. */
    boolean contains(long key) {
        return find(key) >= 0;
    }

    void put(long key, long pfn, int rights) {
        int slot = find(key);
        if (slot < 0) {
            slot = victim();
        }
        keys[slot] = key;
        values[slot] = (pfn << 16) | rights;
        stamps[slot] = ++clock;
        hints[(int) (key >>> 16) & (HINTS - 1)] = (byte) slot;
    }

    void remove(long key) {
        int slot = find(key);
        if (slot >= 0) {
            keys[slot] = INVALID;
        }
    }

    void removeAsid(int asid) {
        for (int slot = 0; slot < size; slot++) {
            if ((keys[slot] & 0xffff) == asid) {
                keys[slot] = INVALID;
            }
        }
    }

    void clear() {
        Arrays.fill(keys, INVALID);
    }

    /** Adds the entries in order of last use. */
    void addToDigest(Digest digest) {
        Integer[] order = new Integer[size];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Long.compare(stamps[a], stamps[b]));
        for (int slot : order) {
            if (keys[slot] != INVALID) {
                digest.add(keys[slot]);
                digest.add(values[slot]);
            }
        }
    }

    void verify(int level, Violations out) {
        for (int slot = 0; slot < size; slot++) {
            for (int other = slot + 1; other < size; other++) {
                if (keys[slot] != INVALID && keys[slot] == keys[other]) {
                    out.add("page-walk cache of level " + level, "one key in slots " + slot + " and " + other);
                }
            }
        }
    }

    private int find(long key) {
        for (int slot = 0; slot < size; slot++) {
            if (keys[slot] == key) {
                return slot;
            }
        }
        return -1;
    }

    private int victim() {
        int victim = 0;
        for (int slot = 0; slot < size; slot++) {
            if (keys[slot] == INVALID) {
                return slot;
            }
            if (stamps[slot] < stamps[victim]) {
                victim = slot;
            }
        }
        return victim;
    }
}
