package io.pagewalk.kernel.fault;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The tables of all address spaces, in simulated frames: finding, making and freeing them.
 *
 * <p>Level 1 is the table of page entries; the root's level is the mode's number of levels. An entry of level 2 may map a huge page instead of pointing to a leaf table.
 *
 * <pre>
 *   root ---> level n-1 ---> ... ---> level 1 (leaf table) ---> page
 *         entry covers 1 &lt;&lt; shift(level) bytes
 * </pre>
 */
final class PageTables {
    /* Finding the leaf table of an address costs a walk from the root. A small direct-mapped cache keeps (root, region) -> leaf table; freeing a table clears its slot. */
    private static final int CACHE_SLOTS = 256;
    /** Level of entries that lead to leaf tables or map huge pages: Linux's PMD. */
    static final int HUGE_LEVEL = 2;
    /** Outcome of {@link #findOrSkip}: a huge page is mapped there, or a huge place has a marker. No complement of an address has this value. */
    static final long HUGE = Long.MIN_VALUE;

    private static final int TABLE_BYTES = 4096;
    private static final int TABLE_GFP = Gfp.GFP_KERNEL | Gfp.ZERO | Gfp.ACCOUNT;
    /** The highest table of four levels. Tables above it are not part of {@code mm->pgtables_bytes}: Linux counts PTE, PMD and PUD tables. */
    private static final int PUD_LEVEL = 3;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageAllocator allocator;
    private final Folios folios;
    private final int levels;
    private final int leafShift;
    private final long[] cachedRegion = new long[CACHE_SLOTS];
    private final long[] cachedRoot = new long[CACHE_SLOTS];
    private final long[] cachedTable = new long[CACHE_SLOTS];
    /** Leaf tables that are kept for huge pages that may be split, by root and region. Looked up only, never walked. */
    private final Map<Region, Long> deposits = new HashMap<>();

    private long kernelRoot = -1;
    private int firstKernelIndex;

    /** The place of one entry of level 2. */
    private record Region(long root, long number) {}

    PageTables(PagingMode mode, PhysicalMemory memory, Folios folios) {
        this.mode = mode;
        this.memory = memory;
        this.folios = folios;
        this.allocator = folios.allocator();
        this.levels = mode.levels();
        this.leafShift = mode.shift(2);
        Arrays.fill(cachedRoot, -1);
    }

    /** Sets the kernel's own root, whose upper half every new root copies. */
    void setKernelRoot(long rootPfn, int firstIndex) {
        kernelRoot = rootPfn;
        firstKernelIndex = firstIndex;
    }

    long kernelRoot() {
        return kernelRoot;
    }

    int firstKernelIndex() {
        return firstKernelIndex;
    }

    /** Makes a root with the kernel half in it ({@code pgd_alloc()}); returns false when memory ran out. */
    boolean makeRoot(Mm mm) {
        long root = allocateTable();
        if (root < 0) {
            return false;
        }
        for (int i = firstKernelIndex; i < mode.entries(levels); i++) {
            long entry = mode.readEntry(memory, kernelRoot, i);
            if (entry != 0) {
                mode.writeEntry(memory, root, i, entry);
            }
        }
        mm.setPgdPfn(root);
        return true;
    }

    /** Frees the root of an address space whose other tables are gone ({@code pgd_free()}). */
    void freeRoot(Mm mm) {
        long root = mm.pgdPfn();
        Arrays.fill(cachedRoot, -1);
        mm.setPgdPfn(-1);
        freeTable(root);
    }

    /** Returns the leaf table of an address, or -1. */
    long find(Mm mm, long vaddr) {
        long region = vaddr >>> leafShift;
        int slot = (int) (region ^ mm.pgdPfn()) & (CACHE_SLOTS - 1);
        if (cachedRegion[slot] == region && cachedRoot[slot] == mm.pgdPfn()) {
            return cachedTable[slot];
        }
        long table = findOrSkip(mm, vaddr);
        if (table < 0) {
            return -1;
        }
        remember(slot, region, mm.pgdPfn(), table);
        return table;
    }

