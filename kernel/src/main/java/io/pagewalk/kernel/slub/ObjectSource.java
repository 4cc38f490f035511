package io.pagewalk.kernel.slub;

/** Where the memory of one kind of kernel object comes from, for code that only counts and keeps it: a cache with its flags. */
public interface ObjectSource {
    /** A source for tests and tools without caches: every object is the same address and costs nothing. */
    ObjectSource FREE = new ObjectSource() {
        @Override
        public long take() {
            return SlabAllocator.ZERO_SIZE_PTR;
        }

        @Override
        public void give(long vaddr) {}
    };

    /** Allocates an object: its kernel address, or 0 when memory ran out. */
    long take();

    /**
     * Frees an object.
     *
     * @param vaddr as taken; 0 does nothing
     */
    void give(long vaddr);

    /**
     * Returns a source that allocates from a cache.
     *
     * @param cache the cache
     * @param gfp flags of {@link io.pagewalk.kernel.page.Gfp}
     */
    static ObjectSource of(KmemCache cache, int gfp) {
        return new ObjectSource() {
            @Override
            public long take() {
                return cache.alloc(gfp);
            }

            @Override
            public void give(long vaddr) {
                cache.free(vaddr);
            }
        };
    }
}
