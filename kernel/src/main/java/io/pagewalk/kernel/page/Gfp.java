package io.pagewalk.kernel.page;

/**
 * "Get free page" flags: where memory may come from and what the allocator may do to find it. Bits and combinations are those of Linux 6.18,
 * {@code include/linux/gfp_types.h}.
 */
public final class Gfp {
    /** Zone modifier: the lowest zone. */
    public static final int DMA = 1;

    /** Zone modifier: high memory is good enough. */
    public static final int HIGHMEM = 1 << 1;

    /** Zone modifier: physical addresses below 4 GiB. */
    public static final int DMA32 = 1 << 2;

    /** The page can be migrated or reclaimed; with {@link #HIGHMEM} also the zone MOVABLE. */
    public static final int MOVABLE = 1 << 3;

    /** Slab memory that shrinkers free. */
    public static final int RECLAIMABLE = 1 << 4;

    /** High priority: may use part of the reserves. */
    public static final int HIGH = 1 << 5;

    /** May start input and output. */
    public static final int IO = 1 << 6;

    /** May call into file systems. */
    public static final int FS = 1 << 7;

    /** Returned memory is zeroed. */
    public static final int ZERO = 1 << 8;

    /** May reclaim in the caller's own context, so the caller may sleep. */
    public static final int DIRECT_RECLAIM = 1 << 10;

    /** Wakes kswapd when the low watermark is reached. */
    public static final int KSWAPD_RECLAIM = 1 << 11;

    /** The caller will dirty the page. */
    public static final int WRITE = 1 << 12;

    /** No failure report. */
    public static final int NOWARN = 1 << 13;

    /** Tries hard, fails instead of calling the OOM killer. */
    public static final int RETRY_MAYFAIL = 1 << 14;

    /** Never fails. */
    public static final int NOFAIL = 1 << 15;

    /** Gives up after light reclaim. */
    public static final int NORETRY = 1 << 16;

    /** May use all memory: the caller frees more soon. */
    public static final int MEMALLOC = 1 << 17;

    /** A compound page. */
    public static final int COMP = 1 << 18;

    /** Must not use reserves. */
    public static final int NOMEMALLOC = 1 << 19;

    /** Keeps to the cpuset. */
    public static final int HARDWALL = 1 << 20;

    /** Only the requested node. */
    public static final int THISNODE = 1 << 21;

    /** Charged to the caller's memory cgroup. */
    public static final int ACCOUNT = 1 << 22;

    /** Direct and background reclaim: {@code __GFP_RECLAIM}. */
    public static final int RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM;

    /** The four bits that choose a zone: {@code GFP_ZONEMASK}. */
    public static final int ZONE_MASK = DMA | HIGHMEM | DMA32 | MOVABLE;

    /** Cannot sleep, may use reserves. */
    public static final int GFP_ATOMIC = HIGH | KSWAPD_RECLAIM;

    /** Ordinary kernel memory. */
    public static final int GFP_KERNEL = RECLAIM | IO | FS;

    /** {@link #GFP_KERNEL} charged to the memory cgroup. */
    public static final int GFP_KERNEL_ACCOUNT = GFP_KERNEL | ACCOUNT;

    /** Cannot sleep, no reserves. */
    public static final int GFP_NOWAIT = KSWAPD_RECLAIM | NOWARN;

    /** Reclaim without input and output. */
    public static final int GFP_NOIO = RECLAIM;

    /** Reclaim without file systems. */
    public static final int GFP_NOFS = RECLAIM | IO;

    /** For user space, directly reachable by the kernel. */
    public static final int GFP_USER = RECLAIM | IO | FS | HARDWALL;

    /** Lowest zone (16 MiB on x86). */
    public static final int GFP_DMA = DMA;

    /** Below 4 GiB. */
    public static final int GFP_DMA32 = DMA32;

    /** User memory that the kernel need not address. */
    public static final int GFP_HIGHUSER = GFP_USER | HIGHMEM;

