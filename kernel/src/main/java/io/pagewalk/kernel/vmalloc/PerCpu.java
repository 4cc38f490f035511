package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Memory of which every CPU has its own copy: {@code mm/percpu.c}. A chunk holds one unit for each CPU, all laid out the same; the first chunk was embedded in the direct map at
 * boot, further ones are areas at the top of the vmalloc space whose pages get frames when something is allocated in them.
 *
 * <pre>
 *   chunk:  | unit of CPU 0 | unit of CPU 1 | ...      one object lies at the same offset of every unit
 *   first chunk's unit:  | static | dynamic |  unpopulated |
 * </pre>
 *
 * <p>Differs from Linux: a pointer is an offset counted over all chunks, a chunk is searched first-fit from its start, and populated pages of a chunk go only with the whole chunk.
 */
public final class PerCpu {
    /** What an allocation returns when it fails. */
    public static final long NULL = -1;

    private static final int NO_CHUNK = -1;

    /** {@code PCPU_MIN_ALLOC_SIZE}: objects are a multiple of it. */
    private static final int GRAIN = 4;

    private static final int GRAINS_PER_PAGE = 4096 / GRAIN;
    /** {@code PCPU_MIN_UNIT_SIZE}, also the largest object. */
    private static final int MIN_UNIT = 32 << 10;
    /** The first chunk is made of whole large pages so that its mapping is. */
    private static final int ATOM = 2 << 20;
    /** {@code PCPU_EMPTY_POP_PAGES_LOW} and {@code _HIGH}: this many populated pages wait empty for requests that cannot sleep. */
    private static final int EMPTY_LOW = 2;

    private static final int EMPTY_HIGH = 4;
    /** Bytes of static per-CPU variables and of the dynamic part of the first chunk, from the boot log of a 6.18 kernel. */
    private static final int STATIC_BYTES = 185_560;

    private static final class Chunk {
        private final @Nullable VmArea area;
        private final BitSet used = new BitSet();
        private final BitSet populated = new BitSet();
        /** Frames by page and CPU; 0 is none, since frame 0 never comes from the allocator. The first chunk's are boot memory. */
        private final long[] frames;

        private final long[] metadata;

        private Chunk(@Nullable VmArea area, int frames, long[] metadata) {
            this.area = area;
            this.frames = new long[frames];
            this.metadata = metadata;
        }
    }

    private final Vmalloc vmalloc;
    private final PageAllocator allocator;
    private final int cpus;
    private final int units;
    private final int unitBytes;
    private final int unitPages;
    private final List<@Nullable Chunk> chunks = new ArrayList<>();
    /** First and last grain of each object, counted over all chunks. */
    private final BitSet starts = new BitSet();

    private final BitSet ends = new BitSet();
    private long populatedPages;

    /**
     * Takes over the first chunk that boot has made: {@code pcpu_embed_first_chunk()}.
     *
     * @param vmalloc where further chunks lie
     * @param allocator where their frames come from
     * @param cpus CPUs of the machine
     * @param firstPages pages of the first chunk for each CPU
     */
    public PerCpu(Vmalloc vmalloc, PageAllocator allocator, int cpus, int firstPages) {
        this.vmalloc = vmalloc;
        this.allocator = allocator;
        this.cpus = cpus;
        int perAllocation = unitsPerAllocation(cpus, firstPages << 12);
        this.units = (int) Bits.roundUp(cpus, perAllocation);
        this.unitBytes = ATOM / perAllocation;
        this.unitPages = unitBytes >>> 12;
        Chunk first = new Chunk(null, 0, new long[0]);
        first.used.set(0, Math.min(STATIC_BYTES / GRAIN, firstPages * GRAINS_PER_PAGE));
        first.used.set(firstPages * GRAINS_PER_PAGE, unitPages * GRAINS_PER_PAGE);
        first.populated.set(0, firstPages);
        chunks.add(first);
        populatedPages = firstPages;
    }

