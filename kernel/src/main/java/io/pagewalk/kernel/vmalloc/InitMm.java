package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's own page tables, {@code init_mm}: one root ({@code swapper_pg_dir}) and everything below it, in simulated frames. All processes share the tables below their
 * roots' kernel half.
 *
 * <p>Tables are made when a mapping needs them and stay; only a leaf table that a large leaf replaces is freed ({@code pmd_free_pte_page()}).
 */
public final class InitMm {
    /** {@code PAGE_KERNEL}: read, write, no execution, global. */
    public static final int PAGE_KERNEL =
            PteFlags.READ | PteFlags.WRITE | PteFlags.GLOBAL | PteFlags.ACCESSED | PteFlags.DIRTY;

    /** {@code PAGE_KERNEL_EXEC}: code that can still be written, as modules are loaded. */
    public static final int PAGE_KERNEL_EXEC = PAGE_KERNEL | PteFlags.EXEC;

    /** {@code PAGE_KERNEL_RO}. */
    public static final int PAGE_KERNEL_RO = PAGE_KERNEL & ~(PteFlags.WRITE | PteFlags.DIRTY);

    /** {@code PAGE_KERNEL_ROX}: the kernel's text. */
    public static final int PAGE_KERNEL_ROX = PAGE_KERNEL_RO | PteFlags.EXEC;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageAllocator allocator;
    private final int levels;
    private final long root;
    private @Nullable KernelTlb tlb;
    private int tableCount;

    /**
     * Makes an empty root.
     *
     * @param mode format of the tables
     * @param memory where they lie
     * @param allocator where their frames come from
     */
    public InitMm(PagingMode mode, PhysicalMemory memory, PageAllocator allocator) {
        this.mode = mode;
        this.memory = memory;
        this.allocator = allocator;
        this.levels = mode.levels();
        this.root = newTable();
        KernelBug.on(root < 0, "no memory for the kernel's root table");
    }

    /**
     * Says who must hear of flushes and new root entries; before that there is nobody.
     *
     * @param newTlb the machine's TLBs
     */
    public void setTlb(KernelTlb newTlb) {
        this.tlb = newTlb;
    }

    /** Returns the frame of {@code swapper_pg_dir}. */
    public long rootPfn() {
        return root;
    }

    /** Returns how many frames the kernel's tables take, the root included. */
    public int tableCount() {
        return tableCount;
    }

    /** Returns the format of the tables. */
    public PagingMode mode() {
        return mode;
    }

    /**
     * Makes the tables right below the root for a whole range, so that processes started later and earlier share them: {@code preallocate_vmalloc_pages()}.
     *
     * @param start first address
     * @param last last address
     */
    public void preallocate(long start, long last) {
        for (int index = mode.index(start, levels); index <= mode.index(last, levels); index++) {
            if (mode.readEntry(memory, root, index) == 0) {
                long below = newTable();
                KernelBug.on(below < 0, "no memory for the kernel's page tables at boot");
                link(root, levels, index, below);
            }
        }
    }

    /**
     * Makes all leaf tables of a range, for mappings that must not fail later: {@code page_table_range_init()}.
     *
     * @param start first address
     * @param last last address
     */
    public void preallocateLeafTables(long start, long last) {
        long span = 1L << mode.shift(2);
        for (long vaddr = Bits.roundDown(start, span); vaddr <= last; vaddr += span) {
            KernelBug.on(tableOf(vaddr, 1) < 0, "no memory for the kernel's page tables at boot");
        }
    }

    /**
     * Maps one leaf.
     *
     * @param vaddr where, aligned to the leaf
     * @param pfn first frame, aligned to the leaf
     * @param flags {@link PteFlags}
     * @param level size of the leaf
     * @return 0, {@code -ENOMEM} without memory for a table, {@code -EBUSY} where something is mapped
     */
    public long mapLeaf(long vaddr, long pfn, int flags, int level) {
        long table = tableOf(vaddr, level);
        if (table < 0) {
            return -Errno.ENOMEM;
        }
        int index = mode.index(vaddr, level);
        long old = mode.readEntry(memory, table, index);
        if (old != 0) {
            if (level == 1 || mode.isLeaf(old, level)) {
                return -Errno.EBUSY;
            }
            if (!freeEmptyTable(table, level, index, mode.pfn(old, level), vaddr)) {
                return -Errno.EBUSY;
            }
        }
        write(table, level, index, mode.leaf(pfn, flags, level));
        return 0;
    }

    /**
     * Maps physically contiguous memory with the largest leaves that fit: {@code mm/vmalloc.c:vmap_range_noflush()}.
     *
     * @param vaddr where, page aligned
     * @param paddr physical address, page aligned
     * @param bytes a multiple of 4096
     * @param flags {@link PteFlags}
     * @param highestLeaf largest level of a leaf, 1 for small pages only
     * @return 0 or a negated errno; what was mapped before a failure stays mapped
     */
    public long mapRange(long vaddr, long paddr, long bytes, int flags, int highestLeaf) {
        long done = 0;
        while (done < bytes) {
            int level = Math.min(highestLeaf, levels);
            while (level > 1 && !fits(vaddr + done, paddr + done, bytes - done, level)) {
                level--;
            }
            long error = mapLeaf(vaddr + done, (paddr + done) >>> 12, flags, level);
            while (error == -Errno.EBUSY && level > 1) {
                level--;
                error = mapLeaf(vaddr + done, (paddr + done) >>> 12, flags, level);
            }
            if (error != 0) {
                return error;
            }
            done += 1L << mode.shift(level);
        }
        return 0;
    }

