package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.vma.Vma;

/** A file of huge pages as its callers see it: {@code struct hugetlbfs_inode_info} with the operations of {@code fs/hugetlbfs/inode.c}. {@code kernel.hugetlb} implements it. */
public interface HugetlbInodeInfo {
    /** Returns the size of its pages in bytes. */
    long pageBytes();

    /** Returns how many huge pages it has. */
    long pages();

    /**
     * Returns the small page that holds a byte.
     *
     * @param position the byte's place in the file
     * @return its frame, or -1 in a hole
     */
    long frameAt(long position);

    /**
     * Prepares an area that is about to map it: {@code hugetlbfs_file_mmap()}.
     *
     * @param vma the area, not yet in a tree
     * @return 0, {@code -EINVAL} for an offset that is not aligned, {@code -ENOMEM} when the pages cannot be promised
     */
    long mmap(Vma vma);

    /**
     * Changes its length and drops what lies behind: {@code hugetlbfs_setattr()}.
     *
     * @param bytes the new length
     * @return 0, {@code -EINVAL} when it is not a multiple of the page size, {@code -EPERM} for a seal
     */
    long changeSize(long bytes);

    /**
     * Makes a hole: {@code hugetlbfs_punch_hole()}. Pages that lie in it only in part are cleared there.
     *
     * @param from first byte
     * @param to first byte behind
     * @return 0, or {@code -EPERM} for a seal
     */
    long punchHole(long from, long to);

    /**
     * Allocates pages for a range: {@code hugetlbfs_fallocate()}.
     *
     * @param from first byte
     * @param to first byte behind
     * @param keepsSize whether the length stays
     * @return 0, {@code -EPERM} for a seal, {@code -ENOSPC} when the pool is empty; pages before stay
     */
    long allocate(long from, long to, boolean keepsSize);

    /**
     * Decides about a mapping: {@code mm/memfd.c:memfd_check_seals_mmap()}.
     *
     * @param vmFlags bits of {@link io.pagewalk.kernel.vma.VmaFlags}
     * @return the bits without what seals forbid for ever, or {@code -EPERM}
     */
    long checkSeals(long vmFlags);

    /** Lets all pages and promises go: {@code hugetlbfs_evict_inode()}. */
    void evicted();
}
