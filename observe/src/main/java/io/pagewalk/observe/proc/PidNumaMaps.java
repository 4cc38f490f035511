package io.pagewalk.observe.proc;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.LongToIntFunction;
import org.jspecify.annotations.Nullable;

/** {@code /proc/PID/numa_maps}: the memory policy of each area and the nodes that its pages lie on ({@code fs/proc/task_mmu.c:show_numa_map()}). */
public final class PidNumaMaps {
    private final MemMap memMap;
    private final LargeFolios folios;
    private final PageTableLeaves leaves;
    private final LongToIntFunction nodeOf;
    private final int nodes;

    /**
     * Creates a printer.
     *
     * @param memMap page structures of the machine
     * @param memory where the page tables lie
     * @param paging their format
     * @param nodeOf node of a frame
     * @param nodes how many nodes there are
     */
    public PidNumaMaps(MemMap memMap, PhysicalMemory memory, PagingMode paging, LongToIntFunction nodeOf, int nodes) {
        this.memMap = memMap;
        this.folios = new LargeFolios(memMap);
        this.leaves = new PageTableLeaves(memory, paging);
        this.nodeOf = nodeOf;
        this.nodes = nodes;
    }

    /**
     * Prints the file.
     *
     * @param process the process
     * @param taskPolicy its memory policy, shown for areas without one
     */
    public String print(ProcessState process, @Nullable Mempolicy taskPolicy) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : process.mm().vmas()) {
            Mempolicy own = vma.policyAt(vma.start());
            appendAddress(text, vma.start());
            text.append(' ').append(Mempolicy.text(own != null ? own : taskPolicy));
            appendName(text, vma);
            Sums sums = new Sums(nodes);
            boolean isHuge = vma.has(VmaFlags.VM_HUGETLB);
            if (isHuge) {
                text.append(" huge");
            }
            leaves.visit(process.mm().pgdPfn(), vma.start(), vma.end(), (vaddr, pfn, flags, pages) -> {
                // A huge page of a pool counts as one.
                count(sums, pfn, flags, isHuge ? 1 : pages);
            });
            appendSums(text, sums, vma);
            text.append('\n');
        }
        return text.toString();
    }

    private static void appendAddress(StringBuilder text, long vaddr) {
        String digits = Long.toHexString(vaddr);
        text.repeat('0', Math.max(0, 8 - digits.length())).append(digits);
    }

    private static void appendName(StringBuilder text, Vma vma) {
        MappedFile file = vma.file();
        Mm mm = vma.mm();
        if (file != null) {
            text.append(" file=");
            appendEscaped(text, file.path());
        } else if (vma.start() < mm.brk() && vma.end() > mm.startBrk()) {
            text.append(" heap");
        } else if (vma.start() <= mm.startStack() && vma.end() >= mm.startStack()) {
            text.append(" stack");
        }
    }

    /** {@code seq_path()} with the characters that would end a field. */
    private static void appendEscaped(StringBuilder text, String path) {
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c == '\n' || c == '\t' || c == '=' || c == ' ') {
                text.append('\\').append(c >> 6 & 7).append(c >> 3 & 7).append(c & 7);
            } else {
                text.append(c);
            }
        }
    }

    /** {@code gather_stats()}, which asks the first page for all that one entry maps; the kernel's own pages are none ({@code can_gather_numa_stats()}). */
    private void count(Sums sums, long pfn, int flags, long pages) {
        if ((flags & PteFlags.SPECIAL) != 0 || !memMap.isValid(pfn)) {
            return;
        }
        FrameOwner owner = memMap.owner(pfn);
        if (owner == FrameOwner.KERNEL || owner == FrameOwner.ZERO_PAGE) {
            return;
        }
        int page = memMap.flags(pfn);
        sums.pages += pages;
        sums.dirty += (flags & PteFlags.DIRTY) != 0 || (page & PageFlags.DIRTY) != 0 ? pages : 0;
        sums.swapCache += owner == FrameOwner.SWAP_CACHE ? pages : 0;
        sums.active += (page & (PageFlags.ACTIVE | PageFlags.UNEVICTABLE)) != 0 ? pages : 0;
        sums.writeback += (page & PageFlags.WRITEBACK) != 0 ? pages : 0;
        boolean isAnonymous = owner == FrameOwner.HUGETLB
                ? memMap.mapping(pfn) < 0
                : owner == FrameOwner.ANON || owner == FrameOwner.SWAP_CACHE;
        sums.anonymous += isAnonymous ? pages : 0;
        int mapcount = owner == FrameOwner.HUGETLB ? folios.mapcount(pfn) : folios.preciseMapcount(pfn);
        sums.mostMapped = Math.max(sums.mostMapped, mapcount);
        sums.onNode[nodeOf.applyAsInt(pfn)] += pages;
    }

    private static void appendSums(StringBuilder text, Sums sums, Vma vma) {
        if (sums.pages == 0) {
            return;
        }
        append(text, " anon=", sums.anonymous);
        append(text, " dirty=", sums.dirty);
        if (sums.pages != sums.anonymous && sums.pages != sums.dirty) {
            append(text, " mapped=", sums.pages);
        }
        if (sums.mostMapped > 1) {
            append(text, " mapmax=", sums.mostMapped);
        }
        append(text, " swapcache=", sums.swapCache);
        if (sums.active < sums.pages && !vma.has(VmaFlags.VM_HUGETLB)) {
            text.append(" active=").append(sums.active);
        }
        append(text, " writeback=", sums.writeback);
        for (int node = 0; node < sums.onNode.length; node++) {
            append(text, " N" + node + "=", sums.onNode[node]);
        }
        text.append(" kernelpagesize_kB=").append(vma.kernelPageBytes() >> 10);
    }

    private static void append(StringBuilder text, String name, long value) {
        if (value != 0) {
            text.append(name).append(value);
        }
    }

    /** What one line shows: {@code struct numa_maps}. */
    private static final class Sums {
        private final long[] onNode;
        private long pages;
        private long anonymous;
        private long active;
        private long writeback;
        private long dirty;
        private long swapCache;
        private int mostMapped;

        private Sums(int nodes) {
            onNode = new long[nodes];
        }
    }
}