    /** Returns the leaf table of an address, {@link #HUGE}, or the complement of the first address that may have one again. */
    long findOrSkip(Mm mm, long vaddr) {
        long table = mm.pgdPfn();
        for (int level = levels; level > 1; level--) {
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            if (entry == 0) {
                return ~((vaddr | ((1L << mode.shift(level)) - 1)) + 1);
            }
            if (mode.isLeaf(entry, level) || PteMarkers.is(entry)) {
                return HUGE;
            }
            table = mode.pfn(entry, level);
        }
        return table;
    }

    /** Returns the entry that maps an address as one of a leaf table: what it is, or what it would be if the huge page there were mapped by the page; a marker of a huge place is what it is; 0 when there is none. */
    long entry(Mm mm, long vaddr) {
        long table = find(mm, vaddr);
        if (table >= 0) {
            return mode.readEntry(memory, table, mode.index(vaddr, 1));
        }
        long huge = hugeEntry(mm, vaddr);
        return huge == 0 ? partOfGigantic(mm, vaddr) : partOf(huge, vaddr);
    }

    /** Returns the entry that a part of a page above level 2 would have, or the marker of a huge place, which only hugetlbfs has; 0 when there is none. */
    private long partOfGigantic(Mm mm, long vaddr) {
        long table = mm.pgdPfn();
        for (int level = levels; level >= HUGE_LEVEL; level--) {
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            if (entry == 0 || PteMarkers.is(entry)) {
                return entry;
            }
            if (mode.isLeaf(entry, level)) {
                long offset = vaddr & ((1L << mode.shift(level)) - 1);
                return mode.leaf(mode.pfn(entry, level) + (offset >>> 12), mode.flags(entry, level), 1);
            }
            table = mode.pfn(entry, level);
        }
        return 0;
    }

    /** Returns the entry that a part of a huge page would have. */
    long partOf(long huge, long vaddr) {
        long pfn = mode.pfn(huge, HUGE_LEVEL) + ((vaddr & (hugeBytes() - 1)) >>> 12);
        return mode.leaf(pfn, mode.flags(huge, HUGE_LEVEL), 1);
    }

    /** Returns the entry of level 2 that maps a huge page at an address, or 0. */
    long hugeEntry(Mm mm, long vaddr) {
        long table = findLevel2(mm, vaddr);
        long entry = table < 0 ? 0 : mode.readEntry(memory, table, mode.index(vaddr, HUGE_LEVEL));
        return entry != 0 && mode.isLeaf(entry, HUGE_LEVEL) && !PteMarkers.is(entry) ? entry : 0;
    }

    /** Returns whether an address has a table of level 2. */
    boolean hasLevel2(Mm mm, long vaddr) {
        return findLevel2(mm, vaddr) >= 0;
    }

    /** Returns whether nothing is mapped by, and no table hangs below, the entry of level 2 of an address: {@code pmd_none()}. */
    boolean isRegionEmpty(Mm mm, long vaddr) {
        long table = findLevel2(mm, vaddr);
        return table < 0 || mode.readEntry(memory, table, mode.index(vaddr, HUGE_LEVEL)) == 0;
    }

    /** Replaces the entry of level 2 of an address, whose table exists; 0 empties it. */
    void setHugeEntry(Mm mm, long vaddr, long entry) {
        mode.writeEntry(memory, findLevel2(mm, vaddr), mode.index(vaddr, HUGE_LEVEL), entry);
    }

    /** Returns the bytes that an entry of level 2 maps. */
    long hugeBytes() {
        return 1L << leafShift;
    }

    /** Returns the first address behind the region of an address that an entry of level 2 maps. */
    long hugeEnd(long vaddr) {
        return (vaddr | (hugeBytes() - 1)) + 1;
    }

