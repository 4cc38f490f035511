package io.pagewalk.observe.proc;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import io.pagewalk.kernel.vmalloc.VmArea;
import io.pagewalk.kernel.vmalloc.VmFlags;
import io.pagewalk.kernel.vmalloc.Vmalloc;

/** {@code /proc/vmallocinfo}: the areas of the kernel's vmalloc space ({@code mm/vmalloc.c:vmalloc_info_show()}), as a privileged reader sees it. */
public final class VmallocInfo {
    private VmallocInfo() {}

    /**
     * Prints the file.
     *
     * @param vmalloc the areas
     * @param boot nodes of the machine
     * @param paging the paging mode, which says how wide addresses are; i386 kernels know no nodes
     */
    public static String print(Vmalloc vmalloc, BootMemory boot, PagingMode paging) {
        boolean is64Bit = paging.architecture() != PagingMode.Architecture.I386;
        StringBuilder text = new StringBuilder();
        for (VmArea area : vmalloc.areas()) {
            if (area.has(VmFlags.UNINITIALIZED)) {
                continue;
            }
            range(text, area, is64Bit);
            if (!area.caller().isEmpty()) {
                text.append(' ').append(area.caller());
            }
            if (area.pageCount() > 0) {
                text.append(" pages=").append(area.pageCount());
            }
            if (area.physicalAddress() != 0) {
                text.append(" phys=0x");
                Columns.hex(text, area.physicalAddress(), paging == PagingMode.I386 ? 8 : 16);
            }
            flags(text, area, vmalloc.layout());
            if (is64Bit) {
                nodes(text, area, boot);
            }
            text.append('\n');
        }
        for (VmArea area : vmalloc.lazyAreas()) {
            range(text, area, is64Bit);
            text.append(" unpurged vm_area\n");
        }
        return text.toString();
    }

    private static void range(StringBuilder text, VmArea area, boolean is64Bit) {
        int digits = is64Bit ? 16 : 8;
        text.append("0x");
        Columns.hex(text, area.address(), digits);
        text.append("-0x");
        Columns.hex(text, area.address() + area.sizeBytes(), digits);
        text.append(' ');
        Columns.right(text, area.sizeBytes(), 7);
    }

    private static void flags(StringBuilder text, VmArea area, KernelLayout layout) {
        flag(text, area, VmFlags.IOREMAP, " ioremap");
        flag(text, area, VmFlags.SPARSE, " sparse");
        flag(text, area, VmFlags.ALLOC, " vmalloc");
        flag(text, area, VmFlags.MAP, " vmap");
        flag(text, area, VmFlags.USERMAP, " user");
        flag(text, area, VmFlags.DMA_COHERENT, " dma-coherent");
        if (layout.isVmalloc(area.pageArray())) {
            text.append(" vpages");
        }
    }

    private static void flag(StringBuilder text, VmArea area, int flag, String word) {
        if (area.has(flag)) {
            text.append(word);
        }
    }

    /** {@code show_numa_info()}: how many of the area's frames each node has. */
    private static void nodes(StringBuilder text, VmArea area, BootMemory boot) {
        int[] counts = new int[boot.nodes().size()];
        int step = 1 << area.pageOrder();
        for (int i = 0; i < area.pageCount(); i += step) {
            counts[boot.allocator().zoneOf(area.pfn(i)).node()] += step;
        }
        for (int node = 0; node < counts.length; node++) {
            if (counts[node] > 0) {
                text.append(" N").append(node).append('=').append(counts[node]);
            }
        }
    }
}
