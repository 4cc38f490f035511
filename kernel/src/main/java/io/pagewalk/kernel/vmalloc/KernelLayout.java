package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.AddressConversion;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the kernel's regions lie in the virtual address space: {@code Documentation/arch/x86/x86_64/mm.rst}, {@code Documentation/arch/riscv/vm-layout.rst} and
 * {@code arch/x86/include/asm/pgtable_32_areas.h}.
 *
 * <p>Differs from Linux: no address is randomized, and the i386 kernel is one for 8 CPUs without debugging of kmap.
 *
 * @param regions everything from address 0 to the last one, ascending; holes are regions too
 * @param vmallocStart {@code VMALLOC_START}
 * @param vmallocEnd {@code VMALLOC_END} as Linux defines it: on 64-bit machines the last byte, on i386 the first byte behind
 * @param modulesStart {@code MODULES_VADDR}
 * @param modulesEnd {@code MODULES_END}
 * @param kernelMap where physical address 0 of the kernel image is mapped: {@code __START_KERNEL_map}
 * @param pkmapStart {@code PKMAP_BASE}, 0 without a pool
 * @param pkmapPages {@code LAST_PKMAP}
 * @param kmapStart lowest address of the per-CPU slots of {@code kmap_local_page()}, 0 without them
 * @param fixmapStart {@code FIXADDR_START}
 * @param fixmapEnd first byte behind the fixed mappings
 */
