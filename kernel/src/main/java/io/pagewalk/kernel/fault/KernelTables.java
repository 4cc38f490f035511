package io.pagewalk.kernel.fault;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's half of every address space as boot builds it in the tables of {@code init_mm}: the direct map of RAM with the largest leaves that fit
 * ({@code arch/x86/mm/init.c:init_mem_mapping()}), the kernel image's own mapping, the first tables of the vmalloc and module areas, and the pages that the kernel shares with all
 * processes.
 *
 * <p>Differs from Linux: the tables come from the buddy allocator after boot rather than from memblock or the kernel image.
 */
public final class KernelTables {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final Folios folios;
    private final PageTables tables;
    private final Protection protection;
    private final HugeZeroPage hugeZeroPage;
    private @Nullable HugeMappings hugeMappings;
    private final AddressConversion conversion;
    private final KernelLayout layout;
    private final InitMm initMm;
    private final SpecialPages specialPages;
    private final long zeroPfn;
    private final long[] mappedBytesByLevel;

    /**
     * Builds the root, the tables that all processes will share, and the shared pages; {@link #mapRange} adds the RAM.
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
        this.layout = KernelLayout.of(mode, conversion);
        this.tables = new PageTables(mode, memory, folios);
        this.protection = new Protection(mode);
        this.hugeZeroPage = new HugeZeroPage(folios);
        this.mappedBytesByLevel = new long[mode.levels() + 1];
        this.initMm = new InitMm(mode, memory, folios.allocator());
        this.zeroPfn = folios.allocate(Gfp.GFP_KERNEL | Gfp.ZERO);
        KernelBug.on(zeroPfn < 0, "no memory for the zero page");
        folios.memmap().setOwner(zeroPfn, FrameOwner.ZERO_PAGE);
        folios.memmap().setFlags(zeroPfn, PageFlags.UPTODATE | PageFlags.RESERVED);
        this.specialPages = new SpecialPages(folios);
        boolean is64Bit = mode.architecture() != PagingMode.Architecture.I386;
        int firstKernelIndex =
                is64Bit ? mode.entries(mode.levels()) / 2 : mode.index(conversion.pageOffset(), mode.levels());
        tables.setKernelRoot(initMm.rootPfn(), firstKernelIndex);
        if (is64Bit) {
            initMm.preallocate(layout.vmallocStart(), layout.vmallocEnd());
            initMm.preallocate(layout.modulesStart(), layout.modulesEnd() - 1);
        } else {
            initMm.preallocateLeafTables(layout.fixmapStart(), layout.fixmapEnd() - 1);
            initMm.preallocateLeafTables(
                    layout.pkmapStart(), layout.pkmapStart() + ((long) layout.pkmapPages() << 12) - 1);
        }
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
            long error = initMm.mapLeaf(conversion.pageToVirt(pfn), pfn, InitMm.PAGE_KERNEL, level);
            KernelBug.on(error != 0, "no memory for the kernel's page tables at boot");
            mappedBytesByLevel[level] += mode.pagesPerLeaf(level) << 12;
            pfn += mode.pagesPerLeaf(level);
        }
    }

    /**
     * Maps the kernel image where the kernel was linked to run: code read-only and executable, the rest writable, in leaves of 2 MiB. The i386 kernel runs in the direct map and
     * needs no mapping of its own.
     *
     * @param image where the image lies in RAM
     */
    public void mapImage(KernelImage image) {
        if (mode.architecture() == PagingMode.Architecture.I386) {
            return;
        }
        long leaf = 1L << mode.shift(2);
        // x86-64 maps physical address 0 at the start of the area, RISC-V the first byte of the image.
        long base = mode.architecture() == PagingMode.Architecture.X86_64
                ? 0
                : Bits.roundDown(image.code().start(), leaf);
        long mapped = 0;
        for (MemoryRange section : image.sections()) {
            int flags = section.equals(image.code())
                    ? InitMm.PAGE_KERNEL_ROX
                    : section.equals(image.rodata()) ? InitMm.PAGE_KERNEL_RO : InitMm.PAGE_KERNEL;
            long start = Math.max(mapped, Bits.roundDown(section.start(), leaf));
            long end = Bits.roundUp(section.end(), leaf);
            for (long paddr = start; paddr < end; paddr += leaf) {
                long error = initMm.mapLeaf(layout.kernelMap() + paddr - base, paddr >>> 12, flags, 2);
                KernelBug.on(error != 0, "no memory for the kernel image's mapping");
            }
            mapped = Math.max(mapped, end);
        }
    }

    /** Returns where the kernel's regions lie. */
    public KernelLayout layout() {
        return layout;
    }

    /** Returns the tables themselves. */
    public InitMm initMm() {
        return initMm;
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
        return initMm.rootPfn();
    }

    /** Returns the shared page of zeros ({@code empty_zero_page}). */
    public long zeroPfn() {
        return zeroPfn;
    }

    /** Returns how many frames the kernel's own tables take. */
    public int tableCount() {
        return initMm.tableCount();
    }

    /** Returns the first root entry that belongs to the kernel's half. */
    public int firstKernelIndex() {
        return tables.firstKernelIndex();
    }

    /** Returns the frames behind [vdso] and [vvar]. */
    public SpecialPages specialPages() {
        return specialPages;
    }

    /** Returns the format of their entries. */
    public PagingMode mode() {
        return mode;
    }

    /** Returns the memory that holds them. */
    public PhysicalMemory memory() {
        return memory;
    }

    /** Returns the life cycle of pages. */
    public Folios folios() {
        return folios;
    }

    /** Tells what maps huge pages, which is made later because it needs files. */
    void setHugeMappings(HugeMappings mappings) {
        hugeMappings = mappings;
    }

    /** Returns what maps and splits huge pages. */
    HugeMappings hugeMappings() {
        HugeMappings mappings = hugeMappings;
        if (mappings == null) {
            throw new KernelBug("huge pages are used before they are set up");
        }
        return mappings;
    }

    /**
     * Returns the leaf table that is kept for the huge page at an address, which is no part of the tree: {@code pgtable_trans_huge_deposit()}.
     *
     * @param mm an address space
     * @param vaddr a user address
     * @return its frame, or -1
     */
    public long depositedTable(Mm mm, long vaddr) {
        return tables.deposited(mm, vaddr);
    }

    /** Returns the huge page of zeros. */
    HugeZeroPage hugeZeroPage() {
        return hugeZeroPage;
    }

    /** Returns what new entries of an area may do. */
    Protection protection() {
        return protection;
    }

    PageTables tables() {
        return tables;
    }
}
