package io.pagewalk.kernel.slub;

import org.jspecify.annotations.Nullable;

/** A cache's slabs of one CPU: {@code struct kmem_cache_cpu}. */
final class CpuSlab {
    /** First object that the CPU may take without asking, 0 for none. */
    long freelist;

    /** The slab that {@link #freelist} lies in. */
    @Nullable
    Slab slab;

    /** Partial slabs in reserve, linked by {@code next}. */
    @Nullable
    Slab partial;

    /** How many. */
    int partialSlabs;

    /** Arrays of objects in front of the slab, null without. */
    @Nullable
    CpuSheaves sheaves;

    CpuSlab() {}
}
