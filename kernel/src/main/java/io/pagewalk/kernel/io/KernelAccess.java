package io.pagewalk.kernel.io;

/** One load or store of kernel code at a kernel virtual address, through the MMU of the current CPU. An address that nothing maps is an oops: logged, the load gives all ones. */
public interface KernelAccess {
    /**
     * Loads.
     *
     * @param vaddr a multiple of {@code bytes}
     * @param bytes 1, 2, 4 or 8
     * @return the value, zero-extended
     */
    long load(long vaddr, int bytes);

    /**
     * Stores.
     *
     * @param vaddr a multiple of {@code bytes}
     * @param bytes 1, 2, 4 or 8
     * @param value the low {@code bytes} bytes count
     */
    void store(long vaddr, int bytes, long value);
}
