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
 */
public record KernelImage(
        MemoryRange code,
        MemoryRange rodata,
        MemoryRange data,
        MemoryRange bss,
        @Nullable MemoryRange initrd) {
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
