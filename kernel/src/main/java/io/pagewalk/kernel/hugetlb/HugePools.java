package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.rmap.Folios;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The pools of all sizes that a machine has: {@code hstates[]}, with what is written to {@code /proc/sys/vm} and {@code /sys/kernel/mm/hugepages}. */
public final class HugePools {
    private static final int GIB_SHIFT = 30;
    private static final String DIRECTORY = "/sys/kernel/mm/hugepages/hugepages-";
    private static final String NODE_DIRECTORY = "/sys/devices/system/node/node";

    private final Folios folios;
    private final int nodes;
    private final List<HugePool> pools = new ArrayList<>();
    private final HugePool defaultPool;

    /**
     * Sets up the pools and fills those that the command line asks for: {@code hugetlb_init()}.
     *
     * @param folios where pages come from
     * @param contiguous allocates pages that the page allocator has no blocks for
     * @param mode which sizes there are
     * @param hasGigabytePages whether the CPU has pages of 1 GiB; RISC-V always has
     * @param commandLine the kernel's command line
     * @param log receives the kernel's messages
     */
    public HugePools(
            Folios folios,
            ContiguousAllocator contiguous,
            PagingMode mode,
            boolean hasGigabytePages,
            String commandLine,
            Consumer<String> log) {
        this.folios = folios;
        HugePageSource source = new HugePageSource(folios, contiguous);
        this.nodes = folios.allocator().nodes().size();
        List<Long> sizes = new ArrayList<>();
        sizes.add(1L << mode.shift(2));
        boolean hasLevel = mode.levels() > 2 && mode.allowsLeaf(3) && mode.shift(3) == GIB_SHIFT;
        if (hasLevel && (hasGigabytePages || mode.architecture() == PagingMode.Architecture.RISCV64)) {
            sizes.add(1L << mode.shift(3));
        }
        HugetlbParameters parameters = new HugetlbParameters(commandLine, sizes, nodes);
        parameters.messages().forEach(log);
        for (long bytes : sizes) {
            int order = Long.numberOfTrailingZeros(bytes) - 12;
            pools.add(new HugePool(order, source, folios.policies().memoryNodes()));
        }
        this.defaultPool = requirePool(parameters.defaultBytes());
        parameters.amounts().forEach((bytes, amount) -> fill(requirePool(bytes), amount, log));
    }

    private static void fill(HugePool pool, HugetlbParameters.Amount amount, Consumer<String> log) {
        if (amount.byNode().isEmpty()) {
            pool.resize(amount.pages(), HugePool.ANY_NODE);
        } else {
            for (Map.Entry<Integer, Long> each : amount.byNode().entrySet()) {
                pool.resize(each.getValue(), each.getKey());
            }
        }
        if (pool.pages() < amount.pages()) {
            log.accept("HugeTLB: allocating " + amount.pages() + " of page size " + sizeText(pool)
                    + " failed.  Only allocated " + pool.pages() + " hugepages.");
        }
    }

    private static String sizeText(HugePool pool) {
        long mebibytes = pool.pageBytes() >> 20;
        return mebibytes >= 1024 ? (mebibytes >> 10) + ".00 GiB" : mebibytes + ".00 MiB";
    }

    private HugePool requirePool(long bytes) {
        for (HugePool pool : pools) {
            if (pool.pageBytes() == bytes) {
                return pool;
            }
        }
        throw new BadInput("huge page size", Long.toString(bytes), "a size that the machine has");
    }

    /** Returns the pool of calls that name no size: {@code default_hstate}. */
    public HugePool defaultPool() {
        return defaultPool;
    }

    /** Returns all pools, smaller pages first. */
    public List<HugePool> all() {
        return List.copyOf(pools);
    }

    /** Returns how many small pages all pools have: {@code hugetlb_total_pages()}. */
    public long totalPages() {
        long total = 0;
        for (HugePool pool : pools) {
            total += pool.pages() << pool.order();
        }
        return total;
    }

    /**
     * Finds the pool of a size: {@code hstate_sizelog()}.
     *
     * @param shift base-2 logarithm of the size, 0 for the default
     * @return the pool, or null when the machine has no such pages
     */
    public @Nullable HugePool ofShift(int shift) {
        if (shift == 0) {
            return defaultPool;
        }
        for (HugePool pool : pools) {
            if (pool.shift() == shift) {
                return pool;
            }
        }
        return null;
    }

