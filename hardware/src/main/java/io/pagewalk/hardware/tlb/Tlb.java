package io.pagewalk.hardware.tlb;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import java.util.Arrays;
import java.util.List;

/**
 * One level of one side of a CPU's TLB: translations in one or more set-associative arrays.
 *
 * <p>An entry belongs to one address space (ASID) unless it is global. It carries the rights of its page, whether a store may go ahead without setting the
 * dirty bit first, and the level of the leaf it came from; a leaf bigger than every array's page size is held in pieces. Lookups are made for the address space
 * that {@link #switchTo} named last.
 *
 * <p>A TLB that was told a {@link #setPkru register} gives its entries only the rights that their protection keys leave, so that a hit need not look at keys.
 */
public final class Tlb {
    /*
     * The hot path does not search. A small direct-mapped table of hints says in which slot a page was last seen; the slot's own key and rights confirm it.
     * Hints are forgotten at every change of address space, so that a confirmed key belongs to the current one. A hint that is wrong costs a search; one
     * that is confirmed names the slot that a search would find, because an entry is only made for a page that no live entry translates.
     *
     * A page that is not there is mostly known by a count of the entries with its hash; only a count above zero needs a search of the set.
     *
     * Recency is a stamp from a clock that ticks at every hit, so "least recently used" is the smallest stamp of a set and a hit is one store; Victims
     * finds the smallest stamp.
     * A hit and a tick are one addition: hits == clock - ticksWithoutHit.
     */
    private static final int MIN_HINTS = 1024;
    /** The key of a slot without an entry. */
    static final long INVALID = -1;

    /** Hashes per entry, so that few pages that are not there need a search. */
    private static final long FILTER = 4;

    final String name;
    final int levels;
    final TlbArray[] arrays;
    final int[] arrayBase;
    final Victims[] victims;
    private final boolean allLru;
    private final int capacity;

    /** Element {@code level} of a leaf: the biggest level held that is not above it, which is its own unless no array holds it. */
    final HeldLevel[] held;

    private final int[] keyShift;

    final long[] keys;
    final int[] entries;
    private final char[] asids;
    final long[] pfns;
    final long[] stamps;
    private final int[] hints;
    /** Equals the number of valid entries whose key and level have a hash. */
    final char[] present;

    /** Bit l is set while there are entries of level l: the page sizes that a search looks for. */
    int heldLevels;

    /** Equals the number of valid entries whose leaf is bigger than the entry. */
    int pieces;

    private int asid;
    int pkru;
    long clock;
    private long ticksWithoutHit;

    /**
     * Creates an empty TLB.
     *
     * @param name for people, such as {@code l1d}
     * @param mode gives the page sizes of the levels
     * @param arrays the geometry; one of them must hold 4 KiB pages; the first one that holds a size is used for it
     * @param random the source of random replacement, used by nobody else
     */
    public Tlb(String name, PagingMode mode, List<TlbArray> arrays, SeededRandom random) {
        this.name = name;
        this.levels = mode.levels();
        this.arrays = arrays.toArray(TlbArray[]::new);
        this.arrayBase = new int[this.arrays.length];
        this.victims = new Victims[this.arrays.length];
        this.held = new HeldLevel[levels + 1];
        this.keyShift = new int[levels + 1];
        int slots = 0;
        boolean lru = true;
        for (int a = 0; a < this.arrays.length; a++) {
            arrayBase[a] = slots;
            slots += this.arrays[a].entries();
            lru &= this.arrays[a].replacement() == Replacement.LRU;
        }
        this.allLru = lru;
        this.capacity = slots;
        // One slot more, which is never valid, for hints that point nowhere.
        this.keys = new long[capacity + 1];
        this.entries = new int[capacity + 1];
        this.asids = new char[capacity + 1];
        this.pfns = new long[capacity + 1];
        this.stamps = new long[capacity + 1];
        this.hints = new int[Math.max(MIN_HINTS, 1 << Bits.log2Ceil(2L * capacity))];
        this.present = new char[Math.max(MIN_HINTS, 1 << Bits.log2Ceil(FILTER * capacity))];
        for (int a = 0; a < this.arrays.length; a++) {
            victims[a] = new Victims(this.arrays[a], arrayBase[a], stamps, random);
        }
        for (int level = 1; level <= levels; level++) {
            keyShift[level] = mode.shift(level) - 12;
            int a = firstHolding(mode.shift(level));
            if (a < 0 && level == 1) {
                throw new IllegalArgumentException("TLB " + name + " has no array for 4 KiB pages");
            }
            held[level] = a < 0
                    ? held[level - 1]
                    : new HeldLevel(level, keyShift[level], a, arrayBase[a], this.arrays[a], victims[a]);
        }
        Arrays.fill(keys, INVALID);
        Arrays.fill(hints, capacity);
    }

