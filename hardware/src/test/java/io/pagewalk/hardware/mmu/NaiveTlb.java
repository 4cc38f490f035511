package io.pagewalk.hardware.mmu;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.tlb.Replacement;
import io.pagewalk.hardware.tlb.TlbArray;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** The obvious TLB: a list of entries per set, searched from one end to the other. */
final class NaiveTlb {
    /** One translation of {@code pages} pages from {@code vpn} to {@code pfn}. */
    static final class Entry {
        long vpn;
        long pages;
        long pfn;
        int level;
        int leafLevel;
        int asid;
        boolean read;
        boolean write;
        boolean exec;
        boolean user;
        boolean global;
        boolean dirty;
        int key;
        long lastUse;
        long filled;

        boolean covers(long page) {
            return Long.compareUnsigned(page, vpn) >= 0 && page - vpn < pages;
        }

        boolean isFor(int someAsid) {
            return global || asid == someAsid;
        }

        boolean allows(int kind, Privilege privilege, int pkru) {
            if (user && NaiveWalker.isRefusedByKey(key, kind, pkru)) {
                return false;
            }
            boolean right = switch (kind) {
                case Access.LOAD -> read;
                case Access.STORE -> write;
                default -> exec;
            };
            if (privilege == Privilege.USER) {
                return right && user;
            }
            return right && !(kind == Access.FETCH && user);
        }
    }

    private final class Set {
        final TlbArray array;
        final @Nullable Entry[] ways;
        final boolean[] olderIsRight;

        Set(TlbArray array) {
            this.array = array;
            this.ways = new Entry[array.ways()];
            this.olderIsRight = new boolean[2 * array.ways()];
        }

        void used(Entry entry) {
            entry.lastUse = ++time;
            if (array.replacement() == Replacement.TREE_PLRU) {
                for (int way = 0; way < ways.length; way++) {
                    if (ways[way] == entry) {
                        mark(1, 0, ways.length, way);
                    }
                }
            }
        }

        private void mark(int node, int from, int to, int way) {
            if (to - from == 1) {
                return;
            }
            int middle = (from + to) / 2;
            boolean wentRight = way >= middle;
            olderIsRight[node] = !wentRight;
            mark(2 * node + (wentRight ? 1 : 0), wentRight ? middle : from, wentRight ? to : middle, way);
        }

        private int older(int node, int from, int to) {
            if (to - from == 1) {
                return from;
            }
            int middle = (from + to) / 2;
            return olderIsRight[node] ? older(2 * node + 1, middle, to) : older(2 * node, from, middle);
        }

        int place() {
            for (int way = 0; way < ways.length; way++) {
                if (ways[way] == null) {
                    return way;
                }
            }
            return switch (array.replacement()) {
                case LRU -> smallest(entry -> entry.lastUse);
                case FIFO -> smallest(entry -> entry.filled);
                case TREE_PLRU -> older(1, 0, ways.length);
                case RANDOM -> random.nextInt(ways.length);
            };
        }

        private int smallest(ToLongFunction<Entry> measure) {
            int best = 0;
            for (int way = 1; way < ways.length; way++) {
                Entry candidate = ways[way];
                Entry current = ways[best];
                if (candidate != null
                        && current != null
                        && measure.applyAsLong(candidate) < measure.applyAsLong(current)) {
                    best = way;
                }
            }
            return best;
        }
    }

    private final PagingMode mode;
    private final SeededRandom random;
    private final List<List<Set>> arrays = new ArrayList<>();
    private final List<TlbArray> geometry;
    private long time;
    long hits;

    NaiveTlb(PagingMode mode, List<TlbArray> geometry, SeededRandom random) {
        this.mode = mode;
        this.random = random;
        this.geometry = geometry;
        for (TlbArray array : geometry) {
            List<Set> sets = new ArrayList<>();
            for (int i = 0; i < array.sets(); i++) {
                sets.add(new Set(array));
            }
            arrays.add(sets);
        }
    }

