package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.FrameRange;
import io.pagewalk.kernel.page.MemMap;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What takes memory before the buddy allocator has any: the kernel image, node data, the memmap, per-CPU areas, the two large hash tables.
 *
 * <p>Sizes follow {@code mm/sparse.c:sparse_init_nid()}, {@code mm/percpu.c}, {@code mm/mm_init.c:alloc_large_system_hash()}. Smaller users (page
 * tables of the direct map, the log buffer) are left out; a machine whose real numbers are known brings them in {@link BootPlan#kept()}.
 */
final class EarlyReservations {
    private static final int PAGE_SHIFT = 12;
    private static final int PAGES_PER_MIB = 256;
    /** {@code NODE_DATA(0) allocated} in a boot log of 6.18 on x86-64: 174,848 bytes. */
    private static final int NODE_DATA_PAGES = 43;

    private static final long FOUR_GIB_PAGES = 1L << 20;
    private static final int DENTRY_SCALE = 13;
    private static final int INODE_SCALE = 14;
    private static final long ADAPT_BASE_PAGES = 64L << (30 - PAGE_SHIFT);

    private final BootPlan plan;
    private final Memblock memblock;
    private @Nullable FrameRange cma;

    EarlyReservations(BootPlan plan, Memblock memblock) {
        this.plan = plan;
        this.memblock = memblock;
    }

    /** Returns the area that was reserved for the contiguous memory allocator, or null. */
    @Nullable
    FrameRange cma() {
        return cma;
    }

    /** {@code kernel/dma/contiguous.c:dma_contiguous_reserve()}: rather just above 4 GiB than at the top, so that pages move out of the area and not into it. */
    private void reserveCma() {
        long block = 1L << MemMap.PAGEBLOCK_ORDER;
        long pages = Bits.roundUp(plan.parameters().cmaBytes() >>> PAGE_SHIFT, block);
        if (pages == 0) {
            return;
        }
        long start = memblock.reserveAligned(pages, block, FOUR_GIB_PAGES, FrameOwner.RESERVED);
        if (start < 0) {
            start = memblock.reserveAligned(pages, block, 0, FrameOwner.RESERVED);
        }
        if (start < 0) {
            throw new BadInput("kernel parameter cma", pages + " pages", "an area that fits into free memory");
        }
        cma = new FrameRange(start, start + pages, FrameOwner.RESERVED);
    }

    /** Fills memblock. Returns the frames that the memmap takes. */
    long run() {
        List<BootPlan.NodeMemory> memory = new ArrayList<>(plan.memory());
        memory.sort(Comparator.comparingLong(BootPlan.NodeMemory::start));
        for (BootPlan.NodeMemory range : memory) {
            long start = Bits.divideRoundUp(range.start(), 1L << PAGE_SHIFT);
            memblock.add(start, range.end() >>> PAGE_SHIFT, range.node());
        }
        memblock.setLimit(plan.conversion().lowmemFrames());
        for (BootPlan.Taken taken : plan.taken()) {
            memblock.reserve(
                    taken.start() >>> PAGE_SHIFT, Bits.divideRoundUp(taken.end(), 1L << PAGE_SHIFT), taken.owner());
        }
        reserveCma();
        long memmapPages = 0;
        for (int node = 0; node < plan.nodes(); node++) {
            int of = node;
            if (memblock.regions().stream().noneMatch(region -> region.node() == of)) {
                continue;
            }
            memblock.allocate(NODE_DATA_PAGES, node, FrameOwner.BOOT);
            long pages = (sectionsOf(node) * MemMap.SECTION_FRAMES * plan.structPageBytes()) >>> PAGE_SHIFT;
            memblock.allocate(pages, node, FrameOwner.MEMMAP);
            memmapPages += pages;
        }
        for (int node : plan.cpuToNode()) {
            memblock.allocate(plan.perCpuPages(), node, FrameOwner.BOOT);
        }
        if (plan.nodes() == 1) {
            // With several nodes Linux takes these tables from vmalloc, spread over the nodes, once the allocator runs.
            memblock.allocate(hashPages(DENTRY_SCALE), 0, FrameOwner.BOOT);
            memblock.allocate(hashPages(INODE_SCALE), 0, FrameOwner.BOOT);
        }
        ZoneBuilder zones = new ZoneBuilder(plan, memblock);
        for (BootPlan.Kept kept : plan.kept()) {
            int index = plan.layout().indexOf(kept.zone());
            if (index >= 0) {
                memblock.adjustTaken(
                        zones.lowest(index, kept.node()), zones.highest(index, kept.node()), kept.node(), kept.pages());
            }
        }
        memblock.compact();
        return memmapPages;
    }

    /** Sections of the memmap with at least one frame of the node. */
    private long sectionsOf(int node) {
        long count = 0;
        long last = -1;
        for (Memblock.Region region : memblock.regions()) {
            if (region.node() != node) {
                continue;
            }
            long first = Math.max(region.startPfn() / MemMap.SECTION_FRAMES, last + 1);
            long end = (region.endPfn() - 1) / MemMap.SECTION_FRAMES;
            if (end >= first) {
                count += end - first + 1;
                last = end;
            }
        }
        return count;
    }

    /** Frames of a hash table with a pointer of 8 bytes for each bucket, one bucket for {@code 2^scale} bytes of RAM. */
    private long hashPages(int scale) {
        long pages = 0;
        for (Memblock.Region region : memblock.regions()) {
            pages += Math.max(0, Math.min(region.endPfn(), plan.conversion().lowmemFrames()) - region.startPfn());
        }
        long entries = Bits.roundUp(pages, PAGES_PER_MIB);
        int shift = scale - PAGE_SHIFT;
        for (long adapt = ADAPT_BASE_PAGES; adapt < entries; adapt <<= 2) {
            shift++;
        }
        long buckets = Math.max(1L << Bits.log2Ceil(Math.max(entries >> shift, 1)), 512);
        return (buckets * 8) >>> PAGE_SHIFT;
    }
}