    /**
     * Returns the bit that an entry must have for an access to go ahead.
     *
     * @param kind 0 load, 1 store, 2 fetch
     * @param isSupervisor whether it is made in supervisor mode
     */
    public static int needed(int kind, boolean isSupervisor) {
        return TlbEntry.needed(kind, isSupervisor);
    }

    /**
     * Returns the bit that an entry has when a store would go ahead if its dirty bit were set.
     *
     * @param isSupervisor whether the store is made in supervisor mode
     */
    public static int neededOnceDirty(boolean isSupervisor) {
        return TlbEntry.storeOnceDirty(isSupervisor);
    }

    /**
     * Looks a page up and, when it is there and allows the access, counts a hit and makes it most recent. This is the hot path: it may miss an entry that
     * {@link #find} finds.
     *
     * @param vpn the virtual address divided by 4096, unsigned
     * @param needed a bit from {@link #needed}
     * @return whether the access is done
     */
    public boolean hit(long vpn, int needed) {
        int slot = hints[hintOf(vpn)];
        int entry = entries[slot];
        if (keys[slot] != vpn >>> entry || (entry & needed) == 0) {
            return false;
        }
        long now = ++clock;
        if (allLru) {
            stamps[slot] = now;
        } else {
            touch(slot);
        }
        return true;
    }

    /**
     * Finds the entry of a page in the current address space, without changing or counting anything but the hint.
     *
     * @param vpn the virtual page
     * @return its slot, or -1
     */
    public int find(long vpn) {
        int hint = hintOf(vpn);
        int slot = hints[hint];
        if (keys[slot] == vpn >>> entries[slot]) {
            return slot;
        }
        slot = search(vpn, asid);
        if (slot >= 0) {
            hints[hint] = slot;
        }
        return slot;
    }

    /**
     * Counts a hit in an entry and makes it most recent.
     *
     * @param slot a valid slot
     */
    public void countHit(int slot) {
        clock++;
        touch(slot);
    }

    /**
     * Counts hits whose place in the order of recency is set by {@link #refresh}.
     *
     * @param count at least 0
     */
    public void countHits(long count) {
        clock += count;
    }

    /**
     * Makes a page the most recent of its set without counting, if it is there.
     *
     * @param vpn the virtual page
     */
    public void refresh(long vpn) {
        int slot = hints[hintOf(vpn)];
        if (keys[slot] != vpn >>> entries[slot]) {
            slot = find(vpn);
            if (slot < 0) {
                return;
            }
        }
        clock++;
        ticksWithoutHit++;
        touch(slot);
    }

    /**
     * Enters a translation for the current address space. An entry of the same page and size is overwritten in place; all others of the page go.
     *
     * @param vpn the virtual page of the access
     * @param pfn its 4 KiB frame, not the leaf's first
     * @param sizeLevel the biggest level the entry may have
     * @param leafLevel the level of the leaf in the page table, at least {@code sizeLevel}
     * @param flags the {@link PteFlags} that all levels of the page table together give
     * @return the number of entries dropped because they stood in the way
     */
    public int put(long vpn, long pfn, int sizeLevel, int leafLevel, int flags) {
        HeldLevel size = held[sizeLevel];
        int kept = -1;
        int dropped = 0;
        for (int rest = heldLevels; rest != 0; rest &= rest - 1) {
            HeldLevel other = held[Integer.numberOfTrailingZeros(rest)];
            int slot = searchLevel(other, vpn, asid, 0);
            while (slot >= 0) {
                if (other == size && kept < 0) {
                    kept = slot;
                } else {
                    drop(slot);
                    dropped++;
                }
                slot = searchLevel(other, vpn, asid, slot + 1);
            }
        }
        if (kept < 0) {
            insert(vpn, pfn, sizeLevel, leafLevel, flags);
            return dropped;
        }
        long filledAt = stamps[kept];
        fill(kept, size, vpn, pfn, TlbEntry.of(size.level, leafLevel, size.shift, flags));
        if (arrays[size.array].replacement() == Replacement.FIFO) {
            stamps[kept] = filledAt;
        }
        return dropped;
    }

    /**
     * Enters a translation that is known not to be there. Parameters as in {@link #put}.
     *
     * @param vpn the virtual page of the access
     * @param pfn its 4 KiB frame
     * @param sizeLevel the biggest level the entry may have
     * @param leafLevel the level of the leaf
     * @param flags its {@link PteFlags}
     */
    public void insert(long vpn, long pfn, int sizeLevel, int leafLevel, int flags) {
        HeldLevel size = held[sizeLevel];
        KernelBug.on(leafLevel < size.level, "an entry bigger than its leaf");
        insert(size, vpn, pfn, TlbEntry.of(size.level, leafLevel, size.shift, flags));
    }