public record KernelLayout(
        List<Region> regions,
        long vmallocStart,
        long vmallocEnd,
        long modulesStart,
        long modulesEnd,
        long kernelMap,
        long pkmapStart,
        int pkmapPages,
        long kmapStart,
        long fixmapStart,
        long fixmapEnd) {
    /** {@code VMALLOC_OFFSET} of i386: the hole between the direct map and the vmalloc area. */
    public static final long I386_VMALLOC_OFFSET = 8 * Size.MIB;

    /** {@code KM_MAX_IDX}: slots of {@code kmap_local_page()} per CPU, and so the deepest nesting. */
    public static final int KMAP_SLOTS = 16;

    /** {@code CONFIG_NR_CPUS} of the i386 default configuration: fixes the size of the areas that exist per CPU. */
    public static final int I386_CPUS = 8;

    /** {@code FIX_KMAP_BEGIN} of i386: the hole, two console pages, the local APIC and 64 I/O APICs come before. */
    private static final int FIX_KMAP_BEGIN = 68;

    /** {@code __end_of_permanent_fixed_addresses} of i386: the slots, PCI configuration and two pages for error reports. */
    private static final int PERMANENT_FIXED = FIX_KMAP_BEGIN + KMAP_SLOTS * I386_CPUS + 3;

    private static final int BOOT_FIXED = 512;

    /** Pages of {@code struct cpu_entry_area} on i386. */
    private static final int CPU_ENTRY_PAGES = 43;

    private static final long RISCV_FIXMAP_BYTES = 6 * Size.MIB;

    /** What a region is used for. */
    public enum Use {
        /** Programs. */
        USER,
        /** Nothing. */
        HOLE,
        /** All RAM, or low memory on i386. */
        DIRECT_MAP,
        /** vmalloc and ioremap. */
        VMALLOC,
        /** Loaded modules. */
        MODULES,
        /** The kernel image. */
        KERNEL,
        /** Persistent mappings of high memory. */
        PKMAP,
        /** Fixed mappings. */
        FIXMAP,
        /** {@code struct page} of all frames. */
        VMEMMAP,
        /** Everything else. */
        OTHER
    }

    /**
     * A region of the virtual address space.
     *
     * @param name what Linux's documentation calls it
     * @param use what it is for
     * @param start first address
     * @param last last address, unsigned at least {@code start}
     */
    public record Region(String name, Use use, long start, long last) {
        /** Returns the size in bytes as an unsigned number; 0 stands for 2^64. */
        public long sizeBytes() {
            return last - start + 1;
        }
    }

    /** Copies the regions. */
    public KernelLayout {
        regions = List.copyOf(regions);
    }

    /**
     * Returns the layout of a machine.
     *
     * @param mode its paging mode
     * @param conversion its direct map: on i386 the end of low memory decides where the vmalloc area begins
     */
    public static KernelLayout of(PagingMode mode, AddressConversion conversion) {
        return switch (mode) {
            case X86_64_4LEVEL -> fourLevel();
            case X86_64_5LEVEL -> fiveLevel();
            case I386 -> i386(conversion, 22, 1024);
            case I386_PAE -> i386(conversion, 21, 512);
            case SV39 -> sv39();
            case SV48 -> sv48();
            case SV57 -> sv57();
        };
    }

    /** Returns the bytes of the vmalloc area: {@code VMALLOC_TOTAL}. */
    public long vmallocTotalBytes() {
        return vmallocEnd - vmallocStart;
    }

    /**
     * Returns the region of an address.
     *
     * @param vaddr any address
     */
    public Region regionOf(long vaddr) {
        for (Region region : regions) {
            if (Long.compareUnsigned(vaddr, region.last) <= 0) {
                return region;
            }
        }
        return regions.getLast();
    }

    /**
     * Returns whether an address is in the vmalloc area: {@code is_vmalloc_addr()}.
     *
     * @param vaddr any address
     */
    public boolean isVmalloc(long vaddr) {
        return Long.compareUnsigned(vaddr, vmallocStart) >= 0 && Long.compareUnsigned(vaddr, vmallocEnd) < 0;
    }

    /**
     * Returns whether an address is in the vmalloc or the module area: {@code is_vmalloc_or_module_addr()}.
     *
     * @param vaddr any address
     */
    public boolean isVmallocOrModule(long vaddr) {
        return isVmalloc(vaddr)
                || (Long.compareUnsigned(vaddr, modulesStart) >= 0 && Long.compareUnsigned(vaddr, modulesEnd) < 0);
    }

    /** Collects regions, filling what lies between them with holes. */
    private static final class Builder {
        private final List<Region> regions = new ArrayList<>();
        private final long last;
        private long next;

        private Builder(long last) {
            this.last = last;
        }

        private Builder add(String name, Use use, long start, long regionLast) {
            hole("... unused hole", start);
            regions.add(new Region(name, use, start, regionLast));
            next = regionLast + 1;
            return this;
        }

        private Builder hole(String name, long end) {
            if (next != end) {
                regions.add(new Region(name, Use.HOLE, next, end - 1));
                next = end;
            }
            return this;
        }

        private List<Region> build() {
            if (next != 0 && next != last + 1) {
                regions.add(new Region("... unused hole", Use.HOLE, next, last));
            }
            return regions;
        }
    }

    private static KernelLayout fourLevel() {
        Builder builder = new Builder(-1)
                .add("user-space virtual memory, different per mm", Use.USER, 0, 0x0000_7fff_ffff_ffffL)
                .hole("... hole of non-canonical addresses", 0xffff_8000_0000_0000L)
                .hole("... guard hole, also reserved for hypervisor", 0xffff_8800_0000_0000L)
                .add("LDT remap for PTI", Use.OTHER, 0xffff_8800_0000_0000L, 0xffff_887f_ffff_ffffL)
                .add(
                        "direct mapping of all physical memory",
                        Use.DIRECT_MAP,
                        0xffff_8880_0000_0000L,
                        0xffff_c87f_ffff_ffffL)
                .add("vmalloc/ioremap space", Use.VMALLOC, 0xffff_c900_0000_0000L, 0xffff_e8ff_ffff_ffffL)
                .add("virtual memory map", Use.VMEMMAP, 0xffff_ea00_0000_0000L, 0xffff_eaff_ffff_ffffL)
                .add("KASAN shadow memory", Use.OTHER, 0xffff_ec00_0000_0000L, 0xffff_fbff_ffff_ffffL);
        return x8664(builder, 0xffff_c900_0000_0000L, 0xffff_e8ff_ffff_ffffL);
    }

    private static KernelLayout fiveLevel() {
        Builder builder = new Builder(-1)
                .add("user-space virtual memory, different per mm", Use.USER, 0, 0x00ff_ffff_ffff_ffffL)
                .hole("... hole of non-canonical addresses", 0xff00_0000_0000_0000L)
                .hole("... guard hole, also reserved for hypervisor", 0xff10_0000_0000_0000L)
                .add("LDT remap for PTI", Use.OTHER, 0xff10_0000_0000_0000L, 0xff10_ffff_ffff_ffffL)
                .add(
                        "direct mapping of all physical memory",
                        Use.DIRECT_MAP,
                        0xff11_0000_0000_0000L,
                        0xff90_ffff_ffff_ffffL)
                .add("vmalloc/ioremap space", Use.VMALLOC, 0xffa0_0000_0000_0000L, 0xffd1_ffff_ffff_ffffL)
                .add("virtual memory map", Use.VMEMMAP, 0xffd4_0000_0000_0000L, 0xffd5_ffff_ffff_ffffL)
                .add("KASAN shadow memory", Use.OTHER, 0xffdf_0000_0000_0000L, 0xffff_fbff_ffff_ffffL);
        return x8664(builder, 0xffa0_0000_0000_0000L, 0xffd1_ffff_ffff_ffffL);
    }

    /** Both x86-64 layouts are the same in their upper 4 TiB. */
    private static KernelLayout x8664(Builder builder, long vmallocStart, long vmallocEnd) {
        // FIXADDR_TOP less the vsyscall slot's 511 pages, 2 console pages, OHCI1394, 129 APICs and the 2 pages for
        // error reports.
        long fixmapStart = 0xffff_ffff_ff7f_f000L - (646L << 12);
        builder.add("cpu_entry_area mapping", Use.OTHER, 0xffff_fe00_0000_0000L, 0xffff_fe7f_ffff_ffffL)
                .add("%esp fixup stacks", Use.OTHER, 0xffff_ff00_0000_0000L, 0xffff_ff7f_ffff_ffffL)
                .add("EFI region mapping space", Use.OTHER, 0xffff_ffef_0000_0000L, 0xffff_fffe_ffff_ffffL)
                .add(
                        "kernel text mapping, mapped to physical address 0",
                        Use.KERNEL,
                        0xffff_ffff_8000_0000L,
                        0xffff_ffff_9fff_ffffL)
                .add("module mapping space", Use.MODULES, 0xffff_ffff_a000_0000L, 0xffff_ffff_feff_ffffL)
                .add("kernel-internal fixmap range", Use.FIXMAP, fixmapStart, 0xffff_ffff_ff5f_ffffL)
                .add("legacy vsyscall ABI", Use.OTHER, 0xffff_ffff_ff60_0000L, 0xffff_ffff_ff60_0fffL);
        return new KernelLayout(
                builder.build(),
                vmallocStart,
                vmallocEnd,
                0xffff_ffff_a000_0000L,
                0xffff_ffff_ff00_0000L,
                0xffff_ffff_8000_0000L,
                0,
                0,
                0,
                fixmapStart,
                0xffff_ffff_ff60_0000L);
    }

    private static KernelLayout i386(AddressConversion conversion, int pmdShift, int pkmapPages) {
        long pmdMask = -(1L << pmdShift);
        int perTable = 1 << (pmdShift - 12);
        long top = 0xffff_f000L;
        boolean crosses = ((PERMANENT_FIXED ^ (PERMANENT_FIXED + BOOT_FIXED - 1)) & -perTable) != 0;
        int bootFixed = crosses ? (int) Bits.roundUp(PERMANENT_FIXED, BOOT_FIXED) : PERMANENT_FIXED;
        // One more page tests write protection at boot.
        long fixmapStart = top - ((long) (bootFixed + BOOT_FIXED + 1) << 12);
        long cpuEntry = (fixmapStart - ((CPU_ENTRY_PAGES * I386_CPUS + 1L) << 12)) & pmdMask;
        long ldt = (cpuEntry - 4096) & pmdMask;
        long pkmap = (ldt - 4096) & pmdMask;
        long vmallocEnd = pkmap - 2 * 4096;
        long highMemory = conversion.pageOffset() + (conversion.lowmemFrames() << 12);
        long vmallocStart = highMemory + I386_VMALLOC_OFFSET;
        long kmapEnd = top - ((FIX_KMAP_BEGIN - 1L) << 12);
        long kmapStart = kmapEnd - (((long) KMAP_SLOTS * I386_CPUS) << 12);
        Builder builder = new Builder(0xffff_ffffL)
                .add("user-space virtual memory, different per mm", Use.USER, 0, conversion.pageOffset() - 1)
                .add("direct mapping of low memory", Use.DIRECT_MAP, conversion.pageOffset(), highMemory - 1)
                .add("vmalloc/ioremap space, modules too", Use.VMALLOC, vmallocStart, vmallocEnd - 1)
                .add("persistent kmap pool", Use.PKMAP, pkmap, pkmap + ((long) pkmapPages << 12) - 1)
                .add("LDT remap for PTI", Use.OTHER, ldt, ldt + (1L << pmdShift) - 1)
                .add(
                        "cpu_entry_area mapping",
                        Use.OTHER,
                        cpuEntry,
                        cpuEntry + ((CPU_ENTRY_PAGES * I386_CPUS + 1L) << 12) - 1)
                .add("fixmap range, kmap_local slots in it", Use.FIXMAP, fixmapStart, top - 1);
        return new KernelLayout(
                builder.build(),
                vmallocStart,
                vmallocEnd,
                vmallocStart,
                vmallocEnd,
                conversion.pageOffset(),
                pkmap,
                pkmapPages,
                kmapStart,
                fixmapStart,
                top);
    }

    private static KernelLayout sv39() {
        return riscv(
                0x3f_ffff_ffffL,
                0xffff_ffc4_fea0_0000L,
                0xffff_ffc5_0000_0000L,
                0xffff_ffc6_0000_0000L,
                0xffff_ffd6_0000_0000L,
                0xffff_fff5_ffff_ffffL,
                0xffff_fff7_0000_0000L);
    }

    private static KernelLayout sv48() {
        return riscv(
                0x7fff_ffff_ffffL,
                0xffff_8d7f_fea0_0000L,
                0xffff_8d80_0000_0000L,
                0xffff_8f80_0000_0000L,
                0xffff_af80_0000_0000L,
                0xffff_ef7f_ffff_ffffL,
                0xffff_ef80_0000_0000L);
    }

    private static KernelLayout sv57() {
        return riscv(
                0x00ff_ffff_ffff_ffffL,
                0xff1b_ffff_fea0_0000L,
                0xff1c_0000_0000_0000L,
                0xff20_0000_0000_0000L,
                0xff60_0000_0000_0000L,
                0xffde_ffff_ffff_ffffL,
                0xffdf_0000_0000_0000L);
    }

    /** The regions of all three modes: each reaches to the next, but for holes below the KASAN shadow. Ends are the last address. */
    private static KernelLayout riscv(
            long userEnd, long fixmap, long vmemmap, long vmalloc, long directMap, long directMapEnd, long kasan) {
        long pciIo = fixmap + RISCV_FIXMAP_BYTES;
        Builder builder = new Builder(-1)
                .add("user-space virtual memory, different per mm", Use.USER, 0, userEnd)
                .hole("... hole of non-canonical addresses", ~userEnd)
                .add("fixmap", Use.FIXMAP, fixmap, pciIo - 1)
                .add("PCI io", Use.OTHER, pciIo, vmemmap - 1)
                .add("vmemmap", Use.VMEMMAP, vmemmap, vmalloc - 1)
                .add("vmalloc/ioremap space", Use.VMALLOC, vmalloc, directMap - 1)
                .add("direct mapping of all physical memory", Use.DIRECT_MAP, directMap, directMapEnd)
                .add("KASAN shadow memory", Use.OTHER, kasan, 0xffff_fffe_ffff_ffffL)
                .add("modules, BPF", Use.MODULES, 0xffff_ffff_0000_0000L, 0xffff_ffff_7fff_ffffL)
                .add("kernel", Use.KERNEL, 0xffff_ffff_8000_0000L, -1);
        return new KernelLayout(
                builder.build(),
                vmalloc,
                directMap - 1,
                0xffff_ffff_0000_0000L,
                0xffff_ffff_8000_0000L,
                0xffff_ffff_8000_0000L,
                0,
                0,
                0,
                fixmap,
                pciIo);
    }
}
