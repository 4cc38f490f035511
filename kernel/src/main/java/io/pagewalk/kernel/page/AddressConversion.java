package io.pagewalk.kernel.page;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;

/**
 * Conversions between page frame, physical address and kernel virtual address in the direct map: {@code __pa()}, {@code __va()},
 * {@code page_address()}, {@code virt_to_page()}.
 *
 * <p>High memory has no kernel address until it is mapped; its conversions give {@link #NO_ADDRESS}.
 */
public final class AddressConversion {
    /** Kernel address of a page that has none: Linux's {@code NULL}. */
    public static final long NO_ADDRESS = 0;

    /** {@code CONFIG_PAGE_OFFSET} of i386 with the 3G/1G split. */
    public static final long I386_PAGE_OFFSET = 0xc000_0000L;

    private static final long I386_VMALLOC_RESERVE = 128L << 20;

    private static final int PAGE_SHIFT = 12;

    private final long pageOffset;
    private final long lowmemFrames;

    /**
     * Creates the conversions of one machine.
     *
     * @param pageOffset kernel address where physical address 0 is mapped
     * @param lowmemFrames frames below this number are in the direct map
     */
    public AddressConversion(long pageOffset, long lowmemFrames) {
        this.pageOffset = pageOffset;
        this.lowmemFrames = lowmemFrames;
    }

    /**
     * Returns the direct map of x86-64 with 4-level paging, {@code Documentation/arch/x86/x86_64/mm.rst}.
     *
     * @param frames frames of the machine
     */
    public static AddressConversion x8664FourLevel(long frames) {
        return new AddressConversion(0xffff_8880_0000_0000L, frames);
    }

    /**
     * Returns the direct map of x86-64 with 5-level paging.
     *
     * @param frames frames of the machine
     */
    public static AddressConversion x8664FiveLevel(long frames) {
        return new AddressConversion(0xff11_0000_0000_0000L, frames);
    }

    /**
     * Returns the direct map of i386 with a 3 GiB user and 1 GiB kernel half: the first 896 MiB.
     *
     * @param frames frames of the machine
     */
    public static AddressConversion i386(long frames) {
        return i386(frames, I386_PAGE_OFFSET);
    }

    /**
     * Returns the direct map of i386 with a chosen split: all of the kernel's part but the last 128 MiB ({@code __VMALLOC_RESERVE}) maps RAM.
     *
     * <p>Differs from Linux: the classic {@code MAXMEM}; kernels since 4.15 also take off what lies above the vmalloc area, which makes 880 of the 896 MiB.
     *
     * @param frames frames of the machine
     * @param pageOffset where the kernel's part begins: {@code CONFIG_PAGE_OFFSET}
     */
    public static AddressConversion i386(long frames, long pageOffset) {
        long maxmem = (1L << 32) - pageOffset - I386_VMALLOC_RESERVE;
        return new AddressConversion(pageOffset, Math.min(frames, maxmem >>> PAGE_SHIFT));
    }

    /**
     * Returns the direct map of RISC-V, {@code Documentation/arch/riscv/vm-layout.rst}.
     *
     * @param virtualBits 39, 48 or 57
     * @param frames frames of the machine
     */
    public static AddressConversion riscv(int virtualBits, long frames) {
        return switch (virtualBits) {
            case 39 -> new AddressConversion(0xffff_ffd6_0000_0000L, frames);
            case 48 -> new AddressConversion(0xffff_af80_0000_0000L, frames);
            case 57 -> new AddressConversion(0xff60_0000_0000_0000L, frames);
            default -> throw new IllegalArgumentException("RISC-V has no mode of " + virtualBits + " virtual bits");
        };
    }

    /** Returns the kernel address of physical address 0: {@code PAGE_OFFSET}. */
    public long pageOffset() {
        return pageOffset;
    }

    /** Returns the number of frames in the direct map: {@code max_low_pfn}. */
    public long lowmemFrames() {
        return lowmemFrames;
    }

    /**
     * Returns whether a frame is high memory: {@code PageHighMem()}.
     *
     * @param pfn a frame
     */
    public boolean isHighmem(long pfn) {
        return pfn >= lowmemFrames;
    }

    /**
     * Returns the kernel address of a page: {@code page_address()}.
     *
     * @param pfn a frame
     * @return its address, or {@link #NO_ADDRESS} for high memory
     */
    public long pageToVirt(long pfn) {
        return isHighmem(pfn) ? NO_ADDRESS : pageOffset + (pfn << PAGE_SHIFT);
    }

    /**
     * Returns the page of a kernel address: {@code virt_to_page()}.
     *
     * @param vaddr an address in the direct map
     */
    public long virtToPage(long vaddr) {
        return virtToPhys(vaddr) >>> PAGE_SHIFT;
    }

    /**
     * Returns the physical address behind a kernel address: {@code __pa()}.
     *
     * @param vaddr an address in the direct map
     */
    public long virtToPhys(long vaddr) {
        long paddr = vaddr - pageOffset;
        KernelBug.on(paddr < 0 || paddr >>> PAGE_SHIFT >= lowmemFrames, Bits.hex(vaddr) + " is outside the direct map");
        return paddr;
    }

    /**
     * Returns the kernel address of a physical address: {@code __va()}.
     *
     * @param paddr a physical address
     * @return its address, or {@link #NO_ADDRESS} for high memory
     */
    public long physToVirt(long paddr) {
        return isHighmem(paddr >>> PAGE_SHIFT) ? NO_ADDRESS : pageOffset + paddr;
    }

    /**
     * Returns the physical address of a page: {@code page_to_phys()}.
     *
     * @param pfn a frame
     */
    public static long pageToPhys(long pfn) {
        return pfn << PAGE_SHIFT;
    }

    /**
     * Returns the page of a physical address: {@code phys_to_page()}.
     *
     * @param paddr a physical address
     */
    public static long physToPage(long paddr) {
        return paddr >>> PAGE_SHIFT;
    }
}
