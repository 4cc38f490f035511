package io.pagewalk.hardware.mmu;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;

/** Page tables that a test builds: frames from 1 upwards are tables, frames from {@link #FIRST_DATA} to {@link #FRAMES} are data. */
final class PageTables {
    static final long FRAMES = 1L << 20;
    static final long FIRST_DATA = 1L << 19;

    final PhysicalMemory memory = new PhysicalMemory(FRAMES);
    final PagingMode mode;
    private long nextTable = 1;

    PageTables(PagingMode mode) {
        this.mode = mode;
    }

    long newTable() {
        return nextTable++;
    }

    /** Stores a leaf, making tables on the way; a leaf in the way becomes a table. */
    void map(long root, long vaddr, int level, long pfn, int flags) {
        set(root, vaddr, level, mode.leaf(pfn, flags, level));
    }

    void set(long root, long vaddr, int level, long entry) {
        long table = root;
        for (int l = mode.levels(); l > level; l--) {
            long above = mode.readEntry(memory, table, mode.index(vaddr, l));
            if (!mode.isPresent(above) || mode.isLeaf(above, l)) {
                above = mode.table(newTable(), l);
                mode.writeEntry(memory, table, mode.index(vaddr, l), above);
            }
            table = mode.pfn(above, l);
        }
        mode.writeEntry(memory, table, mode.index(vaddr, level), entry);
    }

    /** Returns the entry of a level, or 0 when the tables do not reach so far down. */
    long get(long root, long vaddr, int level) {
        long table = root;
        for (int l = mode.levels(); l > level; l--) {
            long above = mode.readEntry(memory, table, mode.index(vaddr, l));
            if (!mode.isPresent(above) || mode.isLeaf(above, l)) {
                return 0;
            }
            table = mode.pfn(above, l);
        }
        return mode.readEntry(memory, table, mode.index(vaddr, level));
    }

    /** Returns a data frame aligned for a leaf, 0 when the leaf is bigger than memory. */
    long dataFrame(SeededRandom random, int level) {
        long pages = mode.pagesPerLeaf(level);
        if (pages >= FRAMES) {
            return 0;
        }
        long first = Math.max(FIRST_DATA, pages);
        return (first + random.nextLong(FRAMES - first)) & -pages;
    }

    /** Returns pages to play with: clusters in both halves, neighbours at every level's distance. */
    long[] pool(SeededRandom random, int size) {
        long[] pool = new long[size];
        long top = mode.virtualBits() == 32 ? 1L << 32 : mode.userEnd() + 4096;
        long[] bases = new long[6];
        for (int i = 0; i < bases.length; i++) {
            bases[i] = random.nextLong(top) & -(1L << 21);
            if (i >= 4 && mode.virtualBits() != 32) {
                bases[i] = ~bases[i] & -4096L;
            }
        }
        for (int i = 0; i < size; i++) {
            long distance = random.nextLong(12) << mode.shift(1 + random.nextInt(Math.min(mode.levels(), 3)));
            long page = bases[random.nextInt(bases.length)] + distance + (random.nextLong(40) << 12);
            if (mode.virtualBits() == 32) {
                page &= 0xffff_f000L;
            }
            pool[i] = mode.isCanonical(page) ? page : bases[0];
        }
        return pool;
    }
}
