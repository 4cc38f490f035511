package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The address ranges of the vmalloc space: free, busy, lazy (freed, but perhaps still in a TLB), or pooled by a node for its next request of the same size.
 *
 * <pre>
 *            allocate                 release                  purge (flushes all TLBs first)
 *   free  ------------&gt;  busy  ------------------&gt;  lazy  ------------------------&gt;  free, or
 *    ^                     ^                                                          node's pool
 *    |                     `----------- allocate of the same size ---------------------'  |
 *    `------------------------------------ decay: a quarter at each purge ----------------'
 *
 *   free + busy + lazy + pooled == the whole space
 * </pre>
 *
 * <p>A 64-bit machine with several CPUs has a node for each CPU, at most 128 ({@code vmap_init_nodes()}); areas hash to nodes by 64 KiB of address.
 */
final class VmapSpace {
    /** {@code MAX_VA_SIZE_PAGES}: pools exist for areas of 1 to 256 pages. */
    private static final int POOLS = 256;

    private static final int MOST_NODES = 128;
    /** {@code vmap_zone_size} with several nodes: 16 pages. */
    private static final int ZONE_SHIFT = 16;

    /** {@code lazy_max_pages()} grows with the logarithm of the CPUs, 32 MiB each. */
    private static final long LAZY_STEP_PAGES = (32L << 20) >>> 12;

    /** {@code struct vmap_node}. */
    private static final class Node {
        private final TreeMap<Long, VmArea> lazy = new TreeMap<>();
        private final @Nullable ArrayDeque<VmArea>[] pools = newPools();

        @SuppressWarnings("unchecked")
        private static @Nullable ArrayDeque<VmArea>[] newPools() {
            return (@Nullable ArrayDeque<VmArea>[]) new ArrayDeque<?>[POOLS];
        }
    }

    private final KernelLayout layout;
    private final FreeAreas free = new FreeAreas();
    private final TreeMap<Long, VmArea> busy = new TreeMap<>();
    private final List<Node> nodes = new ArrayList<>();
    private final long lazyMaxPages;
    private long lazyPages;
    private long pooledPages;
    private final long totalBytes;

    /**
     * Creates a space that is free.
     *
     * @param layout where it lies
     * @param cpus CPUs of the machine
     * @param is64Bit whether there are nodes
     */
    VmapSpace(KernelLayout layout, int cpus, boolean is64Bit) {
        this.layout = layout;
        int count = is64Bit ? Math.min(cpus, MOST_NODES) : 1;
        for (int i = 0; i < count; i++) {
            nodes.add(new Node());
        }
        this.lazyMaxPages = (Bits.log2Floor(cpus) + 1) * LAZY_STEP_PAGES;
        free.free(layout.vmallocStart(), Bits.roundUp(layout.vmallocEnd(), 4096));
        if (layout.modulesStart() != layout.vmallocStart()) {
            free.free(layout.modulesStart(), layout.modulesEnd());
        }
        this.totalBytes = free.freeBytes();
    }

    /**
     * Takes an address range: {@code alloc_vmap_area()} without its retry.
     *
     * @param bytes page aligned length, guard included
     * @param alignment a power of two
     * @param low lowest start
     * @param high the end must not be above it
     * @param cpu who asks
     * @return the busy area, or null when nothing fits
     */
    @Nullable
    VmArea allocate(long bytes, long alignment, long low, long high, int cpu) {
        int node = -1;
        long start = FreeAreas.NOTHING;
        if (nodes.size() > 1 && low == layout.vmallocStart() && high == layout.vmallocEnd()) {
            node = cpu % nodes.size();
            start = takeFromPool(nodes.get(node), bytes, alignment);
        }
        if (start == FreeAreas.NOTHING) {
            start = free.allocate(bytes, alignment, low, high);
        }
        if (start == FreeAreas.NOTHING) {
            return null;
        }
        VmArea area = new VmArea(start, start + bytes, node);
        busy.put(start, area);
        return area;
    }

    /**
     * Takes the highest range of the vmalloc area, for chunks of per-CPU memory.
     *
     * @return the busy area, or null when nothing fits
     */
    @Nullable
    VmArea allocateHighest(long bytes, long alignment) {
        long high = Bits.roundUp(layout.vmallocEnd(), 4096);
        long start = free.allocateHighest(bytes, alignment, layout.vmallocStart(), high);
        if (start == FreeAreas.NOTHING) {
            return null;
        }
        VmArea area = new VmArea(start, start + bytes, -1);
        busy.put(start, area);
        return area;
    }

    private long takeFromPool(Node node, long bytes, long alignment) {
        ArrayDeque<VmArea> pool = poolOf(node, bytes);
        VmArea first = pool == null ? null : pool.peekFirst();
        if (pool == null || first == null) {
            return FreeAreas.NOTHING;
        }
        pool.removeFirst();
        if (!Bits.isAligned(first.start, alignment)) {
            pool.addLast(first);
            return FreeAreas.NOTHING;
        }
        pooledPages -= bytes >>> 12;
        return first.start;
    }

    private static @Nullable ArrayDeque<VmArea> poolOf(Node node, long bytes) {
        long index = (bytes - 1) >>> 12;
        return index < POOLS ? node.pools[(int) index] : null;
    }

    /** Returns the busy area that contains an address: {@code find_vmap_area()}. */
    @Nullable
    VmArea find(long vaddr) {
        var entry = busy.floorEntry(vaddr);
        return entry != null && vaddr < entry.getValue().end ? entry.getValue() : null;
    }

    /** Returns the busy area that begins at an address. */
    @Nullable
    VmArea at(long vaddr) {
        return busy.get(vaddr);
    }