    /** {@code pcpu_build_alloc_info()}: how many CPUs share one large page, with few units wasted and as few large pages as possible. */
    private static int unitsPerAllocation(int cpus, int sizeBytes) {
        int minUnit = Math.max(sizeBytes, MIN_UNIT);
        int most = Math.max(1, ATOM / minUnit);
        while (ATOM % most != 0 || (ATOM / most & 4095) != 0) {
            most--;
        }
        int best = 1;
        int lastAllocations = Integer.MAX_VALUE;
        for (int per = most; per > 0; per--) {
            if (ATOM % per != 0 || (ATOM / per & 4095) != 0) {
                continue;
            }
            int allocations = (cpus + per - 1) / per;
            if (allocations * per - cpus > cpus / 3) {
                continue;
            }
            if (allocations > lastAllocations) {
                break;
            }
            lastAllocations = allocations;
            best = per;
        }
        return best;
    }

    /** Returns the bytes from one CPU's copy to the next: {@code pcpu_unit_size}. */
    public int unitBytes() {
        return unitBytes;
    }

    /** Returns the frames of all chunks: {@code pcpu_nr_pages()}, Percpu of /proc/meminfo. */
    public long pages() {
        return populatedPages * units;
    }

    /** Returns how many chunks there are. */
    public int chunkCount() {
        int count = 0;
        for (Chunk chunk : chunks) {
            count += chunk == null ? 0 : 1;
        }
        return count;
    }

    /**
     * Allocates an object for every CPU: {@code pcpu_alloc()}.
     *
     * @param bytes 1 to 32 KiB
     * @param alignment a power of two, at most 4096
     * @param gfp request flags; without {@link Gfp#GFP_KERNEL} no chunk is made and no page populated
     * @return its place, or {@link #NULL}
     */
    public long alloc(int bytes, int alignment, int gfp) {
        if (bytes <= 0 || bytes > MIN_UNIT || alignment > 4096 || Integer.bitCount(alignment) != 1) {
            return NULL;
        }
        boolean isAtomic = (gfp & Gfp.GFP_KERNEL) != Gfp.GFP_KERNEL;
        int grains = Math.ceilDiv(bytes, GRAIN);
        int step = Math.max(1, alignment / GRAIN);
        for (int next = 0; next <= chunks.size(); next++) {
            int i = next < chunks.size() ? next : isAtomic ? NO_CHUNK : addChunk();
            if (i == NO_CHUNK) {
                return NULL;
            }
            Chunk chunk = chunks.get(i);
            int start = chunk == null ? -1 : fit(chunk, grains, step, isAtomic);
            if (chunk == null || start < 0) {
                continue;
            }
            int lastPage = (start + grains - 1) / GRAINS_PER_PAGE;
            if (!populate(chunk, start / GRAINS_PER_PAGE, lastPage)) {
                return NULL;
            }
            chunk.used.set(start, start + grains);
            starts.set(i * unitPages * GRAINS_PER_PAGE + start);
            ends.set(i * unitPages * GRAINS_PER_PAGE + start + grains - 1);
            if (!isAtomic) {
                keepEmptyPages();
            }
            return (long) i * unitBytes + (long) start * GRAIN;
        }
        return NULL;
    }

    private int fit(Chunk chunk, int grains, int step, boolean isAtomic) {
        int limit = unitPages * GRAINS_PER_PAGE;
        int start = 0;
        while (true) {
            start = (int) Bits.roundUp(chunk.used.nextClearBit(start), step);
            if (start + grains > limit) {
                return -1;
            }
            int busy = chunk.used.nextSetBit(start);
            if (busy >= 0 && busy < start + grains) {
                start = busy;
                continue;
            }
            int lastPage = (start + grains - 1) / GRAINS_PER_PAGE;
            int missing = chunk.populated.nextClearBit(start / GRAINS_PER_PAGE);
            if (isAtomic && missing <= lastPage) {
                start = (missing + 1) * GRAINS_PER_PAGE;
                continue;
            }
            return start;
        }
    }

