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
    /*
     * A fault takes its address out of all levels and the walk after it puts it back, so neither may cost a search: a hint says in which slot a key was last
     * seen, a count of the keys with one hash that a key is not there, and the slot emptied last is the first to be filled.
     */
    private static final long INVALID = -1;
    private static final int HASHES = 64;

    private final int size;

    /** {@code prefix << 16 | asid}, or INVALID. At most one slot holds a key. */
    private final long[] keys;

    /** {@code pfn << 16 | rights}. */
    private final long[] values;

    private final long[] stamps;
    private final byte[] hints = new byte[HASHES];

    /** Equals the number of valid keys with a hash. */
    private final byte[] present = new byte[HASHES];

    private int emptiedLast;
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
        int slot = find(key);
        if (slot < 0) {
            return -1;
        }
        stamps[slot] = ++clock;
        return values[slot];
    }

    /** Enters a key, or gives it another value. */
    void put(long key, long pfn, int rights) {
        int slot = find(key);
        if (slot < 0) {
            add(key, pfn, rights);
            return;
        }
        values[slot] = (pfn << 16) | rights;
        stamps[slot] = ++clock;
    }

    /** Enters a key that is not there. */
    void add(long key, long pfn, int rights) {
        int slot = victim();
        empty(slot);
        int hash = hashOf(key);
        keys[slot] = key;
        present[hash]++;
        hints[hash] = (byte) slot;
        values[slot] = (pfn << 16) | rights;
        stamps[slot] = ++clock;
    }

    void remove(long key) {
        int slot = find(key);
        if (slot >= 0) {
            empty(slot);
        }
    }

    void removeAsid(int asid) {
        for (int slot = 0; slot < size; slot++) {
            if ((keys[slot] & 0xffff) == asid) {
                empty(slot);
            }
        }
    }

    void clear() {
        Arrays.fill(keys, INVALID);
        Arrays.fill(present, (byte) 0);
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
        int[] counted = new int[HASHES];
        for (long key : keys) {
            counted[hashOf(key)] += key == INVALID ? 0 : 1;
        }
        for (int hash = 0; hash < HASHES; hash++) {
            out.expectEqual(
                    "page-walk cache of level " + level, "keys with hash " + hash, present[hash], counted[hash]);
        }
        for (int slot = 0; slot < size; slot++) {
            for (int other = slot + 1; other < size; other++) {
                if (keys[slot] != INVALID && keys[slot] == keys[other]) {
                    out.add("page-walk cache of level " + level, "one key in slots " + slot + " and " + other);
                }
            }
        }
    }

    private static int hashOf(long key) {
        return (int) (key >>> 16) & (HASHES - 1);
    }

    private int find(long key) {
        int hash = hashOf(key);
        int hint = hints[hash];
        if (keys[hint] == key) {
            return hint;
        }
        if (present[hash] == 0) {
            return -1;
        }
        for (int slot = 0; slot < size; slot++) {
            if (keys[slot] == key) {
                hints[hash] = (byte) slot;
                return slot;
            }
        }
        return -1;
    }

    private void empty(int slot) {
        if (keys[slot] != INVALID) {
            present[hashOf(keys[slot])]--;
            keys[slot] = INVALID;
            emptiedLast = slot;
        }
    }

    private int victim() {
        if (keys[emptiedLast] == INVALID) {
            return emptiedLast;
        }
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