    /** Returns the table of level 2 of an address, or -1. */
    private long findLevel2(Mm mm, long vaddr) {
        long table = mm.pgdPfn();
        for (int level = levels; level > HUGE_LEVEL; level--) {
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            if (entry == 0 || mode.isLeaf(entry, level) || PteMarkers.is(entry)) {
                return -1;
            }
            table = mode.pfn(entry, level);
        }
        return table;
    }

    /** Keeps a leaf table for a huge page: {@code pgtable_trans_huge_deposit()}. */
    void deposit(Mm mm, long vaddr, long table) {
        mm.addPgtablesBytes(TABLE_BYTES);
        deposits.put(region(mm, vaddr), table);
    }

    /** Gives the leaf table back that was kept for a huge page, or -1 when there is none: {@code pgtable_trans_huge_withdraw()}. */
    long withdraw(Mm mm, long vaddr) {
        Long table = deposits.remove(region(mm, vaddr));
        if (table == null) {
            return -1;
        }
        mm.addPgtablesBytes(-TABLE_BYTES);
        return table;
    }

    /** Returns the leaf table that is kept for a huge page, or -1. */
    long deposited(Mm mm, long vaddr) {
        return deposits.getOrDefault(region(mm, vaddr), -1L);
    }

    /** Hangs a leaf table below the entry of level 2 of an address: {@code pmd_populate()}. */
    void hang(Mm mm, long vaddr, long table) {
        mm.addPgtablesBytes(TABLE_BYTES);
        setHugeEntry(mm, vaddr, mode.table(table, HUGE_LEVEL));
    }

    /** Takes the leaf table of an address out of the tree and returns it: what a collapse does. The caller flushes. */
    long unhang(Mm mm, long vaddr) {
        long table = find(mm, vaddr);
        forget(mm, vaddr);
        mm.addPgtablesBytes(-TABLE_BYTES);
        setHugeEntry(mm, vaddr, 0);
        return table;
    }

    private Region region(Mm mm, long vaddr) {
        return new Region(mm.pgdPfn(), vaddr >>> leafShift);
    }

    /** Returns the leaf table of an address, made now with the tables above it when missing ({@code __pte_alloc()}); -1 when memory ran out. */
    long findOrMake(Mm mm, long vaddr) {
        long table = find(mm, vaddr);
        return table >= 0 ? table : make(mm, vaddr);
    }

    private long make(Mm mm, long vaddr) {
        long table = makeDownTo(mm, vaddr, 1);
        if (table >= 0) {
            long region = vaddr >>> leafShift;
            remember((int) (region ^ mm.pgdPfn()) & (CACHE_SLOTS - 1), region, mm.pgdPfn(), table);
        }
        return table;
    }

    /** Makes the tables above the leaf table of an address, as every fault does before it knows what will be mapped ({@code __handle_mm_fault()}); returns false when memory ran out. */
    boolean makeUpper(Mm mm, long vaddr) {
        return makeDownTo(mm, vaddr, HUGE_LEVEL) >= 0;
    }

    /**
     * Makes the upper tables that a child needs where its parent has some, but no leaf table: {@code mm/memory.c:copy_pud_range()}, {@code copy_pmd_range()}.
     *
     * @param parent the address space that has the tables
     * @param child the address space that gets them
     * @param vaddr an address without a leaf table
     * @return false when memory ran out
     */
    boolean copyUpper(Mm parent, Mm child, long vaddr) {
        int level = lowestLevel(parent, vaddr);
        return level == levels || makeDownTo(child, vaddr, level) >= 0;
    }

    /**
     * Makes the table of the third level for the new place of memory that has no leaf table, as {@code mm/mremap.c:move_page_tables()} does before it sees that there is nothing to move. Without a
     * table of the second level at the old place none is made.
     *
     * @param mm the address space
     * @param from an address without a leaf table
     * @param to its new place
     * @return for how many bytes there is nothing to move, or -1 when memory ran out
     */
    long moveUpper(Mm mm, long from, long to) {
        int level = lowestLevel(mm, from);
        long bytes = bytesToBorder(from, mode.shift(level));
        if (level >= PUD_LEVEL || levels <= PUD_LEVEL) {
            return bytes;
        }
        long made = makeDownTo(mm, to, PUD_LEVEL);
        return made < 0 ? -1 : Math.min(bytes, bytesToBorder(to, mode.shift(PUD_LEVEL + 1)));
    }