    /** Returns the pool that a page belongs to. */
    HugePool poolOf(long head) {
        int order = folios.large().order(head);
        for (HugePool pool : pools) {
            if (pool.order() == order) {
                return pool;
            }
        }
        throw new BadInput("frame " + head, "order " + order, "a huge page");
    }

    /**
     * Writes {@code nr_hugepages} of the default size: {@code hugetlb_sysctl_handler()}.
     *
     * @param count persistent pages
     */
    public void resize(long count) {
        defaultPool.resize(count, HugePool.ANY_NODE);
    }

    /**
     * Writes {@code nr_overcommit_hugepages} of the default size.
     *
     * @param count surplus pages
     * @return whether the size may have any
     */
    public boolean setOvercommit(long count) {
        if (defaultPool.isGigantic()) {
            return false;
        }
        defaultPool.setOvercommit(count);
        return true;
    }

    /**
     * Returns whether a path names a file of a pool.
     *
     * @param path absolute path
     */
    public boolean hasFile(String path) {
        return read(path) != null;
    }

    /**
     * Reads a file below {@code /sys/kernel/mm/hugepages} or {@code /sys/devices/system/node/node0/hugepages}.
     *
     * @param path absolute path
     * @return its text, or null when there is no such file
     */
    public @Nullable String read(String path) {
        HugePool pool = poolOf(path);
        int node = nodeOf(path);
        if (pool == null || node >= nodes) {
            return null;
        }
        boolean isWhole = node == HugePool.ANY_NODE;
        long value;
        switch (path.substring(path.lastIndexOf('/') + 1)) {
            case "nr_hugepages" -> value = isWhole ? pool.pages() : pool.pages(node);
            case "free_hugepages" -> value = isWhole ? pool.free() : pool.free(node);
            case "surplus_hugepages" -> value = isWhole ? pool.surplus() : pool.surplus(node);
            case "nr_hugepages_mempolicy" -> value = isWhole ? pool.pages() : -1;
            case "resv_hugepages" -> value = isWhole ? pool.reserved() : -1;
            case "nr_overcommit_hugepages" -> value = isWhole ? pool.overcommit() : -1;
            default -> value = -1;
        }
        return value < 0 ? null : value + "\n";
    }

    /**
     * Writes such a file.
     *
     * @param path absolute path of a file that {@link #hasFile}
     * @param text a number
     * @return whether it was taken ({@code -EINVAL} otherwise)
     */
    public boolean write(String path, String text) {
        HugePool pool = poolOf(path);
        if (pool == null || !text.strip().matches("[0-9]{1,18}")) {
            return false;
        }
        long value = Long.parseLong(text.strip());
        switch (path.substring(path.lastIndexOf('/') + 1)) {
            case "nr_hugepages", "nr_hugepages_mempolicy" -> pool.resize(value, nodeOf(path));
            case "nr_overcommit_hugepages" -> {
                if (pool.isGigantic()) {
                    return false;
                }
                pool.setOvercommit(value);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private @Nullable HugePool poolOf(String path) {
        for (HugePool pool : pools) {
            String name = (pool.pageBytes() >> 10) + "kB/";
            boolean isGlobal = path.startsWith(DIRECTORY + name);
            if (isGlobal || (path.startsWith(NODE_DIRECTORY) && path.contains("/hugepages/hugepages-" + name))) {
                return pool;
            }
        }
        return null;
    }

    private static int nodeOf(String path) {
        if (!path.startsWith(NODE_DIRECTORY)) {
            return HugePool.ANY_NODE;
        }
        String number = path.substring(NODE_DIRECTORY.length()).replaceFirst("/.*", "");
        return number.matches("[0-9]{1,4}") ? Integer.parseInt(number) : Integer.MAX_VALUE;
    }

    void verify(Violations out) {
        long frames = 0;
        for (HugePool pool : pools) {
            pool.verify(out);
            frames += pool.pages() << pool.order();
        }
        out.expectEqual(
                "pools of huge pages",
                "frames owned == pages",
                folios.memmap().ownerFrames(FrameOwner.HUGETLB),
                frames);
    }

    void addToDigest(Digest digest) {
        pools.forEach(pool -> pool.addToDigest(digest));
    }
}
