package io.pagewalk.kernel.io;

import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.VmArea;
import io.pagewalk.kernel.vmalloc.VmFlags;
import io.pagewalk.kernel.vmalloc.Vmalloc;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Device memory at kernel virtual addresses: {@code arch/x86/mm/ioremap.c}.
 *
 * <p>The address handed out lies in the vmalloc space and keeps the offset in the page; accesses go through {@link IoMemory}.
 */
public final class Ioremap {
    /** No address. */
    public static final long NULL = 0;

    private static final long PAGE_MASK = -4096L;

    private final Vmalloc vmalloc;
    private final ResourceTree iomem;
    private final Memtypes memtypes;
    private final MemMap memmap;
    private final int physicalBits;
    private final Consumer<String> log;
    private boolean hasWarnedOfRam;

    /**
     * Creates the mapper of one machine.
     *
     * @param vmalloc where areas come from
     * @param iomem tells RAM from devices
     * @param memtypes keeps the cache modes
     * @param memmap tells reserved pages
     * @param physicalBits physical address bits of the CPU
     * @param log receives lines of the kernel's log
     */
    public Ioremap(
            Vmalloc vmalloc,
            ResourceTree iomem,
            Memtypes memtypes,
            MemMap memmap,
            int physicalBits,
            Consumer<String> log) {
        this.vmalloc = vmalloc;
        this.iomem = iomem;
        this.memtypes = memtypes;
        this.memmap = memmap;
        this.physicalBits = physicalBits;
        this.log = log;
    }

    /**
     * Maps registers, uncached: {@code ioremap()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link #NULL}
     */
    public long ioremap(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.UNCACHED_MINUS, "ioremap");
    }

    /**
     * Maps strongly uncached: {@code ioremap_uc()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link #NULL}
     */
    public long ioremapUc(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.UNCACHED, "ioremap_uc");
    }

    /**
     * Maps write-combining, as for a framebuffer: {@code ioremap_wc()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link #NULL}
     */
    public long ioremapWc(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.WRITE_COMBINING, "ioremap_wc");
    }

    /**
     * Maps cached where the MTRRs allow it: {@code ioremap_cache()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link #NULL}
     */
    public long ioremapCache(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.WRITE_BACK, "ioremap_cache");
    }

    /**
     * Maps with a cache mode: {@code __ioremap_caller()}.
     *
     * @param paddr first address
     * @param bytes length
     * @param wanted the mode asked for
     * @param caller who asks, as {@code /proc/vmallocinfo} prints it
     * @return kernel address, or {@link #NULL} with a line in the log that says why
     */
    public long map(long paddr, long bytes, CacheMode wanted, String caller) {
        long last = paddr + bytes - 1;
        if (bytes == 0 || Long.compareUnsigned(last, paddr) < 0) {
            return NULL;
        }
        if (paddr >>> physicalBits != 0) {
            log.accept("ioremap: invalid physical address " + Long.toHexString(paddr));
            log.accept("WARNING: at arch/x86/mm/ioremap.c __ioremap_caller()");
            return NULL;
        }
        if (touchesUsedRam(paddr, last)) {
            warnOfRam(paddr, last);
            return NULL;
        }
        long offset = paddr & ~PAGE_MASK;
        long start = paddr & PAGE_MASK;
        long size = ((last + 4096) & PAGE_MASK) - start;
        CacheMode mode;
        switch (memtypes.reserve(start, start + size, wanted)) {
            case Memtypes.Reservation.Refused refused -> {
                log.accept("ioremap memtype_reserve failed -" + refused.errno());
                return NULL;
            }
            case Memtypes.Reservation.Granted granted -> mode = granted.mode();
        }
        if (mode != wanted && !wanted.accepts(mode)) {
            log.accept(String.format(
                    Locale.ROOT,
                    "ioremap error for 0x%x-0x%x, requested 0x%x, got 0x%x",
                    start,
                    start + size,
                    wanted.ordinal(),
                    mode.ordinal()));
            memtypes.free(start, start + size);
            return NULL;
        }
        VmArea area = vmalloc.getVmArea(
                size, 1, vmalloc.layout().vmallocStart(), vmalloc.layout().vmallocEnd(), VmFlags.IOREMAP, caller);
        if (area == null) {
            memtypes.free(start, start + size);
            return NULL;
        }
        area.setPhysicalAddress(start);
        if (vmalloc.mapRange(area.address(), start, size, InitMm.PAGE_KERNEL | mode.pteFlags()) != 0) {
            vmalloc.freeVmArea(area);
            memtypes.free(start, start + size);
            return NULL;
        }
        if (!iomem.isSaneMapping(paddr, bytes)) {
            log.accept("caller " + caller + " mapping multiple BARs");
        }
        return area.address() + offset;
    }

    /** {@code __ioremap_check_ram()}: RAM that the page allocator has, not what boot keeps reserved. */
    private boolean touchesUsedRam(long start, long last) {
        if (!iomem.touchesRam(start, last)) {
            return false;
        }
        for (long pfn = (start + 4095) >>> 12; pfn < (last + 1) >>> 12; pfn++) {
            long paddr = pfn << 12;
            if (iomem.touchesRam(paddr, paddr + 4095)
                    && memmap.isValid(pfn)
                    && !memmap.hasFlags(pfn, PageFlags.RESERVED)) {
                return true;
            }
        }
        return false;
    }

    /** {@code WARN_ONCE()}. */
    private void warnOfRam(long start, long last) {
        if (!hasWarnedOfRam) {
            hasWarnedOfRam = true;
            log.accept(String.format(Locale.ROOT, "ioremap on RAM at 0x%016x - 0x%016x", start, last));
            log.accept("WARNING: at arch/x86/mm/ioremap.c __ioremap_caller()");
        }
    }

    /**
     * Takes a mapping back: {@code iounmap()}.
     *
     * @param vaddr what a mapping returned; an address that is none leaves a line in the log
     */
    public void iounmap(long vaddr) {
        if (!vmalloc.layout().isVmalloc(vaddr)) {
            log.accept("WARNING: at arch/x86/mm/ioremap.c iounmap()");
            return;
        }
        VmArea area = vmalloc.find(vaddr & PAGE_MASK);
        if (area == null || !area.has(VmFlags.IOREMAP)) {
            log.accept("iounmap: bad address " + Long.toHexString(vaddr & PAGE_MASK));
            return;
        }
        memtypes.free(area.physicalAddress(), area.physicalAddress() + area.usableBytes());
        vmalloc.freeVmArea(area);
    }

    /**
     * Checks that every area of device memory is mapped as a whole, with the cache mode that its range is reserved with.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        int cacheBits = PteFlags.UNCACHED | PteFlags.WRITE_COMBINING;
        for (VmArea area : vmalloc.areas()) {
            if (!area.has(VmFlags.IOREMAP) || area.physicalAddress() == 0) {
                continue;
            }
            for (long offset = 0; offset < area.usableBytes(); offset += 4096) {
                long vaddr = area.address() + offset;
                long paddr = area.physicalAddress() + offset;
                String where = "ioremap area " + Long.toHexString(vaddr);
                out.expectEqual(where, "maps its physical address", paddr, vmalloc.toPhys(vaddr));
                out.expectEqual(
                        where,
                        "cache mode == reserved mode",
                        memtypes.lookup(paddr).pteFlags(),
                        vmalloc.initMm().flags(vaddr) & cacheBits);
            }
        }
    }
}
