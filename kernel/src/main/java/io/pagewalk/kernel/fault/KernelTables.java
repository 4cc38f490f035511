package io.pagewalk.kernel.fault;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;

/**
 * The kernel's half of every address space: the direct map of RAM, built once at boot in the tables of {@code init_mm} with the largest leaves that fit, and the pages
 * that the kernel shares with all processes ({@code arch/x86/mm/init.c:init_mem_mapping()}).
 *
 * <p>Differs from Linux: the tables come from the buddy allocator after boot rather than from memblock, and modules, vmalloc and the kernel image's own mapping have no entries.
 */
public final class KernelTables {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final Folios folios;
    private final PageTables tables;
    private final AddressConversion conversion;
    private final SpecialPages specialPages;
    private final long zeroPfn;
    private final long root;
    private final long[] mappedBytesByLevel;
    private int tableCount;

    /**
     * Builds the direct map's root and the shared pages; {@link #mapRange} adds the RAM.
     *
     * @param mode format of the tables
     * @param memory where they lie
     * @param folios where frames come from
     * @param conversion where the direct map begins
     */
    public KernelTables(PagingMode mode, PhysicalMemory memory, Folios folios, AddressConversion conversion) {
        this.mode = mode;
        this.memory = memory;
        this.folios = folios;
        this.conversion = conversion;
        this.tables = new PageTables(mode, memory, folios);
        this.mappedBytesByLevel = new long[mode.levels() + 1];
        this.root = kernelTable();
        this.zeroPfn = folios.allocate(Gfp.GFP_KERNEL | Gfp.ZERO);
        KernelBug.on(zeroPfn < 0, "no memory for the zero page");
        folios.memmap().setOwner(zeroPfn, FrameOwner.ZERO_PAGE);
        folios.memmap().setFlags(zeroPfn, PageFlags.UPTODATE | PageFlags.RESERVED);
        this.specialPages = new SpecialPages(folios);
        tables.setKernelRoot(root, mode.index(conversion.pageOffset(), mode.levels()));
    }

    /**
     * Puts a range of RAM into the direct map.
     *
     * @param startPfn first frame
     * @param endPfn first frame behind; cut at the end of low memory
     */
    public void mapRange(long startPfn, long endPfn) {
        long end = Math.min(endPfn, conversion.lowmemFrames());
        long pfn = startPfn;
        while (pfn < end) {
            int level = 1;
            while (level < mode.levels()
                    && mode.allowsLeaf(level + 1)
                    && pfn % mode.pagesPerLeaf(level + 1) == 0
                    && pfn + mode.pagesPerLeaf(level + 1) <= end) {
                level++;
            }
            write(conversion.pageToVirt(pfn), pfn, level);
            mappedBytesByLevel[level] += mode.pagesPerLeaf(level) << 12;
            pfn += mode.pagesPerLeaf(level);
        }
    }

    /**
     * Returns how much of the direct map one leaf size maps: {@code DirectMap4k}, {@code DirectMap2M}, {@code DirectMap1G} of /proc/meminfo.
     *
     * @param level level of the leaves: 1 for pages, 2 for 2 MiB or 4 MiB, 3 for 1 GiB
     * @return bytes
     */
    public long directMapBytes(int level) {
        return level < mappedBytesByLevel.length ? mappedBytesByLevel[level] : 0;
    }

    /** Returns the frame of {@code swapper_pg_dir}. */
    public long rootPfn() {
        return root;
    }

    /** Returns the shared page of zeros ({@code empty_zero_page}). */
    public long zeroPfn() {
        return zeroPfn;
    }

    /** Returns how many frames the kernel's own tables take. */
    public int tableCount() {
        return tableCount;
    }

    /** Returns the first root entry that belongs to the kernel's half. */
    public int firstKernelIndex() {
        return tables.firstKernelIndex();
    }

    /** Returns the frames behind [vdso] and [vvar]. */
    public SpecialPages specialPages() {
        return specialPages;
    }

    PagingMode mode() {
        return mode;
    }

    PhysicalMemory memory() {
        return memory;
    }

    Folios folios() {
        return folios;
    }

    PageTables tables() {
        return tables;
    }

    private void write(long vaddr, long pfn, int leafLevel) {
        long table = root;
        for (int level = mode.levels(); level > leafLevel; level--) {
            int index = mode.index(vaddr, level);
            long entry = mode.readEntry(memory, table, index);
            if (entry == 0) {
                long below = kernelTable();
                mode.writeEntry(memory, table, index, mode.table(below, level));
                table = below;
            } else {
                table = mode.pfn(entry, level);
            }
        }
        int flags = PteFlags.READ | PteFlags.WRITE | PteFlags.GLOBAL | PteFlags.ACCESSED | PteFlags.DIRTY;
        mode.writeEntry(memory, table, mode.index(vaddr, leafLevel), mode.leaf(pfn, flags, leafLevel));
    }

    private long kernelTable() {
        long pfn = folios.allocate(Gfp.GFP_KERNEL | Gfp.ZERO);
        KernelBug.on(pfn < 0, "no memory for the kernel's page tables at boot");
        folios.memmap().setOwner(pfn, FrameOwner.PAGE_TABLE);
        tableCount++;
        return pfn;
    }
}
