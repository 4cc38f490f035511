package io.pagewalk.hardware.paging;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The hardware that reads page tables: from the root, or from where a page-walk cache lets it start, down to a leaf.
 *
 * <p>A walk reads one entry per level out of simulated memory and counts each read as one memory reference. It sets the accessed bit of the entries it passes
 * (table entries on x86 only) and, for a permitted store, the dirty bit of the leaf; a walk that faults leaves the leaf as it was. Page-walk caches hold table
 * entries only, never leaves and never what is not present.
 *
 * <pre>
 *   result of a walk that found a page                           result of one that did not
 *   63   62   61..58   57..14           13..11   10..0           63   62..4   3..0
 *    0   -    key      frame number     level    PteFlags          1    0      outcome (NOT_PRESENT, RESERVED, DENIED, DENIED_BY_KEY)
 *   The flags are those of the leaf with the rights that all levels together leave, after the walk's own marks. They do not tell what the key refuses.
 * </pre>
 */
public final class Walker {
    /*
     * A fault takes its address out of the page-walk caches, and the next walk is nearly always the one of the access made again, which puts back what was
     * taken out. So the taking out waits for that walk: one of the same region starts at the root without asking the caches and overwrites, any other first
     * does what waits.
     *
     * Table entries seldom change. What the last one of each level meant (table, rights) is kept beside it, and an equal one is not taken apart again.
     */

    /** Outcome: an entry on the way is not present. */
    public static final int NOT_PRESENT = 1;

    /** Outcome: an entry on the way has a reserved bit set. */
    public static final int RESERVED = 2;

    /** Outcome: the page is there and lacks a right that was asked for. */
    public static final int DENIED = 3;

    /** Outcome: the page is there and its protection key refuses the access, whatever its other rights. */
    public static final int DENIED_BY_KEY = 4;

    /** Not an outcome: the walk goes on. */
    private static final long TABLE = Long.MIN_VALUE;

    /** What a walk does with the page-walk caches. */
    private enum Caching {
        /** It does not use them. */
        NONE,
        /** It adds the tables that it passes, which are not there. */
        ADD,
        /** It stands for all that the address has there: tables that it passes are added or replaced, the others go. */
        REPLACE
    }

    private static final int FRAME_SHIFT = 14;
    private static final int LEVEL_SHIFT = 11;
    private static final int KEY_SHIFT = 58;
    /** How far the key lies from its place in {@link PteFlags}. */
    private static final int KEY_MOVE = KEY_SHIFT - PteFlags.KEY_SHIFT;

    private static final long FRAME_MASK = (1L << (KEY_SHIFT - FRAME_SHIFT)) - 1;
    private static final int FLAGS_MASK = 0x7ff;
    private static final int RIGHTS = PteFlags.READ | PteFlags.WRITE | PteFlags.EXEC | PteFlags.USER;
    /** What a result says of the leaf beside its rights; software bits above the hardware's are left out. */
    private static final int MARKS = FLAGS_MASK & ~RIGHTS;

    private final PhysicalMemory memory;
    private final PagingMode mode;
    private final int levels;
    private final int[] shifts;
    private final int[] indexMasks;
    private final long[] reservedInLeaf;
    private final long[] reservedInTable;
    private final long addressMask;
    private final boolean marksTables;

    /** Element {@code level}; null where the part has no cache. Level 1 is never cached here. */
    private final @Nullable WalkCache[] caches;

    /** The last entry of each level that pointed to a table, as it is after the walk's own mark; 0 before the first one. */
    private final long[] lastTableEntry;

    /** The frame that it points to. */
    private final long[] lastTablePfn;

    /** The rights that it leaves, as {@link PagingMode#tableRights} gives them. */
    private final int[] lastTableRights;

    /** What the keys of user pages refuse; 0 when there are no keys. */
    private int pkru;

    private boolean isDropWaiting;
    private long waitingVaddr;
    private int waitingAsid;

    private final long[] cacheHits;
    private long walks;
    private long references;
    private long entryWrites;