    private void insert(HeldLevel size, long vpn, long pfn, int entry) {
        int slot = size.victims.take(size.setOf(vpn >>> size.shift), clock + 1);
        fill(slot, size, vpn, pfn, entry);
    }

    /**
     * Copies an entry of another TLB into this one, which does not have it: a first-level fill from the second level.
     *
     * @param from the TLB that has it
     * @param slot its slot there
     * @param vpn the virtual page of the access
     */
    public void insertFrom(Tlb from, int slot, long vpn) {
        int entry = from.entries[slot];
        HeldLevel own = held[TlbEntry.level(entry)];
        insert(own, vpn, from.pfn(slot, vpn), TlbEntry.resized(entry, own.level, own.shift));
    }

    /**
     * Returns whether an entry allows an access as it is.
     *
     * @param slot a valid slot
     * @param needed a bit from {@link #needed}
     */
    public boolean allows(int slot, int needed) {
        return (entries[slot] & needed) != 0;
    }

    /**
     * Returns whether an entry of another TLB would allow an access if it were in this one.
     *
     * @param from the TLB that has it, which was told no register
     * @param slot its slot there
     * @param needed a bit from {@link #needed}
     */
    public boolean allowsFrom(Tlb from, int slot, int needed) {
        return (TlbEntry.under(from.entries[slot], pkru) & needed) != 0;
    }

    /**
     * Returns the frame of one page under an entry.
     *
     * @param slot a valid slot
     * @param vpn the virtual page, inside the entry's page
     */
    public long pfn(int slot, long vpn) {
        return pfns[slot] + (vpn & ((1L << (entries[slot] & TlbEntry.SHIFT_MASK)) - 1));
    }

    /**
     * Returns the level of an entry's own size.
     *
     * @param slot a valid slot
     */
    public int entryLevel(int slot) {
        return TlbEntry.level(entries[slot]);
    }

    /**
     * Makes an address space current: lookups find its entries and global ones.
     *
     * @param newAsid from 0 to 65535
     */
    public void switchTo(int newAsid) {
        asid = newAsid;
        Arrays.fill(hints, capacity);
    }

    /**
     * Gives each entry the rights that its protection key leaves from now on. No entry goes.
     *
     * @param register the {@link io.pagewalk.hardware.paging.Pkru} register
     */
    public void setPkru(int register) {
        pkru = register;
        for (int slot = 0; slot < capacity; slot++) {
            if (keys[slot] != INVALID) {
                entries[slot] = TlbEntry.under(TlbEntry.whole(entries[slot]), register);
            }
        }
    }

    /**
     * Drops whatever translates a page in an address space, global entries and all pieces of a big leaf included.
     *
     * @param vpn the virtual page
     * @param ofAsid the address space
     * @return the number of entries dropped
     */
    public int invalidatePage(long vpn, int ofAsid) {
        int dropped = 0;
        if (pieces > 0) {
            for (int slot = 0; slot < capacity; slot++) {
                if (keys[slot] != INVALID
                        && matches(slot, ofAsid)
                        && TlbEntry.isPiece(entries[slot])
                        && leafCovers(slot, vpn)) {
                    drop(slot);
                    dropped++;
                }
            }
        }
        for (int slot = search(vpn, ofAsid); slot >= 0; slot = search(vpn, ofAsid)) {
            drop(slot);
            dropped++;
        }
        return dropped;
    }

    /**
     * Drops the entries of an address space, except global ones.
     *
     * @param ofAsid the address space
     * @return the number of entries dropped
     */
    public int invalidateAsid(int ofAsid) {
        int dropped = 0;
        for (int slot = 0; slot < capacity; slot++) {
            if (keys[slot] != INVALID && asids[slot] == ofAsid && (entries[slot] & TlbEntry.GLOBAL) == 0) {
                drop(slot);
                dropped++;
            }
        }
        return dropped;
    }

    /**
     * Drops all entries that are not global.
     *
     * @return the number of entries dropped
     */
    public int invalidateNonGlobal() {
        int dropped = 0;
        for (int slot = 0; slot < capacity; slot++) {
            if (keys[slot] != INVALID && (entries[slot] & TlbEntry.GLOBAL) == 0) {
                drop(slot);
                dropped++;
            }
        }
        return dropped;
    }

    /**
     * Drops everything.
     *
     * @return the number of entries dropped
     */
    public int invalidateAll() {
        int dropped = 0;
        for (int slot = 0; slot < capacity; slot++) {
            if (keys[slot] != INVALID) {
                drop(slot);
                dropped++;
            }
        }
        return dropped;
    }

    /** Returns the number of hits counted. */
    public long hits() {
        return clock - ticksWithoutHit;
    }