    /** Returns the level of the lowest table that an address without a leaf table has. */
    private int lowestLevel(Mm mm, long vaddr) {
        int level = levels;
        long table = mm.pgdPfn();
        long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
        while (entry != 0) {
            table = mode.pfn(entry, level--);
            entry = mode.readEntry(memory, table, mode.index(vaddr, level));
        }
        return level;
    }

    private static long bytesToBorder(long vaddr, int shift) {
        return (1L << shift) - (vaddr & ((1L << shift) - 1));
    }

    /** Returns the table of an address at a level, made now with the tables above it when missing; -1 when memory ran out. */
    private long makeDownTo(Mm mm, long vaddr, int lowest) {
        long table = mm.pgdPfn();
        for (int level = levels; level > lowest; level--) {
            int index = mode.index(vaddr, level);
            long entry = mode.readEntry(memory, table, index);
            if (entry != 0) {
                KernelBug.on(mode.isLeaf(entry, level), "a table is wanted where a huge page is mapped");
                table = mode.pfn(entry, level);
                continue;
            }
            long below = allocateTable();
            if (below < 0) {
                return -1;
            }
            if (level - 1 <= PUD_LEVEL) {
                mm.addPgtablesBytes(TABLE_BYTES);
            }
            mode.writeEntry(memory, table, index, mode.table(below, level));
            table = below;
        }
        return table;
    }

    /**
     * Returns the table of one level that covers an address: {@code mm/hugetlb.c:huge_pte_alloc()} and {@code huge_pte_offset()}.
     *
     * @param mayMake whether it is made now with the tables above it when missing
     * @return its frame, -1 when there is none or memory ran out
     */
    long tableOf(Mm mm, long vaddr, int tableLevel, boolean mayMake) {
        if (mayMake) {
            return makeDownTo(mm, vaddr, tableLevel);
        }
        long table = mm.pgdPfn();
        for (int level = levels; level > tableLevel; level--) {
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            if (entry == 0) {
                return -1;
            }
            table = mode.pfn(entry, level);
        }
        return table;
    }

    private void remember(int slot, long region, long root, long table) {
        cachedRegion[slot] = region;
        cachedRoot[slot] = root;
        cachedTable[slot] = table;
    }

    /**
     * Frees the tables of a range that nothing else can use: {@code mm/memory.c:free_pgd_range()}.
     *
     * <p>A table may go when the whole span it covers lies between {@code floor}, the end of the area below, and {@code ceiling}, the start of the area above; a ceiling of 0 is
     * the end of the address space.
     *
     * @return how many tables were freed
     */
    int freeRange(Mm mm, long from, long to, long floor, long ceiling) {
        long pmdSize = 1L << leafShift;
        long start = from & -pmdSize;
        long end = to;
        if (start < floor) {
            start += pmdSize;
        }
        long roundedCeiling = ceiling & -pmdSize;
        if (ceiling != 0 && roundedCeiling == 0) {
            return 0;
        }
        if (Long.compareUnsigned(end - 1, roundedCeiling - 1) > 0) {
            end -= pmdSize;
        }
        if (Long.compareUnsigned(start, end - 1) > 0) {
            return 0;
        }
        return freeEntries(mm, mm.pgdPfn(), levels, start, end, floor, roundedCeiling);
    }