    /**
     * Creates a walker with empty caches.
     *
     * @param memory where the tables lie
     * @param mode their format
     * @param physicalBits physical address bits of the CPU; bits above them are reserved
     * @param cacheEntries page-walk cache entries of level 2, 3 and so on; 0 or a missing element is none
     */
    public Walker(PhysicalMemory memory, PagingMode mode, int physicalBits, List<Integer> cacheEntries) {
        this.memory = memory;
        this.mode = mode;
        this.levels = mode.levels();
        this.shifts = new int[levels + 1];
        this.indexMasks = new int[levels + 1];
        this.reservedInLeaf = new long[levels + 1];
        this.reservedInTable = new long[levels + 1];
        this.caches = new WalkCache[levels + 1];
        this.lastTableEntry = new long[levels + 1];
        this.lastTablePfn = new long[levels + 1];
        this.lastTableRights = new int[levels + 1];
        this.cacheHits = new long[levels + 1];
        this.addressMask = -1L >>> (64 - mode.virtualBits());
        this.marksTables = mode.marksTables();
        for (int level = 1; level <= levels; level++) {
            shifts[level] = mode.shift(level);
            indexMasks[level] = mode.entries(level) - 1;
            reservedInLeaf[level] = mode.reservedMask(level, true, physicalBits);
            reservedInTable[level] = mode.reservedMask(level, false, physicalBits);
            if (level >= 2 && level - 2 < cacheEntries.size() && cacheEntries.get(level - 2) > 0) {
                caches[level] = new WalkCache(cacheEntries.get(level - 2));
            }
        }
    }

    /**
     * Lets walks obey protection keys.
     *
     * @param register the {@link Pkru} register; 0 is to have none
     */
    public void setPkru(int register) {
        pkru = register;
    }

    /**
     * Walks for one access.
     *
     * @param rootPfn the frame of the root table
     * @param asid the address space that tags the page-walk caches
     * @param vaddr a canonical address
     * @param needed the {@link PteFlags} rights that the access needs: READ, WRITE or EXEC, and USER in user mode
     * @param forbidden rights that the page must not have: USER for a fetch in supervisor mode, otherwise 0
     * @return a page, or a negative number with an outcome
     */
    public long walk(long rootPfn, int asid, long vaddr, int needed, int forbidden) {
        walks++;
        if (isDropWaiting) {
            isDropWaiting = false;
            if (asid == waitingAsid && (vaddr ^ waitingVaddr) >>> shifts[2] == 0) {
                return walk(asid, vaddr, needed, forbidden, Caching.REPLACE, levels, rootPfn, RIGHTS);
            }
            dropUpTo(levels, waitingVaddr, waitingAsid);
        }
        for (int cached = 2; cached <= levels; cached++) {
            WalkCache cache = caches[cached];
            if (cache == null) {
                continue;
            }
            long value = cache.get(WalkCache.key((vaddr & addressMask) >>> shifts[cached], asid));
            if (value >= 0) {
                cacheHits[cached]++;
                return walk(
                        asid,
                        vaddr,
                        needed,
                        forbidden,
                        Caching.ADD,
                        cached - 1,
                        value >>> 16,
                        (int) value & FLAGS_MASK);
            }
        }
        return walk(asid, vaddr, needed, forbidden, Caching.ADD, levels, rootPfn, RIGHTS);
    }

    /**
     * Walks as a software refill handler does: without page-walk caches, its reads counted, but not as a walk of the hardware.
     *
     * @param rootPfn the frame of the root table
     * @param vaddr a canonical address
     * @param needed the rights that the access needs
     * @param forbidden the rights that the page must not have
     * @return a page, or a negative number with an outcome
     */
    public long walkBySoftware(long rootPfn, long vaddr, int needed, int forbidden) {
        return walk(0, vaddr, needed, forbidden, Caching.NONE, levels, rootPfn, RIGHTS);
    }

