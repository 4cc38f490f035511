package io.pagewalk.kernel.slub;

import io.pagewalk.kernel.page.Gfp;
import org.jspecify.annotations.Nullable;

/**
 * The caches behind {@code kmalloc()} and the choice among them: {@code mm/slab_common.c:create_kmalloc_caches()}, {@code kmalloc_slab()}.
 *
 * <p>Each type has 13 caches, 8 bytes to 8 KiB in powers of two, and 96 and 192 in between, because sizes a little above 64 and 128 are frequent. Larger requests take pages.
 */
final class KmallocCaches {
    /** Largest request that a cache serves ({@code KMALLOC_MAX_CACHE_SIZE}). */
    static final int MAX_CACHED = 8192;

    /** Why memory is wanted, which decides about zone, accounting and reclaim: {@code enum kmalloc_cache_type}, in its order. */
    enum Type {
        /** Ordinary. */
        NORMAL("kmalloc-", SlabFlags.NO_MERGE),
        /** Can be freed by shrinkers. */
        RECLAIM("kmalloc-rcl-", SlabFlags.RECLAIM_ACCOUNT),
        /** Zone DMA. */
        DMA("dma-kmalloc-", SlabFlags.CACHE_DMA),
        /** Charged to memory cgroups. */
        CGROUP("kmalloc-cg-", SlabFlags.ACCOUNT);

        final String prefix;
        final int flags;

        Type(String prefix, int flags) {
            this.prefix = prefix;
            this.flags = flags;
        }
    }

    private static final int[] SIZES = {
        0, 96, 192, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
    };
    private static final String[] NAMES = {
        "0", "96", "192", "8", "16", "32", "64", "128", "256", "512", "1k", "2k", "4k", "8k",
    };

    /** Index of the cache for each size up to 192, in steps of 8: {@code kmalloc_size_index}. */
    private static final byte[] SMALL = {
        3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2,
    };

    private final @Nullable KmemCache[][] caches = new KmemCache[Type.values().length][SIZES.length];

    KmallocCaches() {}

    static int count() {
        return SIZES.length - 1;
    }

    /** Returns the request of one cache; kmalloc caches are aligned to their size as far as it is a power of two. */
    static CacheRequest request(Type type, int index) {
        int size = SIZES[index];
        return CacheRequest.of(type.prefix + NAMES[index], size, type.flags | SlabFlags.KMALLOC)
                .aligned(Integer.lowestOneBit(size))
                .copyable(0, size);
    }

    @SuppressWarnings("EnumOrdinal") // the rows of a table
    void set(Type type, int index, KmemCache cache) {
        caches[type.ordinal()][index] = cache;
    }

    /** Returns the cache for a request of 1 to {@value #MAX_CACHED} bytes. */
    KmemCache find(long size, int gfp) {
        int index = size <= 192 ? SMALL[(int) (size - 1) >> 3] : 64 - Long.numberOfLeadingZeros(size - 1);
        KmemCache cache = caches[row(gfp)][index];
        if (cache == null) {
            throw new io.pagewalk.base.KernelBug("kmalloc before its caches exist");
        }
        return cache;
    }

    /** {@code kmalloc_type()}: DMA before reclaimable before accounted. */
    private static int row(int gfp) {
        if ((gfp & (Gfp.DMA | Gfp.RECLAIMABLE | Gfp.ACCOUNT)) == 0) {
            return 0;
        }
        if ((gfp & Gfp.DMA) != 0) {
            return 2;
        }
        return (gfp & Gfp.RECLAIMABLE) != 0 ? 1 : 3;
    }
}
