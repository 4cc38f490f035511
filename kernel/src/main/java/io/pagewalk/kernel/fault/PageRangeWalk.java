package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
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
         * Meets a place of hugetlbfs that has a table: {@code hugetlb_entry()}.
         *
         * @param vma its area
         * @param start first address of the range in it
         * @param end first address behind
         * @param entry the raw entry as a page at the first address would have it, which may be empty or a marker; {@link PageRangeWalk#protect} changes it
         * @return 0 to go on, else the walk ends with this result
         */
        default long hugetlb(Vma vma, long start, long end, long entry) {
            return 0;
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
    private final HugeEntries entries;
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
        this.entries = new HugeEntries(kernel);
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

    /** {@code walk_hugetlb_range()}. */
    private long hugetlb(Vma vma, long start, long end, Visitor visitor) {
        long bytes = vma.kernelPageBytes();
        int level = entries.levelOf(bytes);
        long result = 0;
        for (long vaddr = start; vaddr < end && result == 0; vaddr = (vaddr & -bytes) + bytes) {
            long next = Math.min((vaddr & -bytes) + bytes, end);
            result = entries.has(vma.mm(), vaddr, level)
                    ? visitor.hugetlb(vma, vaddr, next, tables.entry(vma.mm(), vaddr))
                    : visitor.hole(vma, vaddr, next);
        }
        return result;
    }

    /**
     * Lets stores to a place of hugetlbfs be told to userfaultfd; TLBs are the caller's affair: {@code fs/proc/task_mmu.c:make_uffd_wp_huge_pte()}.
     *
     * @param vma its area
     * @param vaddr its first address
     * @return false when there was no memory for tables
     */
    public boolean protect(Vma vma, long vaddr) {
        int level = entries.levelOf(vma.kernelPageBytes());
        if (!entries.make(vma.mm(), vaddr, level)) {
            return false;
        }
        long entry = entries.get(vma.mm(), vaddr, level);
        if (entry == 0) {
            entries.set(vma.mm(), vaddr, level, PteMarkers.entry(PteMarkers.UFFD_WP));
        } else if (!PteMarkers.is(entry)) {
            int flags = (mode.flags(entry, level) | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
            entries.set(vma.mm(), vaddr, level, entries.leaf(mode.pfn(entry, level), flags, level));
        }
        return true;
    }

    private long area(Vma vma, long start, long end, Visitor visitor) {
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            return hugetlb(vma, start, end, visitor);
        }
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
