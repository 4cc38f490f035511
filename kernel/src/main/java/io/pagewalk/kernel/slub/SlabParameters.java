package io.pagewalk.kernel.slub;

/**
 * What the geometry of slabs depends on besides object and flags: boot parameters and the build of the kernel.
 *
 * @param minOrder {@code slab_min_order}, default 0
 * @param maxOrder {@code slab_max_order}, default 3 ({@code PAGE_ALLOC_COSTLY_ORDER})
 * @param minObjects {@code slab_min_objects}; 0 derives it from the CPUs
 * @param cpus {@code num_present_cpus()}, at least 1; Linux takes {@code nr_cpu_ids} when only one is present
 * @param cacheLineBytes {@code cache_line_size()}
 * @param wordBytes size of a pointer, 8 or 4
 * @param trackBytes size of {@code struct track}: 32 since stacks are kept in a depot (5.18), 152 with 16 return addresses before; 20 on 32 bits
 * @param keepsRequestSize whether a debugged kmalloc cache notes the requested size of each object (since 6.1)
 */
public record SlabParameters(
        int minOrder,
        int maxOrder,
        int minObjects,
        int cpus,
        int cacheLineBytes,
        int wordBytes,
        int trackBytes,
        boolean keepsRequestSize) {
    /** Refuses impossible values. */
    public SlabParameters {
        if (minOrder < 0 || maxOrder < minOrder || maxOrder > 10 || minObjects < 0 || cpus < 1) {
            throw new IllegalArgumentException(
                    "slab orders " + minOrder + "-" + maxOrder + ", " + minObjects + " objects, " + cpus + " CPUs");
        }
        if (wordBytes != 4 && wordBytes != 8) {
            throw new IllegalArgumentException("words of " + wordBytes + " bytes");
        }
    }

    /**
     * Returns the defaults of Linux 6.18 on a 64-bit machine with cache lines of 64 bytes.
     *
     * @param cpus present CPUs
     */
    public static SlabParameters wide(int cpus) {
        return new SlabParameters(0, 3, 0, cpus, 64, 8, 32, true);
    }

    /**
     * Returns the defaults of Linux 6.18 on a 32-bit machine with cache lines of 64 bytes.
     *
     * @param cpus present CPUs
     */
    public static SlabParameters narrow(int cpus) {
        return new SlabParameters(0, 3, 0, cpus, 64, 4, 20, true);
    }

    /**
     * Returns the same with another least number of objects.
     *
     * @param objects {@code slab_min_objects}
     */
    public SlabParameters withMinObjects(int objects) {
        return new SlabParameters(
                minOrder, maxOrder, objects, cpus, cacheLineBytes, wordBytes, trackBytes, keepsRequestSize);
    }

    /** Returns how many objects a slab should hold at least: grows with the logarithm of the CPUs, because a slab that lasts longer spares the node's lock. */
    public int wantedObjects() {
        return minObjects != 0 ? minObjects : 4 * (32 - Integer.numberOfLeadingZeros(cpus) + 1);
    }
}