    /** Frees what hangs below the entries of one table for a range. */
    private int freeEntries(Mm mm, long table, int level, long start, long end, long floor, long ceiling) {
        long span = 1L << mode.shift(level);
        int freed = 0;
        long vaddr = start;
        while (Long.compareUnsigned(vaddr, end) < 0) {
            long next = Math.min((vaddr | (span - 1)) + 1, end);
            int index = mode.index(vaddr, level);
            long entry = mode.readEntry(memory, table, index);
            if (entry != 0) {
                long below = mode.pfn(entry, level);
                boolean isFree;
                if (level == 2) {
                    isFree = true;
                } else {
                    freed += freeEntries(mm, below, level - 1, vaddr, next, floor, ceiling);
                    isFree = isWholeSpanFree(vaddr & -span, next, span, floor, ceiling);
                }
                if (isFree) {
                    mode.writeEntry(memory, table, index, 0);
                    dropTable(mm, below, level - 1, vaddr);
                    freed++;
                }
            }
            vaddr = next;
        }
        return freed;
    }

    /** Frees the leaf tables that a range covers wholly and that are empty now: {@code mm/pt_reclaim.c}, which Linux has for x86-64 alone. */
    void reclaim(Mm mm, long start, long end, FlushRange flush) {
        long span = 1L << leafShift;
        if (mode.architecture() != PagingMode.Architecture.X86_64) {
            return;
        }
        for (long at = Bits.roundUp(start, span); at + span <= end; at += span) {
            long table = findOrSkip(mm, at);
            if (table >= 0 && isEmpty(table)) {
                freeRange(mm, at, at + span, at, at + span);
                flush.addTables(at, at + span);
            }
        }
    }

    private boolean isEmpty(long table) {
        for (int index = 0; index < mode.entries(1); index++) {
            if (mode.readEntry(memory, table, index) != 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean isWholeSpanFree(long spanStart, long end, long span, long floor, long ceiling) {
        if (Long.compareUnsigned(spanStart, floor) < 0) {
            return false;
        }
        long roundedCeiling = ceiling & -span;
        if (ceiling != 0 && roundedCeiling == 0) {
            return false;
        }
        return Long.compareUnsigned(end - 1, roundedCeiling - 1) <= 0;
    }

    private void dropTable(Mm mm, long table, int level, long vaddr) {
        if (level == 1) {
            forget(mm, vaddr);
        }
        if (level <= PUD_LEVEL) {
            mm.addPgtablesBytes(-TABLE_BYTES);
        }
        freeTable(table);
    }

    private void forget(Mm mm, long vaddr) {
        long region = vaddr >>> leafShift;
        int slot = (int) (region ^ mm.pgdPfn()) & (CACHE_SLOTS - 1);
        if (cachedRegion[slot] == region && cachedRoot[slot] == mm.pgdPfn()) {
            cachedRoot[slot] = -1;
        }
    }

    /**
     * Moves a whole leaf table from one address to another: {@code mm/mremap.c:move_normal_pmd()}.
     *
     * @return 1 when moved, 0 when the target already has a table or the source has none, -1 when memory ran out
     */
    int moveLeafTable(Mm mm, long from, long to) {
        long source = findOrSkip(mm, from);
        if (source < 0 || findOrSkip(mm, to) >= 0) {
            return 0;
        }
        if (!makeUpper(mm, to)) {
            return -1;
        }
        setHugeEntry(mm, from, 0);
        setHugeEntry(mm, to, mode.table(source, HUGE_LEVEL));
        forget(mm, from);
        forget(mm, to);
        return 1;
    }

    /** Allocates a zeroed, counted table, or returns -1. */
    long allocateTable() {
        long pfn = folios.allocate(TABLE_GFP);
        if (pfn >= 0) {
            allocator.memMap().setOwner(pfn, FrameOwner.PAGE_TABLE);
            folios.counters().add(folios.zoneOf(pfn).node(), NodeStat.NR_PAGE_TABLE_PAGES, 1);
        }
        return pfn;
    }

    /** Frees a table that hangs nowhere. */
    void freeTable(long pfn) {
        KernelBug.on(pfn < 0, "freeing a table that does not exist");
        folios.counters().add(folios.zoneOf(pfn).node(), NodeStat.NR_PAGE_TABLE_PAGES, -1);
        allocator.freePages(pfn, 0);
    }
}
