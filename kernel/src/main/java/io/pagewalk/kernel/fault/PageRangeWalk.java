package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import org.jspecify.annotations.Nullable;

/** A walk over the areas and entries of a range of addresses: {@code mm/pagewalk.c:walk_page_range()}. It neither makes tables nor sets accessed bits. */
public final class PageRangeWalk {
    /** What the walk calls: {@code struct mm_walk_ops}. */
    public interface Visitor {
        /**
         * Decides on an area before its entries are met: {@code test_walk()}.
         *
         * @param vma the area
         * @param start first address of the range in it
         * @param end first address behind
         * @return 0 to go on, above 0 to pass the area over, below 0 to end the walk with this result
         */
        long test(Vma vma, long start, long end);

        /**
         * Meets an entry of a page, which may be empty or a marker: what {@code pmd_entry()} does for each.
         *
         * @param vma its area
         * @param vaddr its address
         * @param entry the raw entry; {@link PageRangeWalk#replace} changes it
         * @return 0 to go on, else the walk ends with this result
         */
        long entry(Vma vma, long vaddr, long entry);

        /**
         * Meets a huge page that one entry maps and that lies wholly in the range: {@code pmd_entry()} for {@code pmd_trans_huge()}.
         *
         * @param vma its area
         * @param vaddr its first address
         * @param entry the raw entry of level 2; {@link PageRangeWalk#setHugeFlags} changes it
         * @return whether that was all; else its pages are met one by one
         */
        default boolean huge(Vma vma, long vaddr, long entry) {
            return false;
        }

        /**
         * Meets addresses without a table for their pages: {@code pte_hole()}.
         *
         * @param vma their area, null when they lie in none
         * @param start first address
         * @param end first address behind
         * @return 0 to go on, else the walk ends with this result
         */
        default long hole(@Nullable Vma vma, long start, long end) {
            return 0;
        }
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final HugeMappings huge;
    private long table;
    private int index;

    /** While a huge page is met: its area, and the address of the part. */
    private @Nullable Vma replacing;

    private long place;

    /**
     * Creates a walk, for use by one caller at a time.
     *
     * @param kernel the kernel's tables
     */
    public PageRangeWalk(KernelTables kernel) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.huge = kernel.hugeMappings();
    }

    /**
     * Walks a range.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param end first address behind, at most the end of user space
     * @param visitor told about everything
     * @return 0, or the result of the visitor that ended the walk
     */
    public long walk(Mm mm, long start, long end, Visitor visitor) {
        long at = start;
        while (at < end) {
            Vma vma = mm.vmas().findFirst(at);
            long next;
            long result;
            if (vma == null || at < vma.start()) {
                next = vma == null ? end : Math.min(end, vma.start());
                result = visitor.hole(null, at, next);
            } else {
                next = Math.min(end, vma.end());
                result = visitor.test(vma, at, next);
                if (result == 0) {
                    result = area(vma, at, next, visitor);
                } else if (result > 0) {
                    result = 0;
                }
            }
            if (result != 0) {
                return result;
            }
            at = next;
        }
        return 0;
    }

    private long area(Vma vma, long start, long end, Visitor visitor) {
        long vaddr = start;
        while (vaddr < end) {
            table = tables.findOrSkip(vma.mm(), vaddr);
            if (table == PageTables.HUGE) {
                long result = huge(vma, vaddr, end, visitor);
                if (result != 0) {
                    return result;
                }
                vaddr = Math.min(tables.hugeEnd(vaddr), end);
                continue;
            }
            if (table < 0) {
                long next = Math.min(end, ~table);
                long result = visitor.hole(vma, vaddr, next);
                if (result != 0) {
                    return result;
                }
                vaddr = next;
                continue;
            }
            index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long result = visitor.entry(vma, vaddr, mode.readEntry(memory, table, index));
                if (result != 0) {
                    return result;
                }
            }
        }
        return 0;
    }

    /** Meets the pages of a huge page, which one entry maps, one by one until the visitor lets the kernel split it. */
    private long huge(Vma vma, long start, long end, Visitor visitor) {
        long next = Math.min(tables.hugeEnd(start), end);
        if (huge.isWhole(start, end) && visitor.huge(vma, start, tables.hugeEntry(vma.mm(), start))) {
            return 0;
        }
        for (long vaddr = start; vaddr < next; vaddr += 4096) {
            replacing = vma;
            place = vaddr;
            long result = visitor.entry(vma, vaddr, tables.entry(vma.mm(), vaddr));
            replacing = null;
            if (result != 0) {
                return result;
            }
        }
        return 0;
    }

    /**
     * Gives the entry of a huge page other flags; TLBs are the caller's affair.
     *
     * @param vma its area
     * @param vaddr its first address
     * @param entry the raw entry
     * @param flags all flags of the new one
     */
    public void setHugeFlags(Vma vma, long vaddr, long entry, int flags) {
        huge.setFlags(vma.mm(), vaddr, entry, flags);
    }

    /** Returns whether the entry that the visitor is just meeting is a part of one that maps a huge page. */
    public boolean isHuge() {
        return replacing != null && tables.hugeEntry(replacing.mm(), place) != 0;
    }

    /**
     * Replaces the entry that the visitor is just meeting, which splits a huge page; TLBs are the caller's affair.
     *
     * @param entry a raw entry
     */
    public void replace(long entry) {
        Vma vma = replacing;
        if (vma != null) {
            huge.split(vma, place);
            table = tables.find(vma.mm(), place);
            index = mode.index(place, 1);
            if (table < 0) {
                return;
            }
        }
        mode.writeEntry(memory, table, index, entry);
    }
}
