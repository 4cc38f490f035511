package io.pagewalk.kernel.slub;

/** Brings a new object into the state in which it is allocated and must be freed: the {@code ctor} of {@code kmem_cache_create()}. */
@FunctionalInterface
public interface ObjectConstructor {
    /**
     * Fills one object. Runs once for each object when its slab is made, not at each allocation.
     *
     * @param vaddr kernel address of the object
     */
    void construct(long vaddr);
}
