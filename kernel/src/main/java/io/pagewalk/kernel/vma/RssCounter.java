package io.pagewalk.kernel.vma;

/** The kinds of resident pages that an address space counts, in the order of {@code include/linux/mm_types_task.h}. */
public enum RssCounter {
    /** {@code MM_FILEPAGES}: pages of files. */
    FILE(0),
    /** {@code MM_ANONPAGES}: anonymous pages. */
    ANON(1),
    /** {@code MM_SWAPENTS}: anonymous pages that are swapped out. */
    SWAP(2),
    /** {@code MM_SHMEMPAGES}: pages of shared memory. */
    SHMEM(3);

    private final int index;

    RssCounter(int index) {
        this.index = index;
    }

    int index() {
        return index;
    }
}