    /** {@code pcpu_create_chunk()}: an area for all units and four maps, of which the large ones come from vmalloc too. Returns its index, the lowest without a chunk. */
    private int addChunk() {
        VmArea area = vmalloc.getHighestArea((long) unitBytes * units, ATOM, "pcpu_get_vm_areas+0x0/0x1050");
        if (area == null) {
            return NO_CHUNK;
        }
        long grains = (long) unitPages * GRAINS_PER_PAGE;
        long[] bytes = {grains / 8, grains / 8 + 8, unitPages * 32L, grains * 8};
        String[] callers = {
            "pcpu_create_chunk+0x56/0x230",
            "pcpu_create_chunk+0x80/0x230",
            "pcpu_create_chunk+0xa0/0x230",
            "pcpu_create_chunk+0x217/0x230"
        };
        long[] metadata = new long[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] > 4096) {
                metadata[i] = vmalloc.vzalloc(bytes[i], callers[i]);
                if (metadata[i] == Vmalloc.NULL) {
                    Arrays.stream(metadata).forEach(vmalloc::vfree);
                    vmalloc.freeVmArea(area);
                    return NO_CHUNK;
                }
            }
        }
        Chunk chunk = new Chunk(area, unitPages * cpus, metadata);
        int hole = chunks.indexOf(null);
        if (hole >= 0) {
            chunks.set(hole, chunk);
            return hole;
        }
        chunks.add(chunk);
        return chunks.size() - 1;
    }

    /** {@code pcpu_populate_chunk()}. */
    private boolean populate(Chunk chunk, int firstPage, int lastPage) {
        for (int page = chunk.populated.nextClearBit(firstPage);
                page <= lastPage;
                page = chunk.populated.nextClearBit(page)) {
            if (!populatePage(chunk, page)) {
                return false;
            }
        }
        return true;
    }

    private boolean populatePage(Chunk chunk, int page) {
        VmArea area = chunk.area;
        if (area == null) {
            throw new KernelBug("the first chunk grows");
        }
        for (int cpu = 0; cpu < cpus; cpu++) {
            long pfn = allocator.allocPages(Gfp.GFP_KERNEL, 0);
            long vaddr = area.address() + (long) cpu * unitBytes + ((long) page << 12);
            if (pfn == PageAllocator.NO_PAGE || vmalloc.initMm().mapLeaf(vaddr, pfn, InitMm.PAGE_KERNEL, 1) != 0) {
                if (pfn != PageAllocator.NO_PAGE) {
                    allocator.freePages(pfn, 0);
                }
                for (int undo = 0; undo < cpu; undo++) {
                    release(chunk, page, undo);
                }
                return false;
            }
            allocator.memMap().setOwner(pfn, FrameOwner.PER_CPU);
            chunk.frames[page * cpus + cpu] = pfn;
        }
        chunk.populated.set(page);
        populatedPages++;
        return true;
    }

    private void release(Chunk chunk, int page, int cpu) {
        VmArea area = chunk.area;
        if (area != null) {
            vmalloc.unmapRange(area.address() + (long) cpu * unitBytes + ((long) page << 12), 4096);
        }
        allocator.freePages(chunk.frames[page * cpus + cpu], 0);
        chunk.frames[page * cpus + cpu] = 0;
    }

    /** {@code pcpu_balance_populated()}: keeps some populated pages empty for requests that cannot sleep. */
    private void keepEmptyPages() {
        int empty = 0;
        for (Chunk chunk : chunks) {
            empty += chunk == null ? 0 : emptyPages(chunk);
        }
        if (empty >= EMPTY_LOW) {
            return;
        }
        for (int wanted = EMPTY_HIGH - empty; wanted > 0; wanted--) {
            Chunk target = null;
            for (Chunk chunk : chunks) {
                if (target == null && chunk != null && chunk.area != null) {
                    target = chunk.populated.nextClearBit(0) < unitPages ? chunk : null;
                }
            }
            if (target == null) {
                if (addChunk() == NO_CHUNK) {
                    return;
                }
                wanted++;
                continue;
            }
            if (!populatePage(target, target.populated.nextClearBit(0))) {
                return;
            }
        }
    }

    private static int emptyPages(Chunk chunk) {
        int empty = 0;
        for (int page = chunk.populated.nextSetBit(0); page >= 0; page = chunk.populated.nextSetBit(page + 1)) {
            int busy = chunk.used.nextSetBit(page * GRAINS_PER_PAGE);
            empty += busy < 0 || busy >= (page + 1) * GRAINS_PER_PAGE ? 1 : 0;
        }
        return empty;
    }

    /**
     * Frees an object: {@code free_percpu()}.
     *
     * @param place what {@link #alloc} returned; {@link #NULL} does nothing
     */
    public void free(long place) {
        if (place == NULL) {
            return;
        }
        int index = (int) (place / unitBytes);
        int start = (int) (place % unitBytes) / GRAIN;
        int at = index * unitPages * GRAINS_PER_PAGE + start;
        Chunk chunk = index < chunks.size() ? chunks.get(index) : null;
        if (chunk == null || !starts.get(at)) {
            throw new KernelBug("no per-CPU object at " + place);
        }
        int end = ends.nextSetBit(at);
        starts.clear(at);
        ends.clear(end);
        chunk.used.clear(start, start + end - at + 1);
        if (chunk.area != null && chunk.used.isEmpty() && hasOtherEmpty(chunk)) {
            destroy(index, chunk);
        }
    }

    /** One chunk without objects is kept. */
    private boolean hasOtherEmpty(Chunk chunk) {
        for (Chunk other : chunks) {
            if (other != null && other != chunk && other.area != null && other.used.isEmpty()) {
                return true;
            }
        }
        return false;
    }

    /** {@code pcpu_destroy_chunk()}. */
    private void destroy(int index, Chunk chunk) {
        for (int page = chunk.populated.nextSetBit(0); page >= 0; page = chunk.populated.nextSetBit(page + 1)) {
            for (int cpu = 0; cpu < cpus; cpu++) {
                release(chunk, page, cpu);
            }
            populatedPages--;
        }
        Arrays.stream(chunk.metadata).forEach(vmalloc::vfree);
        VmArea area = chunk.area;
        if (area != null) {
            vmalloc.freeVmArea(area);
        }
        chunks.set(index, null);
    }

    /**
     * Returns the address of one CPU's copy: {@code per_cpu_ptr()}.
     *
     * @param place what {@link #alloc} returned
     * @param cpu CPU number
     * @return a kernel address, or {@link Vmalloc#NULL} for the first chunk, whose frames boot has placed
     */
    public long address(long place, int cpu) {
        Chunk chunk = chunks.get((int) (place / unitBytes));
        if (chunk == null || chunk.area == null) {
            return Vmalloc.NULL;
        }
        return chunk.area.address() + (long) cpu * unitBytes + place % unitBytes;
    }

    /**
     * Adds what is allocated.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        digest.add(populatedPages);
        for (int at = starts.nextSetBit(0); at >= 0; at = starts.nextSetBit(at + 1)) {
            digest.add(at);
        }
    }

    /**
     * Checks populated pages against frames and mappings.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long populated = 0;
        long frames = 0;
        for (Chunk chunk : chunks) {
            if (chunk == null) {
                continue;
            }
            populated += chunk.populated.cardinality();
            if (chunk.area == null) {
                continue;
            }
            for (int page = 0; page < unitPages; page++) {
                for (int cpu = 0; cpu < cpus; cpu++) {
                    long pfn = chunk.frames[page * cpus + cpu];
                    long vaddr = chunk.area.address() + (long) cpu * unitBytes + ((long) page << 12);
                    out.expectEqual(
                            "per-CPU page at " + Bits.hex(vaddr),
                            "entry maps its frame",
                            vmalloc.toPhys(vaddr),
                            pfn == 0 ? -1 : pfn << 12);
                    frames += pfn == 0 ? 0 : 1;
                }
            }
        }
        out.expectEqual("per-CPU memory", "populated pages == pages found", populatedPages, populated);
        out.expectEqual(
                "per-CPU memory",
                "frames owned == frames of chunks",
                allocator.memMap().ownerFrames(FrameOwner.PER_CPU),
                frames);
        out.expectEqual("per-CPU memory", "objects begun == objects ended", starts.cardinality(), ends.cardinality());
    }
}