    /** Returns the number of valid entries. */
    public int live() {
        int live = 0;
        for (int level = 1; level <= levels; level++) {
            live += held[level].level == level ? held[level].live : 0;
        }
        return live;
    }

    /** Returns the number of entries there is room for. */
    public int capacity() {
        return capacity;
    }

    /**
     * Adds contents and hits to a digest. Where replacement goes by order, the order counts, not the place in the set or the time.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        TlbInspection.addToDigest(this, digest);
    }

    /**
     * Checks that each valid entry lies in the array and set that its key names, that no two entries translate one page for one address space at one size,
     * and that the counts equal the contents.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        TlbInspection.verify(this, out);
    }

    private int search(long vpn, int ofAsid) {
        for (int rest = heldLevels; rest != 0; rest &= rest - 1) {
            int slot = searchLevel(held[Integer.numberOfTrailingZeros(rest)], vpn, ofAsid, 0);
            if (slot >= 0) {
                return slot;
            }
        }
        return -1;
    }

    /** Returns the first slot at or after one whose entry has a level and translates a page, or -1. */
    private int searchLevel(HeldLevel size, long vpn, int ofAsid, int from) {
        long key = vpn >>> size.shift;
        if (present[hashOf(key, size.level)] == 0) {
            return -1;
        }
        int slot = size.firstSlotOf(key);
        for (int end = slot + size.ways; slot < end; slot++) {
            if (keys[slot] == key
                    && (entries[slot] & TlbEntry.SHIFT_MASK) == size.shift
                    && slot >= from
                    && matches(slot, ofAsid)) {
                return slot;
            }
        }
        return -1;
    }

    /** Returns whose an entry is: its ASID, or -1 when it is everybody's. */
    int owner(int slot) {
        return (entries[slot] & TlbEntry.GLOBAL) != 0 ? -1 : asids[slot];
    }

    private boolean matches(int slot, int ofAsid) {
        return asids[slot] == ofAsid || (entries[slot] & TlbEntry.GLOBAL) != 0;
    }

    /** Puts an entry into a slot, in the place of the one that is there. */
    private void fill(int slot, HeldLevel size, long vpn, long pfn, int entry) {
        long replaced = keys[slot];
        int old = entries[slot];
        if (replaced != INVALID) {
            present[hashOf(replaced, TlbEntry.level(old))]--;
        }
        if (replaced == INVALID || !TlbEntry.haveSameLevels(old, entry)) {
            if (replaced != INVALID) {
                uncount(old);
            }
            count(size, entry);
        }
        long key = vpn >>> size.shift;
        keys[slot] = key;
        entries[slot] = TlbEntry.under(entry, pkru);
        asids[slot] = (char) asid;
        pfns[slot] = pfn & -(1L << size.shift);
        hints[hintOf(vpn)] = slot;
        present[hashOf(key, size.level)]++;
        clock++;
        ticksWithoutHit++;
        stamps[slot] = clock;
        if (!allLru) {
            size.victims.used(slot, clock);
        }
    }

    private void drop(int slot) {
        int entry = entries[slot];
        present[hashOf(keys[slot], TlbEntry.level(entry))]--;
        uncount(entry);
        keys[slot] = INVALID;
        stamps[slot] = Victims.EMPTY;
        held[TlbEntry.level(entry)].victims.emptied(slot);
    }

    private void count(HeldLevel size, int entry) {
        size.live++;
        heldLevels |= 1 << size.level;
        pieces += TlbEntry.isPiece(entry) ? 1 : 0;
    }

    private void uncount(int entry) {
        HeldLevel size = held[TlbEntry.level(entry)];
        if (--size.live == 0) {
            heldLevels &= ~(1 << size.level);
        }
        pieces -= TlbEntry.isPiece(entry) ? 1 : 0;
    }

    private boolean leafCovers(int slot, long vpn) {
        int leafShift = keyShift[TlbEntry.leafLevel(entries[slot])];
        long start = keys[slot] << (entries[slot] & TlbEntry.SHIFT_MASK);
        return start >>> leafShift == vpn >>> leafShift;
    }

    /** Tells the replacement of the slot's array that it was used; the clock has ticked already. */
    private void touch(int slot) {
        if (allLru) {
            stamps[slot] = clock;
            return;
        }
        held[entryLevel(slot)].victims.used(slot, clock);
    }

    private int firstHolding(int pageShift) {
        for (int a = 0; a < arrays.length; a++) {
            if (arrays[a].pageShifts().contains(pageShift)) {
                return a;
            }
        }
        return -1;
    }

    private int hintOf(long vpn) {
        return (int) (vpn ^ (vpn >>> 10)) & (hints.length - 1);
    }

    private int hashOf(long key, int level) {
        return (int) (key ^ (key >>> 10) ^ ((long) level << 7)) & (present.length - 1);
    }
}