    /** User memory that can move: anonymous pages and the page cache. */
    public static final int GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | MOVABLE;

    /** Huge pages in the fault path: no reclaim at all. */
    public static final int GFP_TRANSHUGE_LIGHT = (GFP_HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM;

    /** Huge pages of khugepaged. */
    public static final int GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | DIRECT_RECLAIM;

    private static final String[] NAMES = {
        "__GFP_DMA",
        "__GFP_HIGHMEM",
        "__GFP_DMA32",
        "__GFP_MOVABLE",
        "__GFP_RECLAIMABLE",
        "__GFP_HIGH",
        "__GFP_IO",
        "__GFP_FS",
        "__GFP_ZERO",
        "0x200",
        "__GFP_DIRECT_RECLAIM",
        "__GFP_KSWAPD_RECLAIM",
        "__GFP_WRITE",
        "__GFP_NOWARN",
        "__GFP_RETRY_MAYFAIL",
        "__GFP_NOFAIL",
        "__GFP_NORETRY",
        "__GFP_MEMALLOC",
        "__GFP_COMP",
        "__GFP_NOMEMALLOC",
        "__GFP_HARDWALL",
        "__GFP_THISNODE",
        "__GFP_ACCOUNT"
    };

    private static final int[] COMBINATIONS = {
        GFP_TRANSHUGE,
        GFP_TRANSHUGE_LIGHT,
        GFP_HIGHUSER_MOVABLE,
        GFP_HIGHUSER,
        GFP_USER,
        GFP_KERNEL_ACCOUNT,
        GFP_KERNEL,
        GFP_NOFS,
        GFP_ATOMIC,
        GFP_NOIO,
        GFP_NOWAIT,
        GFP_DMA,
        GFP_DMA32,
        RECLAIM
    };

    private static final String[] COMBINATION_NAMES = {
        "GFP_TRANSHUGE",
        "GFP_TRANSHUGE_LIGHT",
        "GFP_HIGHUSER_MOVABLE",
        "GFP_HIGHUSER",
        "GFP_USER",
        "GFP_KERNEL_ACCOUNT",
        "GFP_KERNEL",
        "GFP_NOFS",
        "GFP_ATOMIC",
        "GFP_NOIO",
        "GFP_NOWAIT",
        "GFP_DMA",
        "GFP_DMA32",
        "__GFP_RECLAIM"
    };

    private Gfp() {}

    /**
     * Returns the migrate type that a request's pages group with: {@code gfp_migratetype()}.
     *
     * @param gfp request flags
     * @return {@link MigrateType#UNMOVABLE}, {@link MigrateType#MOVABLE} or {@link MigrateType#RECLAIMABLE}
     */
    public static int migrateType(int gfp) {
        return (gfp >>> 3) & 3;
    }

    /**
     * Returns whether the caller may sleep: {@code gfpflags_allow_blocking()}.
     *
     * @param gfp request flags
     */
    public static boolean allowsBlocking(int gfp) {
        return (gfp & DIRECT_RECLAIM) != 0;
    }

    /**
     * Returns flags as Linux prints them in reports with {@code %pGg}, such as {@code GFP_HIGHUSER_MOVABLE|__GFP_ZERO}.
     *
     * @param gfp request flags
     */
    public static String describe(int gfp) {
        StringBuilder text = new StringBuilder();
        int left = gfp;
        for (int i = 0; i < COMBINATIONS.length; i++) {
            if ((left & COMBINATIONS[i]) == COMBINATIONS[i]) {
                text.append(text.isEmpty() ? "" : "|").append(COMBINATION_NAMES[i]);
                left &= ~COMBINATIONS[i];
            }
        }
        for (int bit = 0; bit < NAMES.length; bit++) {
            if ((left >>> bit & 1) != 0) {
                text.append(text.isEmpty() ? "" : "|").append(NAMES[bit]);
            }
        }
        return text.isEmpty() ? "0" : text.toString();
    }
}
