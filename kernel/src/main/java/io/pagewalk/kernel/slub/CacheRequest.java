package io.pagewalk.kernel.slub;

import org.jspecify.annotations.Nullable;

/**
 * What {@code kmem_cache_create()} is asked for: {@code struct kmem_cache_args} with name, size and flags.
 *
 * @param name as {@code /proc/slabinfo} prints it, without spaces
 * @param size bytes of an object, at least 1
 * @param align wanted alignment in bytes, a power of two or 0
 * @param flags {@link SlabFlags}
 * @param constructor fills new objects, or null
 * @param userOffset first byte that may be copied to and from user memory
 * @param userSize length of that region, 0 for none
 * @param sheafCapacity objects in each CPU's array, 0 for none
 * @param freePointer where in a free object the free pointer may lie although the object keeps its contents ({@code freeptr_offset}), -1 when nowhere
 */
public record CacheRequest(
        String name,
        int size,
        int align,
        int flags,
        @Nullable ObjectConstructor constructor,
        int userOffset,
        int userSize,
        int sheafCapacity,
        int freePointer) {
    /** No place for the free pointer inside an object that keeps its contents. */
    public static final int NOWHERE = -1;

    /**
     * Returns a request for plain objects.
     *
     * @param name as {@code /proc/slabinfo} prints it
     * @param size bytes of an object
     * @param flags {@link SlabFlags}
     */
    public static CacheRequest of(String name, int size, int flags) {
        return new CacheRequest(name, size, 0, flags, null, 0, 0, 0, NOWHERE);
    }

    /**
     * Returns the same with an alignment.
     *
     * @param bytes a power of two
     */
    public CacheRequest aligned(int bytes) {
        return new CacheRequest(
                name, size, bytes, flags, constructor, userOffset, userSize, sheafCapacity, freePointer);
    }

    /**
     * Returns the same with a constructor.
     *
     * @param value fills new objects
     */
    public CacheRequest constructedBy(ObjectConstructor value) {
        return new CacheRequest(name, size, align, flags, value, userOffset, userSize, sheafCapacity, freePointer);
    }

    /**
     * Returns the same with a region that may be copied to and from user memory.
     *
     * @param offset its first byte
     * @param bytes its length
     */
    public CacheRequest copyable(int offset, int bytes) {
        return new CacheRequest(name, size, align, flags, constructor, offset, bytes, sheafCapacity, freePointer);
    }

    /**
     * Returns the same with arrays of objects in front of the CPUs' slabs.
     *
     * @param objects how many an array holds
     */
    public CacheRequest withSheaves(int objects) {
        return new CacheRequest(name, size, align, flags, constructor, userOffset, userSize, objects, freePointer);
    }

    /**
     * Returns the same with a place for the free pointer: {@code use_freeptr_offset}. It matters for objects with constructor and those that are type-safe by RCU.
     *
     * @param offset a multiple of a word, inside the object
     */
    public CacheRequest withFreePointer(int offset) {
        return new CacheRequest(name, size, align, flags, constructor, userOffset, userSize, sheafCapacity, offset);
    }
}
