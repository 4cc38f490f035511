package io.pagewalk.hardware.machine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the kernel's image lies in physical memory, as /proc/iomem shows it to root.
 *
 * @param code from {@code _text} to {@code _etext}
 * @param rodata from {@code __start_rodata} to {@code __end_rodata}
 * @param data from {@code _sdata} to {@code _edata}
 * @param bss from {@code __bss_start} to {@code __bss_stop}
 * @param initrd the initial RAM disk, freed after boot; null when there is none
 * @param pageOffset kernel address of physical address 0 that the kernel was built for, which on i386 splits the address space; {@link #USUAL_PAGE_OFFSET} for the usual one
 */
public record KernelImage(
        MemoryRange code,
        MemoryRange rodata,
        MemoryRange data,
        MemoryRange bss,
        @Nullable MemoryRange initrd,
        long pageOffset) {
    /** The {@link #pageOffset} of a kernel with the usual place for its architecture. */
    public static final long USUAL_PAGE_OFFSET = 0;

    /**
     * Creates an image of a kernel with the usual place for its direct map.
     *
     * @param code text
     * @param rodata read-only data
     * @param data initialized data
     * @param bss zeroed data
     * @param initrd initial RAM disk, or null
     */
    public KernelImage(
            MemoryRange code, MemoryRange rodata, MemoryRange data, MemoryRange bss, @Nullable MemoryRange initrd) {
        this(code, rodata, data, bss, initrd, USUAL_PAGE_OFFSET);
    }

    /** Refuses sections that overlap. */
    public KernelImage {
        List<MemoryRange> sections = List.of(code, rodata, data, bss);
        for (int i = 0; i < sections.size(); i++) {
            for (int j = i + 1; j < sections.size(); j++) {
                if (sections.get(i).overlaps(sections.get(j))) {
                    throw new IllegalArgumentException(
                            "kernel sections " + sections.get(i) + " and " + sections.get(j) + " overlap");
                }
            }
        }
    }

    /**
     * Returns the same image of a kernel that was built with another place for its direct map ({@code CONFIG_PAGE_OFFSET}).
     *
     * @param address where physical address 0 is mapped, or {@link #USUAL_PAGE_OFFSET}
     */
    public KernelImage withPageOffset(long address) {
        return new KernelImage(code, rodata, data, bss, initrd, address);
    }

    /** Returns the four sections in their usual order. */
    public List<MemoryRange> sections() {
        return List.of(code, rodata, data, bss);
    }

    /**
     * Returns an image of a distribution kernel's size (14 MiB of code, 6 MiB of read-only data, 4 MiB of data, 12 MiB of bss) at an address.
     *
     * @param start where it begins, a multiple of 2 MiB; x86 without address randomization uses 16 MiB
     */
    public static KernelImage at(long start) {
        long mib = 1 << 20;
        return new KernelImage(
                new MemoryRange(start, start + 14 * mib),
                new MemoryRange(start + 14 * mib, start + 20 * mib),
                new MemoryRange(start + 20 * mib, start + 24 * mib),
                new MemoryRange(start + 24 * mib, start + 36 * mib),
                null);
    }
}