    private int arrayFor(int level) {
        for (int a = 0; a < geometry.size(); a++) {
            if (geometry.get(a).pageShifts().contains(mode.shift(level))) {
                return a;
            }
        }
        return -1;
    }

    private Set setOf(int level, long vpn) {
        List<Set> sets = arrays.get(arrayFor(level));
        return sets.get((int) Long.remainderUnsigned(vpn >>> (mode.shift(level) - 12), sets.size()));
    }

    /** Smaller pages first, then ways in order. */
    @Nullable
    Entry find(long vpn, int asid) {
        for (int level = 1; level <= mode.levels(); level++) {
            if (arrayFor(level) < 0) {
                continue;
            }
            for (Entry entry : setOf(level, vpn).ways) {
                if (entry != null && entry.level == level && entry.covers(vpn) && entry.isFor(asid)) {
                    return entry;
                }
            }
        }
        return null;
    }

    void used(Entry entry) {
        setOf(entry.level, entry.vpn).used(entry);
    }

    void hit(Entry entry) {
        hits++;
        used(entry);
    }

    /** Enters a page of at most {@code sizeLevel}, of a leaf of {@code leafLevel}; what else translates the page goes. */
    void put(long vpn, int asid, long pfn, int sizeLevel, int leafLevel, NaiveWalker.Found rights) {
        int level = sizeLevel;
        while (arrayFor(level) < 0) {
            level--;
        }
        Entry same = null;
        for (Entry old = first(vpn, asid, null); old != null; old = first(vpn, asid, same)) {
            if (old.level == level && same == null) {
                same = old;
            } else {
                remove(old);
            }
        }
        Set set = setOf(level, vpn);
        Entry entry = same == null ? new Entry() : same;
        entry.pages = 1L << (mode.shift(level) - 12);
        entry.vpn = vpn & -entry.pages;
        entry.pfn = pfn & -entry.pages;
        entry.level = level;
        entry.leafLevel = leafLevel;
        entry.asid = asid;
        entry.read = rights.read();
        entry.write = rights.write();
        entry.exec = rights.exec();
        entry.user = rights.user();
        entry.global = rights.global();
        entry.dirty = rights.dirty();
        entry.key = rights.key();
        if (same == null) {
            entry.filled = ++time;
            set.ways[set.place()] = entry;
        }
        set.used(entry);
    }

    /** The first match in search order that is not {@code except}. */
    private @Nullable Entry first(long vpn, int asid, @Nullable Entry except) {
        for (int level = 1; level <= mode.levels(); level++) {
            if (arrayFor(level) < 0) {
                continue;
            }
            for (Entry entry : setOf(level, vpn).ways) {
                if (entry != null
                        && entry != except
                        && entry.level == level
                        && entry.covers(vpn)
                        && entry.isFor(asid)) {
                    return entry;
                }
            }
        }
        return null;
    }

    private void remove(Entry entry) {
        removeIf(other -> other == entry);
    }

    int removeIf(Predicate<Entry> condition) {
        int removed = 0;
        for (List<Set> sets : arrays) {
            for (Set set : sets) {
                for (int way = 0; way < set.ways.length; way++) {
                    Entry entry = set.ways[way];
                    if (entry != null && condition.test(entry)) {
                        set.ways[way] = null;
                        removed++;
                    }
                }
            }
        }
        return removed;
    }

    int live() {
        int[] count = new int[1];
        removeIf(entry -> {
            count[0]++;
            return false;
        });
        return count[0];
    }

    /** Removes what translates a page: entries over it, and all pieces of a bigger leaf over it. */
    int removePage(long vpn, int asid) {
        return removeIf(entry -> entry.isFor(asid)
                && (entry.covers(vpn)
                        || (entry.leafLevel > entry.level
                                && entry.vpn >>> (mode.shift(entry.leafLevel) - 12)
                                        == vpn >>> (mode.shift(entry.leafLevel) - 12))));
    }
}