    /** Walks from the table of a level on, which the rights above lead to. */
    private long walk(
            int asid,
            long vaddr,
            int needed,
            int forbidden,
            Caching caching,
            int fromLevel,
            long fromTable,
            int fromRights) {
        int level = fromLevel;
        long tablePfn = fromTable;
        int rights = fromRights;
        while (true) {
            int index = (int) (vaddr >>> shifts[level]) & indexMasks[level];
            long entry = mode.readEntry(memory, tablePfn, index);
            references++;
            if (entry == 0 || entry != lastTableEntry[level]) {
                long outcome = examine(tablePfn, index, entry, level, rights, needed, forbidden);
                if (outcome != TABLE) {
                    if (caching == Caching.REPLACE) {
                        dropUpTo(level, vaddr, asid);
                    }
                    return outcome;
                }
            }
            int below = lastTableRights[level];
            rights = (rights & (below | ~RIGHTS)) | (below & PteFlags.GLOBAL);
            tablePfn = lastTablePfn[level];
            WalkCache cache = caches[level];
            if (cache != null && caching != Caching.NONE) {
                long key = WalkCache.key((vaddr & addressMask) >>> shifts[level], asid);
                if (caching == Caching.ADD) {
                    cache.add(key, tablePfn, rights);
                } else {
                    cache.put(key, tablePfn, rights);
                }
            }
            level--;
        }
    }

    /** Ends the walk at an entry, or marks and notes the table that it points to. */
    private long examine(long tablePfn, int index, long entry, int level, int rights, int needed, int forbidden) {
        if (!mode.isPresent(entry)) {
            return Long.MIN_VALUE | NOT_PRESENT;
        }
        if (mode.isLeaf(entry, level)) {
            return leaf(tablePfn, index, entry, level, rights, needed, forbidden);
        }
        if ((entry & reservedInTable[level]) != 0) {
            return Long.MIN_VALUE | RESERVED;
        }
        lastTableEntry[level] = marksTables ? mark(tablePfn, index, entry, level, false) : entry;
        lastTablePfn[level] = mode.pfn(entry, level);
        lastTableRights[level] = mode.tableRights(entry, level);
        return TABLE;
    }

    private long leaf(long tablePfn, int index, long entry, int level, int rights, int needed, int forbidden) {
        if ((entry & reservedInLeaf[level]) != 0 || !mode.allowsLeaf(level) || mode.isMalformedLeaf(entry)) {
            return Long.MIN_VALUE | RESERVED;
        }
        int flags = mode.flags(entry, level);
        int allowed = flags & rights & RIGHTS;
        if (Pkru.refuses(pkru, (flags & PteFlags.KEY) | allowed, needed)) {
            return Long.MIN_VALUE | DENIED_BY_KEY;
        }
        if ((allowed & needed) != needed || (allowed & forbidden) != 0) {
            return Long.MIN_VALUE | DENIED;
        }
        boolean isStore = (needed & PteFlags.WRITE) != 0;
        mark(tablePfn, index, entry, level, isStore);
        int marks = isStore ? PteFlags.ACCESSED | PteFlags.DIRTY : PteFlags.ACCESSED;
        int result = (flags & MARKS) | allowed | (rights & PteFlags.GLOBAL) | marks;
        return result(mode.pfn(entry, level), level, result, flags);
    }

    /** Packs what was found: the key comes from the leaf's own flags, everything else from {@code result}. */
    private static long result(long pfn, int level, int result, int leafFlags) {
        long key = (long) (leafFlags & PteFlags.KEY) << KEY_MOVE;
        return key | (pfn << FRAME_SHIFT) | ((long) level << LEVEL_SHIFT) | result;
    }

    /** Sets an entry's accessed and dirty bit in memory and returns it as it is then. */
    private long mark(long tablePfn, int index, long entry, int level, boolean isStore) {
        if (marksTables && level == 3 && mode == PagingMode.I386_PAE) {
            return entry; // a PDPTE has no accessed bit
        }
        long marked = mode.marked(entry, isStore);
        if (marked != entry) {
            mode.writeEntry(memory, tablePfn, index, marked);
            entryWrites++;
        }
        return marked;
    }

