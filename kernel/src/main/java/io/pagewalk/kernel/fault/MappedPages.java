package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** The pages that an area maps, found in its page tables without any side effect: {@code walk_page_range()} with {@code vm_normal_page()}. */
public final class MappedPages {
    /** Outcome of {@link #pageAt}: nothing is mapped. */
    public static final long NOTHING = -1;

    /** Outcome of {@link #pageAt}: the page of zeros. */
    public static final long ZERO_PAGE = -2;

    /** Outcome of {@link #pageAt}: memory that the memory management has no page of. */
    public static final long NO_PAGE = -3;

    /** Receives one page. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Meets a page.
         *
         * @param vaddr where it is mapped
         * @param pfn its frame
         * @return whether to go on
         */
        boolean page(long vaddr, long pfn);
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final MemMap memmap;
    private final Folios folios;
    private final SpecialPages special;
    private final HugeZeroPage hugeZeroPage;
    private final long zeroPfn;

    /**
     * Creates the walk for one machine.
     *
     * @param kernel its tables
     */
    public MappedPages(KernelTables kernel) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.special = kernel.specialPages();
        this.hugeZeroPage = kernel.hugeZeroPage();
        this.zeroPfn = kernel.zeroPfn();
    }

    /** Returns the life cycle of the pages. */
    public Folios folios() {
        return folios;
    }

    /**
     * Visits the normal pages of a range in ascending order, without those of the kernel image ({@code PageReserved()}) and without huge pages of pools.
     *
     * @param vma the area
     * @param start first address, in the area
     * @param end first address behind
     * @param visitor told about each page
     * @return whether the visitor wanted to go on to the end
     */
    public boolean visit(Vma vma, long start, long end, Visitor visitor) {
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            return true;
        }
        Mm mm = vma.mm();
        long vaddr = start;
        while (vaddr < end) {
            long table = tables.findOrSkip(mm, vaddr);
            if (table == PageTables.HUGE) {
                long next = Math.min(tables.hugeEnd(vaddr), end);
                for (; vaddr < next; vaddr += 4096) {
                    long pfn = pageOf(tables.entry(mm, vaddr));
                    if (pfn >= 0 && !visitor.page(vaddr, pfn)) {
                        return false;
                    }
                }
                continue;
            }
            if (table < 0) {
                vaddr = ~table;
                continue;
            }
            for (int index = mode.index(vaddr, 1); index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long pfn = pageOf(mode.readEntry(memory, table, index));
                if (pfn >= 0 && !special.isVdso(pfn) && !visitor.page(vaddr, pfn)) {
                    return false;
                }
            }
        }
        return true;
    }

    /**
     * Returns the page that an address maps: {@code folio_walk_start()}.
     *
     * @param mm an address space
     * @param vaddr a user address
     * @return a frame, or a negative constant of this class
     */
    public long pageAt(Mm mm, long vaddr) {
        return mm.pgdPfn() < 0 ? NOTHING : pageOf(tables.entry(mm, vaddr));
    }

    /** Returns the frame of the page of zeros. */
    public long zeroPfn() {
        return zeroPfn;
    }

    private long pageOf(long entry) {
        if (entry == 0 || PteMarkers.is(entry)) {
            return NOTHING;
        }
        int flags = mode.flags(entry, 1);
        if (!mode.isPresent(entry) && (flags & PteFlags.PROT_NONE) == 0) {
            return NOTHING;
        }
        long pfn = mode.pfn(entry, 1);
        if (pfn == zeroPfn || hugeZeroPage.holds(pfn)) {
            return ZERO_PAGE;
        }
        return (flags & PteFlags.SPECIAL) == 0 && memmap.isValid(pfn) ? pfn : NO_PAGE;
    }
}
