package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.vma.Vma;

/** Puts huge pages of pools where userfaultfd wants them: {@code mm/hugetlb.c:hugetlb_mfill_atomic_pte()}; implemented by the hugetlb package. Each call is about one huge page. */
public interface HugetlbFills {
    /** Where the contents of a huge page come from. */
    interface Contents {
        /** Returns whether all can be read without a page fault. */
        boolean isPresent();

        /**
         * Reads a part.
         *
         * @param offset its place in the huge page, in bytes
         * @param part receives it
         * @return whether all could be read
         */
        boolean read(long offset, byte[] part);
    }

    /**
     * Maps a new page with given contents; in a shared area it becomes one of the file.
     *
     * @param vma the area, with an anon_vma when it is private
     * @param vaddr address of a huge page
     * @param contents what the page holds
     * @param isTold whether stores to it are told
     * @return 0, {@code -ENOMEM} without memory for tables, {@code -EFAULT} when the contents could not be read or the place is behind the end of the file, {@code -EEXIST} when there
     *     is a page; without a page in the pool {@code -EEXIST} too, or {@code -ENOMEM} when that shows only after the contents were read
     */
    long copy(Vma vma, long vaddr, Contents contents, boolean isTold);

    /**
     * Maps the page that the file has; in a private area it is read-only.
     *
     * @param vma the area
     * @param vaddr address of a huge page
     * @param isTold whether stores to it are told
     * @return 0, {@code -ENOMEM}, {@code -EFAULT} when the file has no page, {@code -EEXIST} when one is mapped
     */
    long proceed(Vma vma, long vaddr, boolean isTold);

    /**
     * Lets each access to a place end in SIGBUS.
     *
     * @param vma the area
     * @param vaddr address of a huge page
     * @return 0, {@code -ENOMEM}, {@code -EEXIST} when there is a page or a marker
     */
    long poison(Vma vma, long vaddr);
}
