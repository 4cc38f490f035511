package io.pagewalk.kernel.vma;

/** A driver's {@code mmap} file operation. */
@FunctionalInterface
public interface MapOperation {
    /**
     * Prepares an area that is about to map the device: sets flags, cache mode and operations, and may fill in all entries at once.
     *
     * @param vma the area, not yet in its address space's tree
     * @return 0, or a negative errno: the area goes away again with every entry in it
     */
    long mmap(Vma vma);
}
