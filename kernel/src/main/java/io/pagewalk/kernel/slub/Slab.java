package io.pagewalk.kernel.slub;

import org.jspecify.annotations.Nullable;

/**
 * One block of frames full of objects: {@code struct slab}.
 *
 * <p>A slab is in exactly one place: some CPU's slab (frozen), on some CPU's partial list, on its node's partial list, on its node's full list (with user tracking), or, when full, nowhere.
 */
final class Slab {
    /** Where a slab is. */
    enum Place {
        /** On no list; full, or in hands. */
        NONE,
        /** A CPU allocates from it. */
        CPU,
        /** On a CPU's partial list. */
        CPU_PARTIAL,
        /** On its node's partial list. */
        NODE_PARTIAL,
        /** On its node's list of full slabs. */
        FULL
    }

    final KmemCache cache;
    final int id;
    final long pfn;
    final long base;
    final int order;

    /** Length in bytes. */
    final long bytes;

    final int node;
    final int objects;

    /** Bit per object: in the hands of a user. The model's own knowledge, which Linux does not have. */
    final long[] allocated;

    /** First free object that no CPU has claimed, 0 for none. */
    long freelist;

    /** Objects that are not on {@link #freelist}. */
    int inuse;

    Place place = Place.NONE;

    /** Found corrupt and taken out of use for good. */
    boolean isDisabled;

    @Nullable
    Slab next;

    @Nullable
    Slab previous;

    Slab(KmemCache cache, int id, long pfn, long base, int order, int node, int objects) {
        this.cache = cache;
        this.id = id;
        this.pfn = pfn;
        this.base = base;
        this.order = order;
        this.bytes = 4096L << order;
        this.node = node;
        this.objects = objects;
        this.allocated = new long[(objects + 63) >> 6];
    }

    /** Returns whether an address lies in it. */
    boolean holds(long vaddr) {
        return Long.compareUnsigned(vaddr - base, bytes) < 0;
    }

    boolean isAllocated(int index) {
        return (allocated[index >> 6] >>> index & 1) != 0;
    }

    void setAllocated(int index) {
        allocated[index >> 6] |= 1L << index;
    }

    void clearAllocated(int index) {
        allocated[index >> 6] &= ~(1L << index);
    }

    int allocatedCount() {
        int sum = 0;
        for (long word : allocated) {
            sum += Long.bitCount(word);
        }
        return sum;
    }
}
