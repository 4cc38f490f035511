package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Virtually contiguous kernel memory: {@code mm/vmalloc.c}. An area has a place in the vmalloc space, its frames come one by one from anywhere in RAM, and an unmapped guard page
 * follows it.
 *
 * <p>Failures are {@link #NULL} and a line in the kernel's log, as Linux prints it. Kernel code reaches the memory through the MMU; observers may ask {@link #toPhys}.
 *
 * <p>Differs from Linux: the work items that purge and that free for interrupts run at once and at {@link #runDeferred}.
 */
public final class Vmalloc {
    /** No address. */
    public static final long NULL = 0;

    private static final int PAGE = 4096;

    private final KernelLayout layout;
    private final InitMm initMm;
    private final PageAllocator allocator;
    private final KernelTlb tlb;
    private final Consumer<String> log;
    private final VmapSpace space;
    private final AreaPages pages;
    private final PagingMode mode;
    private final boolean is64Bit;
    private final boolean hasHugeVmap;
    private final boolean hasHugeVmalloc;
    private final ArrayDeque<Long> deferred = new ArrayDeque<>();
    private long allocatedPages;
    private long purges;

    /**
     * Creates an empty vmalloc space.
     *
     * @param layout where it lies
     * @param initMm the kernel's tables
     * @param allocator where frames come from
     * @param tlb flushes the CPUs
     * @param cpus CPUs of the machine
     * @param log receives lines of the kernel's log
     */
    public Vmalloc(
            KernelLayout layout,
            InitMm initMm,
            PageAllocator allocator,
            KernelTlb tlb,
            int cpus,
            Consumer<String> log) {
        this.layout = layout;
        this.initMm = initMm;
        this.allocator = allocator;
        this.tlb = tlb;
        this.log = log;
        this.mode = initMm.mode();
        this.is64Bit = mode.architecture() != PagingMode.Architecture.I386;
        // HAVE_ARCH_HUGE_VMAP on x86-64, PAE and RISC-V; HAVE_ARCH_HUGE_VMALLOC only on 64-bit.
        this.hasHugeVmap = mode != PagingMode.I386;
        this.hasHugeVmalloc = is64Bit;
        this.pages = new AreaPages(initMm, allocator);
        this.space = new VmapSpace(layout, cpus, is64Bit);
    }

    /** Returns where the kernel's regions lie. */
    public KernelLayout layout() {
        return layout;
    }

    /** Returns the kernel's tables. */
    public InitMm initMm() {
        return initMm;
    }

    /**
     * Allocates memory: {@code __vmalloc()}, with {@link Gfp#GFP_KERNEL} {@code vmalloc()}.
     *
     * @param bytes at least 1
     * @param gfp request flags of {@link Gfp}
     * @param caller who asks, as {@code %pS} prints it
     * @return the address, or {@link #NULL}
     */
    public long vmalloc(long bytes, int gfp, String caller) {
        return anywhere(bytes, 1, gfp, 0, -1, caller);
    }

    /**
     * Allocates zeroed memory: {@code vzalloc()}.
     *
     * @param bytes at least 1
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vzalloc(long bytes, String caller) {
        return vmalloc(bytes, Gfp.GFP_KERNEL | Gfp.ZERO, caller);
    }

    /**
     * Allocates zeroed memory that may be mapped into a process: {@code vmalloc_user()}.
     *
     * @param bytes at least 1
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vmallocUser(long bytes, String caller) {
        return anywhere(bytes, PAGE, Gfp.GFP_KERNEL | Gfp.ZERO, VmFlags.USERMAP, -1, caller);
    }

    /**
     * Allocates memory of one node: {@code vmalloc_node()}.
     *
     * @param bytes at least 1
     * @param node where its frames come from first
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vmallocNode(long bytes, int node, String caller) {
        return anywhere(bytes, 1, Gfp.GFP_KERNEL, 0, node, caller);
    }

    /**
     * Allocates memory that large leaves map when it is big enough: {@code vmalloc_huge()}.
     *
     * @param bytes at least 1
     * @param gfp request flags of {@link Gfp}
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vmallocHuge(long bytes, int gfp, String caller) {
        return anywhere(bytes, 1, gfp, VmFlags.ALLOW_HUGE_VMAP, -1, caller);
    }

    /**
     * Allocates memory for a module in the module area: {@code execmem_alloc()}.
     *
     * @param bytes at least 1
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long moduleAlloc(long bytes, String caller) {
        return vmallocRange(
                bytes,
                PAGE,
                layout.modulesStart(),
                layout.modulesEnd(),
                Gfp.GFP_KERNEL,
                InitMm.PAGE_KERNEL_EXEC,
                VmFlags.FLUSH_RESET_PERMS,
                -1,
                caller);
    }

    private long anywhere(long bytes, long alignment, int gfp, int vmFlags, int node, String caller) {
        long start = layout.vmallocStart();
        return vmallocRange(
                bytes, alignment, start, layout.vmallocEnd(), gfp, InitMm.PAGE_KERNEL, vmFlags, node, caller);
    }

    /**
     * Allocates memory in a range: {@code __vmalloc_node_range()}.
     *
     * @param bytes at least 1
     * @param alignment a power of two
     * @param start lowest address
     * @param end the area and its guard page end here at the latest
     * @param gfp request flags of {@link Gfp}
     * @param flags {@code PteFlags} of the mapping, such as {@link InitMm#PAGE_KERNEL}
     * @param vmFlags further {@link VmFlags}
     * @param node where frames come from first, or -1
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vmallocRange(
            long bytes,
            long alignment,
            long start,
            long end,
            int gfp,
            int flags,
            int vmFlags,
            int node,
            String caller) {
        if (bytes == 0) {
            log.accept("WARNING: vmalloc of 0 bytes by " + caller);
            return NULL;
        }
        if (bytes >>> 12 > totalRamPages()) {
            warn(gfp, "vmalloc error: size " + Long.toUnsignedString(bytes) + ", exceeds total pages");
            return NULL;
        }
        int level = 1;
        if (hasHugeVmalloc && (vmFlags & VmFlags.ALLOW_HUGE_VMAP) != 0) {
            long perNode = node < 0 ? bytes / allocator.nodes().size() : bytes;
            level = perNode >= 1L << mode.shift(2) ? 2 : 1;
        }
        while (true) {
            int shift = mode.shift(level);
            VmArea area = newArea(
                    bytes,
                    Math.max(alignment, 1L << shift),
                    shift,
                    VmFlags.ALLOC | VmFlags.UNINITIALIZED | vmFlags,
                    start,
                    end,
                    gfp,
                    caller);
            if (area == null) {
                warn(gfp, "vmalloc error: size " + bytes + ", vm_struct allocation failed");
            } else if (fill(area, gfp, flags, level, node)) {
                area.setFlags(area.flags() & ~VmFlags.UNINITIALIZED);
                return area.address();
            }
            if (level == 1) {
                return NULL;
            }
            level = 1;
        }
    }

    private long totalRamPages() {
        long pages = 0;
        for (var node : allocator.nodes()) {
            pages += node.managedPages();
        }
        return pages;
    }

    /** {@code __vmalloc_area_node()}: frames and entries for a fresh area; false when it failed and the area is gone again. */
    private boolean fill(VmArea area, int gfp, int flags, int level, int node) {
        int count = (int) (area.usableBytes() >>> 12);
        long arrayBytes = (long) count * (is64Bit ? 8 : 4);
        if (arrayBytes > PAGE) {
            long array = anywhere(arrayBytes, 1, (gfp & AreaPages.RECLAIM_MASK) | Gfp.ZERO, 0, node, area.caller());
            if (array == NULL) {
                warn(
                        gfp,
                        "vmalloc error: size " + (long) count * PAGE + ", failed to allocated page array size "
                                + arrayBytes);
                freeVmArea(area);
                return false;
            }
            area.setPageArray(array);
        }
        int pageGfp = (gfp & (Gfp.DMA | Gfp.DMA32)) == 0 ? gfp | Gfp.HIGHMEM : gfp;
        int order = mode.shift(level) - 12;
        long[] pfns = new long[count];
        int got = pages.allocate((order > 0 ? pageGfp & ~Gfp.NOFAIL : pageGfp) | Gfp.NOWARN, node, order, pfns);
        area.setPages(got == count ? pfns : Arrays.copyOf(pfns, got), order);
        allocatedPages += got;
        if (got != count) {
            if (order == 0) {
                warn(pageGfp, "vmalloc error: size " + (long) got * PAGE + ", failed to allocate pages");
            }
            vfree(area.address());
            return false;
        }
        if (pages.map(area, pfns, count, flags, level) != 0) {
            warn(pageGfp, "vmalloc error: size " + (long) got * PAGE + ", failed to map pages");
            vfree(area.address());
            return false;
        }
        return true;
    }

    /**
     * Frees memory: {@code vfree()}. In an interrupt it is put off until {@link #runDeferred}.
     *
     * @param vaddr what an allocation returned; {@link #NULL} does nothing
     */
    public void vfree(long vaddr) {
        if (vaddr == NULL) {
            return;
        }
        if (allocator.isInInterrupt()) {
            deferred.addLast(vaddr);
            return;
        }
        VmArea area = removeVmArea(vaddr);
        if (area == null) {
            if (Bits.isAligned(vaddr, PAGE)) {
                log.accept("Trying to vfree() nonexistent vm area (" + Bits.hex(vaddr) + ")");
            }
            return;
        }
        for (int i = 0; i < area.pageCount(); i++) {
            allocator.freePages(area.pfn(i), 0);
        }
        if (!area.has(VmFlags.MAP_PUT_PAGES)) {
            allocatedPages -= area.pageCount();
        }
        vfree(area.pageArray());
    }

    /** Frees what interrupts have freed: {@code delayed_vfree_work()}. */
    public void runDeferred() {
        while (!deferred.isEmpty()) {
            // The list is last in, first out.
            vfree(deferred.removeLast());
        }
    }

    /** Returns how many areas wait for {@link #runDeferred}. */
    public int deferredCount() {
        return deferred.size();
    }

    /**
     * Maps frames of the caller contiguously: {@code vmap()}.
     *
     * @param pfns the frames
     * @param count how many of them
     * @param vmFlags {@link VmFlags#MAP}, and {@link VmFlags#MAP_PUT_PAGES} when {@link #vfree} shall drop the frames too
     * @param flags {@code PteFlags}; execution is never allowed
     * @param caller who asks
     * @return the address, or {@link #NULL}
     */
    public long vmap(long[] pfns, int count, int vmFlags, int flags, String caller) {
        if ((vmFlags & VmFlags.FLUSH_RESET_PERMS) != 0) {
            log.accept("WARNING: vmap with VM_FLUSH_RESET_PERMS by " + caller);
            return NULL;
        }
        if ((vmFlags & VmFlags.NO_GUARD) != 0) {
            log.accept("WARNING: vmap with VM_NO_GUARD by " + caller);
        }
        if (count > totalRamPages()) {
            return NULL;
        }
        VmArea area = getVmArea(
                (long) count << 12, 1, layout.vmallocStart(), layout.vmallocEnd(), vmFlags & ~VmFlags.NO_GUARD, caller);
        if (area == null) {
            return NULL;
        }
        if (pages.map(area, pfns, count, flags & ~PteFlags.EXEC, 1) != 0) {
            vunmap(area.address());
            return NULL;
        }
        if ((vmFlags & VmFlags.MAP_PUT_PAGES) != 0) {
            area.setPages(Arrays.copyOf(pfns, count), 0);
        }
        return area.address();
    }

    /**
     * Takes a mapping away and leaves its frames to the caller: {@code vunmap()}.
     *
     * @param vaddr what {@link #vmap} returned; {@link #NULL} does nothing
     */
    public void vunmap(long vaddr) {
        if (vaddr != NULL && removeVmArea(vaddr) == null && Bits.isAligned(vaddr, PAGE)) {
            log.accept("Trying to vunmap() nonexistent vm area (" + Bits.hex(vaddr) + ")");
        }
    }

    /**
     * Takes a place in the address space and maps nothing: {@code __get_vm_area_caller()}. A guard page is added unless {@link VmFlags#NO_GUARD} is given, and areas with
     * {@link VmFlags#IOREMAP} are aligned to their size so that large leaves fit.
     *
     * @param bytes at least 1
     * @param alignment a power of two
     * @param start lowest address
     * @param end the area and its guard page end here at the latest
     * @param vmFlags {@link VmFlags}
     * @param caller who asks
     * @return the area, or null after a line in the log
     */
    public @Nullable VmArea getVmArea(long bytes, long alignment, long start, long end, int vmFlags, String caller) {
        return newArea(bytes, alignment, 12, vmFlags, start, end, Gfp.GFP_KERNEL, caller);
    }

    /** {@code __get_vm_area_node()} and {@code alloc_vmap_area()}. */
    private @Nullable VmArea newArea(
            long bytes, long alignment, int shift, int vmFlags, long start, long end, int gfp, String caller) {
        if (allocator.isInInterrupt()) {
            log.accept("kernel BUG at mm/vmalloc.c: area wanted in interrupt context by " + caller);
            return null;
        }
        long size = Bits.roundUp(bytes, 1L << shift);
        if (size == 0) {
            return null;
        }
        long aligned = alignment;
        if ((vmFlags & VmFlags.IOREMAP) != 0) {
            int order = Math.clamp(Bits.log2Ceil(size), 12, mode.shift(is64Bit ? 3 : 2));
            aligned = 1L << order;
        }
        if ((vmFlags & VmFlags.NO_GUARD) == 0) {
            size += PAGE;
        }
        VmArea area = space.allocate(size, aligned, start, end, allocator.currentCpu());
        if (area == null) {
            purge(true);
            area = space.allocate(size, aligned, start, end, allocator.currentCpu());
        }
        if (area == null) {
            if ((gfp & Gfp.NOWARN) == 0) {
                log.accept("vmalloc_node_range for size " + size + " failed: Address range restricted to 0x"
                        + Long.toHexString(start) + " - 0x" + Long.toHexString(end));
            }
            return null;
        }
        area.describe(vmFlags, bytes, caller);
        return area;
    }

    /**
     * Takes the highest place of the vmalloc area, without a guard page: {@code pcpu_get_vm_areas()} for one group.
     *
     * @param bytes a multiple of 4096
     * @param alignment a power of two
     * @param caller who asks
     * @return the area, or null
     */
    @Nullable
    VmArea getHighestArea(long bytes, long alignment, String caller) {
        VmArea area = space.allocateHighest(bytes, alignment);
        if (area == null) {
            purge(true);
            area = space.allocateHighest(bytes, alignment);
        }
        if (area != null) {
            area.describe(VmFlags.ALLOC | VmFlags.NO_GUARD, bytes, caller);
        }
        return area;
    }

    /**
     * Gives an area back, with its mappings: {@code free_vm_area()}.
     *
     * @param area a busy area that owns no frames
     */
    public void freeVmArea(VmArea area) {
        removeVmArea(area.address());
    }

    /** {@code remove_vm_area()}: entries cleared, range lazy. */
    private @Nullable VmArea removeVmArea(long vaddr) {
        if (!Bits.isAligned(vaddr, PAGE)) {
            log.accept("Trying to vfree() bad address (" + Bits.hex(vaddr) + ")");
            return null;
        }
        VmArea area = space.at(vaddr);
        if (area == null) {
            return null;
        }
        initMm.unmapRange(area.start, area.end);
        if (space.release(area)) {
            purge(false);
        }
        return area;
    }

    /**
     * Finds the area of an address: {@code find_vm_area()}.
     *
     * @param vaddr any address, also in the guard page
     * @return the area, or null
     */
    public @Nullable VmArea find(long vaddr) {
        return space.find(vaddr);
    }

    /**
     * Maps contiguous physical memory into an area, with the largest leaves that fit: {@code ioremap_page_range()}.
     *
     * @param vaddr first address, page aligned
     * @param paddr physical address, page aligned
     * @param bytes a multiple of 4096
     * @param pteFlags {@code PteFlags}, with the cache attribute
     * @return 0, or a negated errno: {@code -EINVAL} and {@code -ERANGE} when it is not inside one area
     */
    public int mapRange(long vaddr, long paddr, long bytes, int pteFlags) {
        VmArea area = space.find(vaddr);
        if (area == null) {
            log.accept("WARNING: ioremap_page_range at " + Bits.hex(vaddr) + " outside any area");
            return -Errno.EINVAL;
        }
        if (vaddr + bytes > area.address() + area.usableBytes()) {
            log.accept("ioremap_page_range called on vm_area with start address " + Bits.hex(area.address())
                    + " and size " + area.usableBytes() + " for " + bytes + " bytes");
            return -Errno.ERANGE;
        }
        return (int) initMm.mapRange(vaddr, paddr, bytes, pteFlags, hasHugeVmap ? 3 : 1);
    }

    /**
     * Clears a part of an area's mapping and flushes it at once: {@code vunmap_range()}.
     *
     * @param vaddr first address, page aligned
     * @param bytes a multiple of 4096
     */
    public void unmapRange(long vaddr, long bytes) {
        initMm.unmapRange(vaddr, vaddr + bytes);
        tlb.flushKernelRange(vaddr, vaddr + bytes);
    }

    /** Flushes what was freed and makes its addresses free: {@code vm_unmap_aliases()}. */
    public void purge() {
        purge(false);
    }

    private void purge(boolean fullDecay) {
        if (space.purge(tlb, fullDecay)) {
            purges++;
        }
    }

    /**
     * Returns the physical address behind an address, by the tables: {@code vmalloc_to_page()}.
     *
     * @param vaddr an address of an area
     * @return the physical address, or -1 when nothing is mapped there
     */
    public long toPhys(long vaddr) {
        return initMm.translate(vaddr);
    }

    /** Returns the frames of all areas' own: {@code vmalloc_nr_pages()}, VmallocUsed. */
    public long allocatedPages() {
        return allocatedPages;
    }

    /** Returns the pages that are freed but not yet flushed: {@code vmap_lazy_nr}. */
    public long lazyPages() {
        return space.lazyPages();
    }

    /** Returns how many lazy pages make a purge due: {@code lazy_max_pages()}. */
    public long lazyMaxPages() {
        return space.lazyMaxPages();
    }

    /** Returns how often a purge found something. */
    public long purges() {
        return purges;
    }

    /** Returns all areas in the order of {@code /proc/vmallocinfo}: by node, and by address in each. */
    public List<VmArea> areas() {
        return space.busyByNode();
    }

    /** Returns the areas that are freed but not yet flushed, in the same order. */
    public List<VmArea> lazyAreas() {
        return space.lazyByNode();
    }

    private void warn(int gfp, String message) {
        if ((gfp & Gfp.NOWARN) == 0) {
            log.accept(
                    message + ", mode:0x" + Integer.toHexString(gfp) + "(" + Gfp.describe(gfp) + "), nodemask=(null)");
        }
    }

    /**
     * Adds all areas.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        space.addToDigest(digest);
        digest.add(allocatedPages);
        digest.add(purges);
    }

    /**
     * Checks the space, every area's entries against its frames, and the counts.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        space.verify(out);
        long owned = 0;
        for (VmArea area : space.busyAreas()) {
            if (!area.has(VmFlags.MAP_PUT_PAGES)) {
                owned += area.pageCount();
            }
            pages.verify(area, out);
        }
        for (VmArea area : space.lazyByNode()) {
            out.expectEqual("lazy area at " + Bits.hex(area.address()), "unmapped", -1, initMm.translate(area.start));
        }
        out.expectEqual("vmalloc", "nr_vmalloc_pages == frames of areas", allocatedPages, owned);
    }
}
