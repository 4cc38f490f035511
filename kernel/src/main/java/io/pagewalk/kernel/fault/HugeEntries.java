package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;

/**
 * Entries of hugetlbfs areas, which lie in tables above the leaf tables: {@code mm/hugetlb.c:huge_pte_offset()} and its neighbours.
 *
 * <p>A level is that of the table in which the entry lies: 2 for 2 MiB (4 MiB on i386 without PAE), 3 for 1 GiB.
 */
public final class HugeEntries {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;

    /**
     * Creates the access for one machine.
     *
     * @param kernel its tables
     */
    public HugeEntries(KernelTables kernel) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = new Protection(mode);
    }

    /**
     * Returns the level at which pages of a size are mapped.
     *
     * @param bytes size of a page
     */
    public int levelOf(long bytes) {
        int level = 2;
        while (1L << mode.shift(level) < bytes) {
            level++;
        }
        return level;
    }

    /**
     * Reads an entry: {@code huge_ptep_get()}.
     *
     * @param mm the address space
     * @param vaddr a user address
     * @param level its level
     * @return the raw entry, 0 when there is none
     */
    public long get(Mm mm, long vaddr, int level) {
        long table = mm.pgdPfn() < 0 ? -1 : tables.tableOf(mm, vaddr, level, false);
        return table < 0 ? 0 : mode.readEntry(memory, table, mode.index(vaddr, level));
    }

    /**
     * Returns whether there is a table for an entry.
     *
     * @param mm the address space
     * @param vaddr a user address
     * @param level its level
     */
    public boolean has(Mm mm, long vaddr, int level) {
        return tables.tableOf(mm, vaddr, level, false) >= 0;
    }

    /**
     * Makes room for an entry: {@code huge_pte_alloc()}.
     *
     * @param mm the address space
     * @param vaddr a user address
     * @param level its level
     * @return false when there was no memory for tables
     */
    public boolean make(Mm mm, long vaddr, int level) {
        return tables.tableOf(mm, vaddr, level, true) >= 0;
    }

    /**
     * Writes an entry, for which there must be room; flushing is the caller's affair.
     *
     * @param mm the address space
     * @param vaddr a user address
     * @param level its level
     * @param entry the raw entry
     */
    public void set(Mm mm, long vaddr, int level, long entry) {
        mode.writeEntry(memory, tables.tableOf(mm, vaddr, level, false), mode.index(vaddr, level), entry);
    }

    /**
     * Makes an entry.
     *
     * @param pfn first frame
     * @param flags bits of {@link PteFlags}
     * @param level its level
     * @return the raw entry
     */
    public long leaf(long pfn, int flags, int level) {
        return mode.leaf(pfn, flags, level);
    }

    /**
     * Returns the flags of an entry.
     *
     * @param entry a raw entry
     * @param level its level
     */
    public int flags(long entry, int level) {
        return mode.flags(entry, level);
    }

    /**
     * Returns the first frame of an entry.
     *
     * @param entry a raw entry
     * @param level its level
     */
    public long pfn(long entry, int level) {
        return mode.pfn(entry, level);
    }

    /**
     * Returns the rights that an area gives its entries: {@code vma->vm_page_prot}. Writable only when it is shared.
     *
     * @param vma the area
     */
    public int protection(Vma vma) {
        return protection.flags(vma);
    }
}
