package io.pagewalk.lab.run;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import io.pagewalk.kernel.vmalloc.KernelLayout.Region;
import io.pagewalk.kernel.vmalloc.KernelLayout.Use;
import io.pagewalk.kernel.vmalloc.VmArea;
import io.pagewalk.kernel.vmalloc.VmFlags;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/** How much of each region of a booted kernel's virtual address space is in use, read from the tables of {@code init_mm} and the lists of areas. */
final class AddressSpaceUse {
    /** There is no number: nothing is known of it, or each process has its own. */
    static final long UNKNOWN = -1;

    /**
     * A region and what is in it.
     *
     * @param region where
     * @param usedBytes addresses in use, or {@link #UNKNOWN}
     * @param details lines for people
     */
    record Row(Region region, long usedBytes, List<String> details) {}

    private final LinuxKernel kernel;
    private final KernelLayout layout;
    private final InitMm initMm;
    private final PagingMode mode;

    AddressSpaceUse(LinuxKernel kernel) {
        this.kernel = kernel;
        this.layout = kernel.kernelTables().layout();
        this.initMm = kernel.kernelTables().initMm();
        this.mode = initMm.mode();
    }

    /** Returns all regions, ascending. */
    List<Row> rows() {
        return layout.regions().stream().map(this::row).toList();
    }

    private Row row(Region region) {
        return switch (region.use()) {
            case USER, HOLE, OTHER -> new Row(region, UNKNOWN, List.of());
            case DIRECT_MAP -> directMap(region);
            case VMALLOC, MODULES -> areas(region);
            case KERNEL -> new Row(region, mapped(region), image(layout.kernelMap() - imageBase()));
            case PKMAP -> pkmap(region);
            case FIXMAP -> fixmap(region);
            case VMEMMAP -> vmemmap(region);
        };
    }

    private long mapped(Region region) {
        long sum = 0;
        for (long bytes : initMm.mappedBytes(region.start(), region.last())) {
            sum += bytes;
        }
        return sum;
    }

    private boolean isI386() {
        return mode.architecture() == PagingMode.Architecture.I386;
    }

    private Row directMap(Region region) {
        List<String> details = new ArrayList<>();
        long[] byLevel = initMm.mappedBytes(region.start(), region.last());
        for (int level = byLevel.length - 1; level > 0; level--) {
            if (byLevel[level] != 0) {
                details.add(Size.format(byLevel[level]) + " in leaves of " + Size.format(1L << mode.shift(level)));
            }
        }
        if (isI386()) {
            AddressConversion conversion = kernel.bootMemory().conversion();
            long low = 0;
            long high = 0;
            for (FirmwareMap.Entry entry :
                    kernel.machine().description().firmware().entries()) {
                if (entry.type() == FirmwareMap.Type.USABLE) {
                    long border = Math.clamp(conversion.lowmemFrames() << 12, entry.start(), entry.end());
                    low += border - entry.start();
                    high += entry.end() - border;
                }
            }
            details.add(
                    "RAM: " + Size.format(low) + " LOWMEM here, " + Size.format(high) + " HIGHMEM only through kmap()");
            details.addAll(image(region.start()));
        }
        return new Row(region, mapped(region), details);
    }

    private Row areas(Region region) {
        Map<String, long[]> kinds = new LinkedHashMap<>();
        long used = 0;
        for (VmArea area : kernel.vmalloc().areas()) {
            if (Long.compareUnsigned(area.address(), region.start()) >= 0
                    && Long.compareUnsigned(area.address(), region.last()) <= 0) {
                long[] sum = kinds.computeIfAbsent(kind(area), name -> new long[2]);
                sum[0]++;
                sum[1] += area.sizeBytes();
                used += area.sizeBytes();
            }
        }
        List<String> details = new ArrayList<>();
        kinds.forEach((kind, sum) ->
                details.add(sum[0] + (sum[0] == 1 ? " area of " : " areas of ") + kind + ", " + Size.format(sum[1])));
        if (region.use() == Use.VMALLOC && kernel.vmalloc().lazyPages() > 0) {
            details.add(Size.format(kernel.vmalloc().lazyPages() << 12) + " freed, but perhaps still in a TLB");
        }
        if (details.isEmpty()) {
            details.add("no areas");
        }
        return new Row(region, used, details);
    }

    private static String kind(VmArea area) {
        if (area.has(VmFlags.IOREMAP)) {
            return "ioremap";
        }
        if (area.has(VmFlags.MAP)) {
            return "vmap";
        }
        return area.caller().startsWith("pcpu_get_vm_areas")
                ? "per-CPU chunks"
                : area.caller().startsWith("kernel_clone") ? "kernel stacks" : "vmalloc";
    }

    /** RISC-V maps the image's first byte to the start of the region, others physical address 0. */
    private long imageBase() {
        return mode.architecture() == PagingMode.Architecture.RISCV64
                ? Bits.roundDown(kernel.machine().description().kernel().code().start(), 1L << mode.shift(2))
                : 0;
    }

    private List<String> image(long offset) {
        KernelImage image = kernel.machine().description().kernel();
        List<String> lines = new ArrayList<>();
        String[] names = {".text", ".rodata", ".data", ".bss"};
        for (int i = 0; i < names.length; i++) {
            MemoryRange section = image.sections().get(i);
            if (section.sizeBytes() > 0) {
                lines.add(String.format(
                        Locale.ROOT,
                        "%-7s at %s, %s",
                        names[i],
                        address(section.start() + offset),
                        Size.format(section.sizeBytes())));
            }
        }
        return lines;
    }

    private Row pkmap(Region region) {
        int used = kernel.highmem().used();
        return new Row(
                region,
                (long) used << 12,
                List.of(used + " of " + kernel.highmem().slots() + " slots for kmap() in use"));
    }

    private Row fixmap(Region region) {
        List<String> details = layout.kmapStart() == 0
                ? List.of()
                : List.of(KernelLayout.KMAP_SLOTS + " slots for kmap_local_page() of each CPU, from "
                        + address(layout.kmapStart()) + " up");
        return new Row(region, mapped(region), details);
    }

    private Row vmemmap(Region region) {
        TreeSet<Long> sections = new TreeSet<>();
        for (FirmwareMap.Entry entry : kernel.machine().description().firmware().entries()) {
            if (entry.type() == FirmwareMap.Type.USABLE) {
                long last = (entry.end() - 1) >>> 12;
                for (long pfn = entry.start() >>> 12; pfn <= last; pfn += MemMap.SECTION_FRAMES) {
                    sections.add(pfn / MemMap.SECTION_FRAMES);
                }
                sections.add(last / MemMap.SECTION_FRAMES);
            }
        }
        long frames = (long) sections.size() * MemMap.SECTION_FRAMES;
        return new Row(
                region,
                frames * MemMap.STRUCT_PAGE_BYTES,
                List.of(String.format(
                        Locale.ROOT, "struct page of %,d frames, %d bytes each", frames, MemMap.STRUCT_PAGE_BYTES)));
    }

    /** Returns an address with all its digits. */
    String address(long vaddr) {
        return isI386() ? String.format(Locale.ROOT, "%08x", vaddr) : String.format(Locale.ROOT, "%016x", vaddr);
    }
}
