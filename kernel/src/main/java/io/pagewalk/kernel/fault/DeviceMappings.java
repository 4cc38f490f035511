package io.pagewalk.kernel.fault;

import io.pagewalk.base.Bits;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.io.CacheMode;
import io.pagewalk.kernel.io.Memtypes;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.FrameTracking;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * How drivers put memory of their own into processes: {@code remap_pfn_range()}, {@code vm_iomap_memory()}, {@code vmf_insert_pfn()}, {@code vm_insert_page()} of {@code mm/memory.c}.
 *
 * <p>Entries that name a raw frame number are marked special: no page structure stands behind them, so nobody counts them as resident and nobody frees the frame.
 */
public final class DeviceMappings {
    private static final int PAGE = 4096;
    private static final int CACHE_BITS = PteFlags.UNCACHED | PteFlags.WRITE_COMBINING;
    private static final long RAW = VmaFlags.VM_PFNMAP | VmaFlags.VM_MIXEDMAP;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final PageTableEditor editor;
    private final Memtypes memtypes;
    private final Consumer<String> log;
    private final Supplier<String> current;

    /**
     * Creates the operations of one machine.
     *
     * @param kernel the kernel's tables
     * @param editor takes entries out again after a failure
     * @param memtypes keeps the cache modes of physical ranges
     * @param log receives lines of the kernel's log
     * @param current name and number of the running task as {@code comm:pid}
     */
    public DeviceMappings(
            KernelTables kernel,
            PageTableEditor editor,
            Memtypes memtypes,
            Consumer<String> log,
            Supplier<String> current) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.editor = editor;
        this.memtypes = memtypes;
        this.log = log;
        this.current = current;
    }

    /**
     * Maps physically contiguous memory into an area, for a driver's mmap operation: {@code remap_pfn_range()}.
     *
     * <p>The area becomes {@code VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP}. A range that is the whole area reserves the memory's cache mode and may be given another one than
     * it asks for; a part takes the mode that is there.
     *
     * @param vma the area
     * @param vaddr first address in it, page aligned
     * @param pfn first frame
     * @param bytes length, rounded up to pages
     * @param cacheFlags {@code PteFlags} of the cache mode asked for, normally {@link Vma#cacheFlags()}
     * @return 0; {@code -EINVAL} for an unaligned address, a cache mode in conflict, or a part of a private writable area; {@code -ENOMEM}
     */
    public long remapPfnRange(Vma vma, long vaddr, long pfn, long bytes, int cacheFlags) {
        long size = Bits.roundUp(bytes, PAGE);
        int cache = cacheFlags & CACHE_BITS;
        Tracking tracking = null;
        if (vaddr == vma.start() && vaddr + size == vma.end()) {
            if (vma.tracking() != null) {
                return -Errno.EINVAL;
            }
            CacheMode given = reserve(pfn << 12, size, CacheMode.of(cache));
            if (given == null) {
                return -Errno.EINVAL;
            }
            cache = given.pteFlags();
            tracking = new Tracking(memtypes, pfn << 12, size);
        } else {
            CacheMode found = memtypes.lookup(pfn << 12);
            for (long offset = PAGE; offset < size; offset += PAGE) {
                if (memtypes.lookup((pfn << 12) + offset) != found) {
                    return -Errno.EINVAL;
                }
            }
            cache = found.pteFlags();
        }
        long error = remap(vma, vaddr, pfn, size, cache);
        if (error != 0) {
            if (tracking != null) {
                tracking.put();
            }
            return error;
        }
        if (tracking != null) {
            vma.setTracking(tracking);
        }
        return 0;
    }

    /** {@code remap_pfn_range_notrack()}. */
    private long remap(Vma vma, long vaddr, long pfn, long size, int cache) {
        if ((vaddr & (PAGE - 1)) != 0) {
            log.accept("WARNING: at mm/memory.c remap_pfn_range_internal()");
            return -Errno.EINVAL;
        }
        if (VmaFlags.isCowMapping(vma.flags())) {
            if (vaddr != vma.start() || vaddr + size != vma.end()) {
                return -Errno.EINVAL;
            }
            vma.setPgoff(pfn);
        }
        vma.setFlags(vma.flags() | VmaFlags.VM_IO | VmaFlags.VM_PFNMAP | VmaFlags.VM_DONTEXPAND | VmaFlags.VM_DONTDUMP);
        int flags = (protection.flags(vma) & ~CACHE_BITS) | cache | PteFlags.SPECIAL;
        for (long offset = 0; offset < size; offset += PAGE) {
            long table = tables.findOrMake(vma.mm(), vaddr + offset);
            if (table < 0) {
                editor.zapRange(vma, vaddr, vaddr + offset);
                return -Errno.ENOMEM;
            }
            mode.writeEntry(memory, table, mode.index(vaddr + offset, 1), mode.leaf(pfn + (offset >>> 12), flags, 1));
        }
        return 0;
    }

    /**
     * Maps a device's memory as far as area and offset ask for it: {@code vm_iomap_memory()}. The checks against the end of the device are here, so that a driver needs none.
     *
     * @param vma the area; its page offset counts from the start of the device's memory
     * @param paddr where the device's memory starts
     * @param bytes how long it is
     * @return 0, or {@code -EINVAL} when the area reaches past the end, or another error of {@link #remapPfnRange}
     */
    public long vmIomapMemory(Vma vma, long paddr, long bytes) {
        if (Long.compareUnsigned(paddr + bytes, paddr) < 0) {
            return -Errno.EINVAL;
        }
        long pages = (bytes + (paddr & (PAGE - 1)) + PAGE - 1) >>> 12;
        if (Long.compareUnsigned(vma.pgoff(), pages) > 0 || vma.pages() > pages - vma.pgoff()) {
            return -Errno.EINVAL;
        }
        return remapPfnRange(vma, vma.start(), (paddr >>> 12) + vma.pgoff(), vma.sizeBytes(), vma.cacheFlags());
    }

    /**
     * Puts one raw frame into an area, for a driver's fault operation: {@code vmf_insert_pfn()}. The entry gets the cache mode that the frame is reserved with.
     *
     * @param vma an area with {@code VM_PFNMAP} that is not copy-on-write, or with {@code VM_MIXEDMAP} and a frame that is no RAM
     * @param vaddr address of the page
     * @param pfn the frame
     * @return {@link VmaOperations#NOPAGE}, {@link VmaOperations#SIGBUS} outside the area or for an area that may not hold it, {@link VmaOperations#OOM}
     */
    public long vmfInsertPfn(Vma vma, long vaddr, long pfn) {
        boolean isPfnMap = vma.has(VmaFlags.VM_PFNMAP);
        if ((vma.flags() & RAW) == 0
                || (vma.flags() & RAW) == RAW
                || (isPfnMap && VmaFlags.isCowMapping(vma.flags()))
                || (!isPfnMap && memmap.isValid(pfn))) {
            log.accept("kernel BUG at mm/memory.c vmf_insert_pfn_prot()");
            return VmaOperations.SIGBUS;
        }
        if (!vma.contains(vaddr)) {
            return VmaOperations.SIGBUS;
        }
        long table = tables.findOrMake(vma.mm(), vaddr);
        if (table < 0) {
            return VmaOperations.OOM;
        }
        int index = mode.index(vaddr, 1);
        if (mode.readEntry(memory, table, index) == 0) {
            int cache = memtypes.lookup(pfn << 12).pteFlags();
            int flags = (protection.flags(vma) & ~CACHE_BITS) | cache | PteFlags.SPECIAL;
            mode.writeEntry(memory, table, index, mode.leaf(pfn, flags, 1));
        }
        return VmaOperations.NOPAGE;
    }

    /**
     * Puts a page that the driver has allocated into an area: {@code vm_insert_page()}. The page counts as a resident file page of the process as long as it is mapped.
     *
     * @param vma the area, which becomes {@code VM_MIXEDMAP}
     * @param vaddr address of the page
     * @param pfn an allocated frame, neither anonymous nor of a slab
     * @return 0; {@code -EFAULT} outside the area; {@code -EINVAL} for a frame that cannot be mapped; {@code -EBUSY} when something is mapped there; {@code -ENOMEM}
     */
    public long vmInsertPage(Vma vma, long vaddr, long pfn) {
        if (!vma.contains(vaddr)) {
            return -Errno.EFAULT;
        }
        boolean isPlain = memmap.isValid(pfn)
                && memmap.refcount(pfn) > 0
                && memmap.mapping(pfn) >= 0
                && memmap.owner(pfn) == FrameOwner.KERNEL;
        if (!isPlain || vma.has(VmaFlags.VM_PFNMAP)) {
            return -Errno.EINVAL;
        }
        vma.setFlags(vma.flags() | VmaFlags.VM_MIXEDMAP);
        Mm mm = vma.mm();
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0) {
            return -Errno.ENOMEM;
        }
        int index = mode.index(vaddr, 1);
        if (mode.readEntry(memory, table, index) != 0) {
            return -Errno.EBUSY;
        }
        memmap.get(pfn);
        mm.addRss(RssCounter.FILE, 1);
        folios.addMapping(pfn, mm);
        mode.writeEntry(memory, table, index, mode.leaf(pfn, protection.flags(vma), 1));
        return 0;
    }

    /** {@code reserve_pfn_range()}: returns the mode to use, or null. RAM has no mode of its own: it stays write-back, whatever was asked for. */
    private @Nullable CacheMode reserve(long paddr, long size, CacheMode wanted) {
        if (memtypes.isRam(paddr, paddr + size)) {
            CacheMode found = memtypes.lookup(paddr);
            if (found != wanted) {
                log.accept(line("map pfn RAM range req", paddr, size, wanted, found));
            }
            return found;
        }
        return switch (memtypes.reserve(paddr, paddr + size, wanted)) {
            case Memtypes.Reservation.Refused refused -> null;
            case Memtypes.Reservation.Granted granted -> {
                if (granted.mode() == wanted || wanted.accepts(granted.mode())) {
                    yield granted.mode();
                }
                memtypes.free(paddr, paddr + size);
                log.accept(line("map pfn expected mapping type", paddr, size, wanted, granted.mode()));
                yield null;
            }
        };
    }

    private String line(String what, long paddr, long size, CacheMode wanted, CacheMode found) {
        return String.format(
                Locale.ROOT,
                "x86/PAT: %s %s %s for [mem 0x%08x-0x%08x], got %s",
                current.get(),
                what,
                wanted.text(),
                paddr,
                paddr + size - 1,
                found.text());
    }

    /** One reservation with the areas that share it. */
    private static final class Tracking implements FrameTracking {
        private final Memtypes memtypes;
        private final long paddr;
        private final long size;
        private int areas = 1;

        private Tracking(Memtypes memtypes, long paddr, long size) {
            this.memtypes = memtypes;
            this.paddr = paddr;
            this.size = size;
        }

        @Override
        public void get() {
            areas++;
        }

        @Override
        public void put() {
            if (--areas == 0) {
                memtypes.free(paddr, paddr + size);
            }
        }
    }
}
