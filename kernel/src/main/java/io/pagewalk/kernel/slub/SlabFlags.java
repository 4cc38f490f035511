package io.pagewalk.kernel.slub;

/** Properties of a cache: the {@code SLAB_*} flags of Linux 6.18, {@code include/linux/slab.h}. */
public final class SlabFlags {
    /** Checks at every allocation and free: {@code slab_debug=F}. */
    public static final int CONSISTENCY_CHECKS = 1;

    /** Guard bytes around objects: {@code slab_debug=Z}. */
    public static final int RED_ZONE = 1 << 1;

    /** Fills free objects with a pattern: {@code slab_debug=P}. */
    public static final int POISON = 1 << 2;

    /** One of the kmalloc caches. */
    public static final int KMALLOC = 1 << 3;

    /** Objects start at cache lines, unless two or more fit into one. */
    public static final int HWCACHE_ALIGN = 1 << 4;

    /** Memory of zone DMA. */
    public static final int CACHE_DMA = 1 << 5;

    /** Memory of zone DMA32. */
    public static final int CACHE_DMA32 = 1 << 6;

    /** Remembers who allocated and freed each object: {@code slab_debug=U}. */
    public static final int STORE_USER = 1 << 7;

    /** Boot cannot go on without this cache. */
    public static final int PANIC = 1 << 8;

    /** Slabs are given back only after a grace period, so that readers may follow stale pointers; the free pointer lies outside the object. */
    public static final int TYPESAFE_BY_RCU = 1 << 9;

    /** Logs every allocation and free: {@code slab_debug=T}. */
    public static final int TRACE = 1 << 10;

    /** Not looked at by the leak detector. */
    public static final int NOLEAKTRACE = 1 << 11;

    /** Never shared with another cache. */
    public static final int NO_MERGE = 1 << 12;

    /** Failures are injected into this cache: {@code slab_debug=A}. */
    public static final int FAILSLAB = 1 << 13;

    /** Objects are charged to memory cgroups. */
    public static final int ACCOUNT = 1 << 14;

    /** Ignores the debugging options of the command line. */
    public static final int NO_USER_FLAGS = 1 << 15;

    /** Shrinkers free its objects; counts as {@code SReclaimable}. */
    public static final int RECLAIM_ACCOUNT = 1 << 16;

    /** The object itself may be poisoned; set by the allocator. */
    public static final int OBJECT_POISON = 1 << 17;

    /** {@link #RECLAIM_ACCOUNT} under its other name: objects live shortly. */
    public static final int TEMPORARY = RECLAIM_ACCOUNT;

    /** What {@code slab_debug} alone switches on: {@code DEBUG_DEFAULT_FLAGS}. */
    public static final int DEBUG_DEFAULT = CONSISTENCY_CHECKS | RED_ZONE | POISON | STORE_USER;

    /** Flags that take a cache off the fast paths: {@code SLAB_DEBUG_FLAGS}. */
    public static final int DEBUG = RED_ZONE | POISON | STORE_USER | TRACE | CONSISTENCY_CHECKS;

    /** Flags that need bytes beside the object: {@code DEBUG_METADATA_FLAGS}. */
    public static final int DEBUG_METADATA = RED_ZONE | POISON | STORE_USER;

    /** Flags that forbid merging: {@code SLAB_NEVER_MERGE}. */
    public static final int NEVER_MERGE =
            RED_ZONE | POISON | STORE_USER | TRACE | TYPESAFE_BY_RCU | NOLEAKTRACE | FAILSLAB | NO_MERGE;

    /** Flags that merged caches must agree in: {@code SLAB_MERGE_SAME}. */
    public static final int MERGE_SAME = RECLAIM_ACCOUNT | CACHE_DMA | CACHE_DMA32 | ACCOUNT;

    private SlabFlags() {}
}