    /**
     * Finds a page without counting, marking or caching anything.
     *
     * @param rootPfn the frame of the root table
     * @param vaddr a canonical address
     * @return as {@link #walk}, with no right asked for
     */
    public long peek(long rootPfn, long vaddr) {
        long tablePfn = rootPfn;
        int rights = RIGHTS;
        for (int level = levels; ; level--) {
            long entry = mode.readEntry(memory, tablePfn, mode.index(vaddr, level));
            if (!mode.isPresent(entry)) {
                return Long.MIN_VALUE | NOT_PRESENT;
            }
            boolean leaf = mode.isLeaf(entry, level);
            if ((entry & (leaf ? reservedInLeaf[level] : reservedInTable[level])) != 0) {
                return Long.MIN_VALUE | RESERVED;
            }
            if (leaf) {
                if (!mode.allowsLeaf(level) || mode.isMalformedLeaf(entry)) {
                    return Long.MIN_VALUE | RESERVED;
                }
                int flags = mode.flags(entry, level);
                int result = (flags & MARKS) | (flags & rights & RIGHTS) | (rights & PteFlags.GLOBAL);
                return result(mode.pfn(entry, level), level, result, flags);
            }
            int below = mode.tableRights(entry, level);
            rights = (rights & (below | ~RIGHTS)) | (below & PteFlags.GLOBAL);
            tablePfn = mode.pfn(entry, level);
        }
    }

    /**
     * Returns the outcome of a walk that found no page.
     *
     * @param result a negative result
     */
    public static int outcome(long result) {
        return (int) result & 0xf;
    }

    /**
     * Returns the first frame of the page that was found.
     *
     * @param result a result that is not negative
     */
    public static long pfn(long result) {
        return result >>> FRAME_SHIFT & FRAME_MASK;
    }

    /**
     * Returns the level of the leaf that was found.
     *
     * @param result a result that is not negative
     */
    public static int level(long result) {
        return (int) (result >>> LEVEL_SHIFT) & 7;
    }

    /**
     * Returns the {@link PteFlags} of the page that was found, its key among them.
     *
     * @param result a result that is not negative
     */
    public static int flags(long result) {
        return ((int) result & FLAGS_MASK) | ((int) (result >>> KEY_MOVE) & PteFlags.KEY);
    }

    /**
     * Empties the page-walk caches of one address space, as INVLPG does for the current one.
     *
     * @param asid the address space
     */
    public void invalidateAsid(int asid) {
        for (WalkCache cache : caches) {
            if (cache != null) {
                cache.removeAsid(asid);
            }
        }
    }

    /** Empties the page-walk caches. */
    public void invalidateAll() {
        for (WalkCache cache : caches) {
            if (cache != null) {
                cache.clear();
            }
        }
    }

    /**
     * Takes out of the page-walk caches what a walk for one address would use, as a page fault does.
     *
     * @param vaddr a canonical address
     * @param asid its address space
     */
    public void invalidateAddress(long vaddr, int asid) {
        dropWaiting();
        isDropWaiting = true;
        waitingVaddr = vaddr;
        waitingAsid = asid;
    }

    private void dropWaiting() {
        if (isDropWaiting) {
            isDropWaiting = false;
            dropUpTo(levels, waitingVaddr, waitingAsid);
        }
    }

    private void dropUpTo(int highest, long vaddr, int asid) {
        for (int level = 2; level <= highest; level++) {
            WalkCache cache = caches[level];
            if (cache != null) {
                cache.remove(WalkCache.key((vaddr & addressMask) >>> shifts[level], asid));
            }
        }
    }

    /** Returns the number of walks of the hardware. */
    public long walks() {
        return walks;
    }

    /** Returns the number of entries that walks have read from memory. */
    public long references() {
        return references;
    }

    /** Returns the number of entries that walks have written back with an accessed or dirty bit. */
    public long entryWrites() {
        return entryWrites;
    }

    /**
     * Returns the number of walks that started from a cached entry of a level.
     *
     * @param level from 2 to the mode's levels
     */
    public long cacheHits(int level) {
        return cacheHits[level];
    }

    /**
     * Adds the caches' contents, in order of last use, and the counters to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        dropWaiting();
        digest.add(walks);
        digest.add(references);
        digest.add(entryWrites);
        for (int level = 2; level <= levels; level++) {
            WalkCache cache = caches[level];
            digest.add(cacheHits[level]);
            if (cache != null) {
                cache.addToDigest(digest);
            }
        }
    }

    /**
     * Checks that no cache holds a key twice.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (int level = 2; level <= levels; level++) {
            WalkCache cache = caches[level];
            if (cache != null) {
                cache.verify(level, out);
            }
        }
    }
}
