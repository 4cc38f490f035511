package io.pagewalk.kernel.page;

/** Who has a page frame now. Each frame has exactly one owner, and the sum over all owners but {@link #HOLE} is the machine's RAM. */
public enum FrameOwner {
    /** No RAM at this frame number. */
    HOLE,
    /** On a free list of the buddy allocator. */
    FREE,
    /** On a per-CPU list of the buddy allocator. */
    PCP,
    /** Kernel code and data. */
    KERNEL_IMAGE,
    /** Initial RAM disk. */
    INITRD,
    /** {@code struct page} of all frames. */
    MEMMAP,
    /** Tables made before the buddy allocator existed: hash tables, per-CPU areas. */
    BOOT,
    /** Kept back by the firmware or the boot description. */
    RESERVED,
    /** Allocated by the kernel for a use without a name of its own. */
    KERNEL,
    /** Anonymous memory of processes. */
    ANON,
    /** Page cache of files. */
    FILE,
    /** Shared memory and tmpfs. */
    SHMEM,
    /** Anonymous memory in the swap cache. */
    SWAP_CACHE,
    /** Page tables. */
    PAGE_TABLE,
    /** Kernel stacks. */
    KERNEL_STACK,
    /** Slab caches. */
    SLAB,
    /** Areas of vmalloc. */
    VMALLOC,
    /** Per-CPU memory made after boot. */
    PER_CPU,
    /** Pools of huge pages. */
    HUGETLB,
    /** The shared page of zeros, small and huge. */
    ZERO_PAGE;

    /** Returns the owner with an ordinal, without copying the array of all. */
    static FrameOwner of(int ordinal) {
        return BY_ORDINAL[ordinal];
    }

    private static final FrameOwner[] BY_ORDINAL = values();
}
