package io.pagewalk.kernel.slub;

import io.pagewalk.base.Bits;

/**
 * How objects of one size lie in a slab: {@code mm/slub.c:calculate_sizes()}.
 *
 * <pre>
 *   | left red zone | object ... free pointer ... | right red zone | free pointer | track x 2 | request size | padding |
 *   |  redLeftPad   |  objectSize                 |                |                                                |
 *                   |  inuse ------------------------------------->|
 *   | size -------------------------------------------------------------------------------------------------------->|
 * </pre>
 *
 * Without debugging only the object and the padding to its alignment are there, and the free pointer of a free object lies in its middle.
 *
 * @param objectSize bytes that a user asked for
 * @param align alignment of objects in bytes, a power of two
 * @param inuse bytes up to the metadata
 * @param size distance from object to object
 * @param freePointer offset of the free pointer in the object
 * @param redLeftPad bytes before the object
 * @param order slabs have {@code 2^order} pages
 * @param objects objects in a slab of {@link #order}
 * @param minOrder order that is tried when memory is short
 * @param minObjects objects in a slab of {@link #minOrder}
 * @param flags {@link SlabFlags}, {@link SlabFlags#OBJECT_POISON} decided
 */
public record SlabGeometry(
        int objectSize,
        int align,
        int inuse,
        int size,
        int freePointer,
        int redLeftPad,
        int order,
        int objects,
        int minOrder,
        int minObjects,
        int flags) {
    /** Most objects of a slab, because the counter has 15 bits ({@code MAX_OBJS_PER_PAGE}). */
    public static final int MAX_OBJECTS = 32767;

    /** Largest block of the page allocator. */
    private static final int MAX_PAGE_ORDER = 10;

    private static final long PAGE_BYTES = 4096;

    /**
     * Computes the geometry of a cache.
     *
     * @param objectSize bytes of an object, at least 1
     * @param align wanted alignment, 0 for none
     * @param flags {@link SlabFlags}
     * @param hasConstructor whether free objects must keep their contents
     * @param parameters boot parameters and build
     * @return the geometry; {@link #objects} is 0 when no slab can hold such an object
     */
    public static SlabGeometry of(
            int objectSize, int align, int flags, boolean hasConstructor, SlabParameters parameters) {
        return of(objectSize, align, flags, hasConstructor, CacheRequest.NOWHERE, parameters);
    }

    /**
     * Computes the geometry of a request.
     *
     * @param request what is asked for
     * @param flags its {@link SlabFlags} with those of the command line
     * @param parameters boot parameters and build
     * @return as {@link #of(int, int, int, boolean, int, SlabParameters)}
     */
    static SlabGeometry of(CacheRequest request, int flags, SlabParameters parameters) {
        return of(
                request.size(),
                request.align(),
                flags,
                request.constructor() != null,
                request.freePointer(),
                parameters);
    }

    /**
     * Computes the geometry of a cache whose users may have set a word aside for the free pointer.
     *
     * @param objectSize bytes of an object, at least 1
     * @param align wanted alignment, 0 for none
     * @param flags {@link SlabFlags}
     * @param hasConstructor whether free objects must keep their contents
     * @param ownFreePointer offset of that word, {@link CacheRequest#NOWHERE} when there is none
     * @param parameters boot parameters and build
     * @return the geometry; {@link #objects} is 0 when no slab can hold such an object
     */
    public static SlabGeometry of(
            int objectSize,
            int align,
            int flags,
            boolean hasConstructor,
            int ownFreePointer,
            SlabParameters parameters) {
        int word = parameters.wordBytes();
        int alignment = calculateAlignment(flags, align, objectSize, parameters);
        int size = roundUp(objectSize, word);
        boolean keepsRequest = keepsRequestSize(flags, parameters);
        boolean isPoisoned = (flags & SlabFlags.POISON) != 0;
        boolean isRcu = (flags & SlabFlags.TYPESAFE_BY_RCU) != 0;
        boolean isRedZoned = (flags & SlabFlags.RED_ZONE) != 0;
        int finalFlags = flags & ~SlabFlags.OBJECT_POISON;
        if (isPoisoned && !isRcu && !hasConstructor) {
            finalFlags |= SlabFlags.OBJECT_POISON;
        }
        if (isRedZoned && size == objectSize) {
            size += word;
        }
        int inuse = size;
        int freePointer;
        boolean keepsContents = isRcu || hasConstructor;
        if ((keepsContents && ownFreePointer < 0)
                || isPoisoned
                || (isRedZoned && (objectSize < word || keepsRequest))) {
            freePointer = size;
            size += word;
        } else if (keepsContents) {
            freePointer = ownFreePointer;
        } else {
            freePointer = (objectSize / 2) & -word;
        }
        if ((flags & SlabFlags.STORE_USER) != 0) {
            size += 2 * parameters.trackBytes();
            if (keepsRequest) {
                size += word;
            }
        }
        int redLeftPad = 0;
        if (isRedZoned) {
            redLeftPad = roundUp(word, alignment);
            size += word + redLeftPad;
        }
        size = roundUp(size, alignment);
        int order = calculateOrder(size, parameters);
        int minOrder = orderOf(size);
        return new SlabGeometry(
                objectSize,
                alignment,
                inuse,
                size,
                freePointer,
                redLeftPad,
                order,
                order > MAX_PAGE_ORDER ? 0 : objectsIn(order, size),
                minOrder,
                minOrder > MAX_PAGE_ORDER ? 0 : objectsIn(minOrder, size),
                finalFlags);
    }

    /**
     * Returns the alignment of objects: {@code mm/slab_common.c:calculate_alignment()}.
     *
     * @param flags {@link SlabFlags}
     * @param align wanted alignment
     * @param size bytes of an object
     * @param parameters cache line and word
     */
    public static int calculateAlignment(int flags, int align, int size, SlabParameters parameters) {
        int result = align;
        if ((flags & SlabFlags.HWCACHE_ALIGN) != 0) {
            int line = parameters.cacheLineBytes();
            while (size <= line / 2) {
                line /= 2;
            }
            result = Math.max(result, line);
        }
        // The smallest alignment of any slab object is that of unsigned long long: ARCH_SLAB_MINALIGN.
        result = Math.max(result, parameters.wordBytes());
        return roundUp(result, parameters.wordBytes());
    }

    /**
     * Returns the order of a cache's slabs: {@code mm/slub.c:calculate_order()}. The smallest order that holds the wanted number of objects and leaves at most 1/16 of the slab unused; then
     * 1/8, 1/4, 1/2.
     *
     * @param size distance from object to object in bytes
     * @param parameters limits
     * @return the order; above the largest of the page allocator when nothing holds one object
     */
    public static int calculateOrder(int size, SlabParameters parameters) {
        int mostObjects = Math.max(objectsIn(parameters.maxOrder(), size), 1);
        int objects = Math.min(parameters.wantedObjects(), mostObjects);
        int minOrder = Math.max(parameters.minOrder(), orderOf((long) objects * size));
        if (objectsIn(minOrder, size) > MAX_OBJECTS) {
            return orderOf((long) size * MAX_OBJECTS) - 1;
        }
        for (int fraction = 16; fraction > 1; fraction /= 2) {
            for (int order = minOrder; order <= parameters.maxOrder(); order++) {
                long bytes = PAGE_BYTES << order;
                if (bytes % size <= bytes / fraction) {
                    return order;
                }
            }
        }
        return orderOf(size);
    }

    /** Returns how many objects may lie in a CPU's partial slabs: {@code mm/slub.c:set_cpu_partial()}. */
    public int cpuPartialObjects() {
        if ((flags & SlabFlags.DEBUG) != 0) {
            return 0;
        }
        if (size >= PAGE_BYTES) {
            return 6;
        }
        if (size >= 1024) {
            return 24;
        }
        return size >= 256 ? 52 : 120;
    }

    /** Returns how many slabs that is when each is half full: {@code slub_set_cpu_partial()}. */
    public int cpuPartialSlabs() {
        return objects == 0 ? 0 : (cpuPartialObjects() * 2 + objects - 1) / objects;
    }

    /** Returns how many empty slabs a node keeps: {@code mm/slub.c:set_min_partial()}, 5 to 10. */
    public int minPartial() {
        return Math.min(10, Math.max(5, Bits.log2Floor(size) / 2));
    }

    /** Returns the same for a cache that also serves larger objects that still fit: what merging does to {@code object_size} and {@code inuse}. */
    SlabGeometry widened(int otherSize, int wordBytes) {
        return new SlabGeometry(
                Math.max(objectSize, otherSize),
                align,
                Math.max(inuse, roundUp(otherSize, wordBytes)),
                size,
                freePointer,
                redLeftPad,
                order,
                objects,
                minOrder,
                minObjects,
                flags);
    }

    /** Returns whether the free pointer lies behind the object: {@code freeptr_outside_object()}. */
    public boolean isFreePointerOutside() {
        return freePointer >= inuse;
    }

    /**
     * Returns where the metadata behind the free pointer begins: {@code get_info_end()}.
     *
     * @param wordBytes size of a pointer
     */
    public int infoEnd(int wordBytes) {
        return isFreePointerOutside() ? inuse + wordBytes : inuse;
    }

    /** Returns the bytes from the object to the end of its place: {@code size_from_object()}. */
    public int sizeFromObject() {
        return size - redLeftPad;
    }

    /** Returns whether debugging notes the requested size: {@code slub_debug_orig_size()}. */
    static boolean keepsRequestSize(int flags, SlabParameters parameters) {
        return parameters.keepsRequestSize() && (flags & SlabFlags.STORE_USER) != 0 && (flags & SlabFlags.KMALLOC) != 0;
    }

    /** Returns the order whose block holds a number of bytes: {@code get_order()}. */
    static int orderOf(long bytes) {
        int order = 0;
        while (PAGE_BYTES << order < bytes) {
            order++;
        }
        return order;
    }

    private static int objectsIn(int order, int size) {
        return (int) ((PAGE_BYTES << order) / size);
    }

    static int roundUp(int value, int alignment) {
        return (value + alignment - 1) & -alignment;
    }
}
