package io.pagewalk.kernel.slub;

/** What {@code kvmalloc()} needs of the vmalloc area above; wired by the kernel. */
public interface VmallocDoor {
    /** A kernel without vmalloc area. */
    VmallocDoor NONE = new VmallocDoor() {
        @Override
        public long vmalloc(long bytes, int gfp, String caller) {
            return 0;
        }

        @Override
        public void vfree(long vaddr) {}

        @Override
        public boolean isVmallocAddress(long vaddr) {
            return false;
        }
    };

    /**
     * Allocates contiguous kernel addresses: {@code __vmalloc_node_range()} with {@code VM_ALLOW_HUGE_VMAP}.
     *
     * @param bytes at least 1
     * @param gfp flags of {@link io.pagewalk.kernel.page.Gfp}
     * @param caller name shown in {@code /proc/vmallocinfo}
     * @return the address, or 0
     */
    long vmalloc(long bytes, int gfp, String caller);

    /**
     * Frees an area.
     *
     * @param vaddr as allocated
     */
    void vfree(long vaddr);

    /**
     * Returns whether an address lies in the vmalloc area: {@code is_vmalloc_addr()}.
     *
     * @param vaddr any address
     */
    boolean isVmallocAddress(long vaddr);
}