    private boolean fits(long vaddr, long paddr, long bytes, int level) {
        long span = 1L << mode.shift(level);
        return mode.allowsLeaf(level) && bytes >= span && ((vaddr | paddr) & (span - 1)) == 0;
    }

    /**
     * Clears the entries of a range, without a flush: {@code mm/vmalloc.c:vunmap_range_noflush()}. A leaf that reaches out of the range stays.
     *
     * @param start first byte, page aligned
     * @param end first byte behind
     * @return how many leaves were cleared
     */
    public int unmapRange(long start, long end) {
        int cleared = 0;
        long vaddr = start;
        while (vaddr < end) {
            long table = root;
            int level = levels;
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            while (entry != 0 && level > 1 && !mode.isLeaf(entry, level)) {
                table = mode.pfn(entry, level);
                level--;
                entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            }
            long span = 1L << mode.shift(level);
            long next = (vaddr & -span) + span;
            if (entry != 0 && (level == 1 || ((vaddr & (span - 1)) == 0 && next <= end))) {
                write(table, level, mode.index(vaddr, level), 0);
                cleared++;
            }
            vaddr = next;
        }
        return cleared;
    }

    /**
     * Returns the level of the leaf that maps an address.
     *
     * @param vaddr a kernel address
     * @return its level, or 0 when nothing is mapped
     */
    public int leafLevel(long vaddr) {
        return (int) (find(vaddr) & 7);
    }

    /**
     * Returns the {@link PteFlags} of the leaf that maps an address, 0 when nothing is mapped.
     *
     * @param vaddr a kernel address
     */
    public int flags(long vaddr) {
        long found = find(vaddr);
        int level = (int) (found & 7);
        return level == 0 ? 0 : mode.flags(mode.readEntry(memory, found >>> 3, mode.index(vaddr, level)), level);
    }

    /**
     * Returns the physical address behind a kernel address, by the tables: {@code slow_virt_to_phys()}, {@code vmalloc_to_page()}.
     *
     * @param vaddr a kernel address
     * @return the physical address, or -1 when nothing is mapped
     */
    public long translate(long vaddr) {
        long found = find(vaddr);
        int level = (int) (found & 7);
        if (level == 0) {
            return -1;
        }
        long entry = mode.readEntry(memory, found >>> 3, mode.index(vaddr, level));
        return (mode.pfn(entry, level) << 12) + (vaddr & ((1L << mode.shift(level)) - 1));
    }

    /**
     * Adds up what the leaves of a range map.
     *
     * @param start first address, page aligned
     * @param last last address, which may be the highest of all
     * @return bytes by the level of the leaves; a leaf that reaches out of the range counts whole
     */
    public long[] mappedBytes(long start, long last) {
        long[] bytes = new long[levels + 1];
        long vaddr = start;
        while (true) {
            long table = root;
            int level = levels;
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            while (mode.isPresent(entry) && level > 1 && !mode.isLeaf(entry, level)) {
                table = mode.pfn(entry, level);
                level--;
                entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            }
            long lastOfEntry = vaddr | ((1L << mode.shift(level)) - 1);
            if (mode.isPresent(entry)) {
                bytes[level] += 1L << mode.shift(level);
            }
            if (Long.compareUnsigned(lastOfEntry, last) >= 0) {
                return bytes;
            }
            vaddr = lastOfEntry + 1;
        }
    }

    /** Returns table and level of the leaf of an address, packed as {@code table << 3 | level}; level 0 when there is none. */
    private long find(long vaddr) {
        long table = root;
        for (int level = levels; ; level--) {
            long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
            if (!mode.isPresent(entry)) {
                return 0;
            }
            if (level == 1 || mode.isLeaf(entry, level)) {
                return table << 3 | level;
            }
            table = mode.pfn(entry, level);
        }
    }

    /** Returns the table of a level that an address's entry lies in, made now when missing; -1 without memory. */
    private long tableOf(long vaddr, int leafLevel) {
        long table = root;
        for (int level = levels; level > leafLevel; level--) {
            int index = mode.index(vaddr, level);
            long entry = mode.readEntry(memory, table, index);
            if (entry == 0) {
                long below = newTable();
                if (below < 0) {
                    return -1;
                }
                link(table, level, index, below);
                table = below;
            } else {
                KernelBug.on(mode.isLeaf(entry, level), "a large leaf maps what small ones are wanted for");
                table = mode.pfn(entry, level);
            }
        }
        return table;
    }

    private void link(long table, int level, int index, long below) {
        write(table, level, index, mode.table(below, level));
    }

    private void write(long table, int level, int index, long entry) {
        mode.writeEntry(memory, table, index, entry);
        KernelTlb listener = tlb;
        if (level == levels && listener != null) {
            listener.syncRootEntry(index, entry);
        }
    }

    /** {@code pmd_free_pte_page()}: a leaf table without entries makes room for a large leaf. */
    private boolean freeEmptyTable(long table, int level, int index, long below, long vaddr) {
        if (level != 2) {
            return false;
        }
        for (int i = 0; i < mode.entries(1); i++) {
            if (mode.readEntry(memory, below, i) != 0) {
                return false;
            }
        }
        write(table, level, index, 0);
        if (tlb != null) {
            tlb.flushKernelRange(vaddr, vaddr + (1L << mode.shift(level)));
        }
        allocator.freePages(below, 0);
        tableCount--;
        return true;
    }

    private long newTable() {
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.ZERO, 0);
        if (pfn >= 0) {
            allocator.memMap().setOwner(pfn, FrameOwner.PAGE_TABLE);
            tableCount++;
        }
        return pfn;
    }
}