    /**
     * Makes a busy area lazy: {@code free_vmap_area_noflush()}.
     *
     * @return whether so much is lazy now that a purge is due
     */
    boolean release(VmArea area) {
        busy.remove(area.start);
        lazyPages += area.sizeBytes() >>> 12;
        int node = area.requestNode >= 0 ? area.requestNode : nodeOf(area.start);
        nodes.get(node).lazy.put(area.start, area);
        return lazyPages > lazyMaxPages;
    }

    private int nodeOf(long vaddr) {
        return nodes.size() == 1 ? 0 : (int) Long.remainderUnsigned(vaddr >>> ZONE_SHIFT, nodes.size());
    }

    /**
     * Makes lazy areas free again: {@code __purge_vmap_area_lazy()}.
     *
     * @param tlb flushed before any range is given away
     * @param fullDecay whether pools are emptied, because addresses ran out
     * @return whether there was anything lazy
     */
    boolean purge(KernelTlb tlb, boolean fullDecay) {
        long start = Long.MAX_VALUE;
        long end = Long.MIN_VALUE;
        boolean isAny = false;
        for (Node node : nodes) {
            decay(node, fullDecay);
            if (!node.lazy.isEmpty()) {
                isAny = true;
                start = Math.min(start, node.lazy.firstEntry().getValue().start);
                end = Math.max(end, node.lazy.lastEntry().getValue().end);
            }
        }
        if (!isAny) {
            return false;
        }
        tlb.flushKernelRange(start, end);
        for (Node node : nodes) {
            for (VmArea area : node.lazy.values()) {
                if (fullDecay || area.requestNode < 0 || !addToPool(node, area)) {
                    free.free(area.start, area.end);
                }
            }
            node.lazy.clear();
        }
        lazyPages = 0;
        return true;
    }

    private boolean addToPool(Node node, VmArea area) {
        long index = (area.sizeBytes() - 1) >>> 12;
        if (index >= POOLS) {
            return false;
        }
        ArrayDeque<VmArea> pool = node.pools[(int) index];
        if (pool == null) {
            pool = new ArrayDeque<>();
            node.pools[(int) index] = pool;
        }
        pool.addFirst(area);
        pooledPages += area.sizeBytes() >>> 12;
        return true;
    }

    /** {@code decay_va_pool_node()}: a quarter of each pool goes back, or all of it. */
    private void decay(Node node, boolean fullDecay) {
        for (ArrayDeque<VmArea> pool : node.pools) {
            if (pool == null) {
                continue;
            }
            for (int left = fullDecay ? pool.size() : pool.size() >> 2; left > 0; left--) {
                VmArea area = pool.removeFirst();
                pooledPages -= area.sizeBytes() >>> 12;
                free.free(area.start, area.end);
            }
        }
    }

    long lazyPages() {
        return lazyPages;
    }

    long lazyMaxPages() {
        return lazyMaxPages;
    }

    long pooledPages() {
        return pooledPages;
    }

    long largestFreeBytes() {
        return free.largest();
    }

    int freeRanges() {
        return free.count();
    }

    Collection<VmArea> busyAreas() {
        return busy.values();
    }

    /** Returns busy areas as {@code /proc/vmallocinfo} lists them: node by node, ascending in each. */
    List<VmArea> busyByNode() {
        if (nodes.size() == 1) {
            return List.copyOf(busy.values());
        }
        List<List<VmArea>> byNode = new ArrayList<>();
        nodes.forEach(node -> byNode.add(new ArrayList<>()));
        for (VmArea area : busy.values()) {
            byNode.get(nodeOf(area.start)).add(area);
        }
        return byNode.stream().flatMap(List::stream).toList();
    }

    List<VmArea> lazyByNode() {
        List<VmArea> all = new ArrayList<>();
        nodes.forEach(node -> all.addAll(node.lazy.values()));
        return all;
    }

    void addToDigest(Digest digest) {
        free.addToDigest(digest);
        for (VmArea area : busy.values()) {
            digest.add(area.start);
            digest.add(area.end);
            digest.add(area.flags());
        }
        digest.add(lazyPages);
        digest.add(pooledPages);
    }

    void verify(Violations out) {
        free.verify(out);
        TreeMap<Long, Long> ranges = new TreeMap<>();
        free.forEach((start, end) -> addRange(ranges, start, end, out));
        busy.values().forEach(area -> addRange(ranges, area.start, area.end, out));
        long lazy = 0;
        long pooled = 0;
        for (Node node : nodes) {
            for (VmArea area : node.lazy.values()) {
                addRange(ranges, area.start, area.end, out);
                lazy += area.sizeBytes() >>> 12;
            }
            for (ArrayDeque<VmArea> pool : node.pools) {
                if (pool != null) {
                    for (VmArea area : pool) {
                        addRange(ranges, area.start, area.end, out);
                        pooled += area.sizeBytes() >>> 12;
                    }
                }
            }
        }
        long sum = 0;
        long lastEnd = Long.MIN_VALUE;
        for (var range : ranges.entrySet()) {
            if (range.getKey() < lastEnd) {
                out.add("vmap space", "ranges overlap at " + Bits.hex(range.getKey()));
            }
            lastEnd = range.getValue();
            sum += range.getValue() - range.getKey();
        }
        out.expectEqual("vmap space", "free + busy + lazy + pooled == all", totalBytes, sum);
        out.expectEqual("vmap space", "vmap_lazy_nr == pages found", lazyPages, lazy);
        out.expectEqual("vmap space", "pooled pages == pages found", pooledPages, pooled);
    }

    private static void addRange(Map<Long, Long> ranges, long start, long end, Violations out) {
        if (ranges.put(start, end) != null) {
            out.add("vmap space", "two ranges at " + Bits.hex(start));
        }
    }
}
