package io.pagewalk.kernel.io;

/** Small kernel objects: {@code kmalloc()} and {@code kfree()}, as this layer needs them. */
public interface ObjectAllocator {
    /**
     * Allocates.
     *
     * @param bytes at least 1
     * @param gfp request flags of {@link io.pagewalk.kernel.page.Gfp}
     * @return kernel virtual address, 0 when there is no memory
     */
    long kmalloc(long bytes, int gfp);

    /**
     * Frees.
     *
     * @param vaddr what an allocation returned; 0 does nothing
     */
    void kfree(long vaddr);
}
