package io.pagewalk.kernel.vma;

import org.jspecify.annotations.Nullable;

/** Makes the files behind {@code MAP_HUGETLB | MAP_ANONYMOUS}; implemented by the hugetlb package. */
public interface HugetlbFileSource {
    /** A kernel without huge pages. */
    HugetlbFileSource NONE = new HugetlbFileSource() {
        @Override
        public long pageBytes(int shift) {
            return 0;
        }

        @Override
        public @Nullable MappedFile create(long sizeBytes, int shift) {
            return null;
        }
    };

    /**
     * Returns the size of huge pages: {@code hstate_sizelog()}.
     *
     * @param shift its base-2 logarithm, 0 for the default
     * @return bytes, or 0 when the machine has no such pages
     */
    long pageBytes(int shift);

    /**
     * Makes a file without a name: {@code fs/hugetlbfs/inode.c:hugetlb_file_setup()}.
     *
     * @param sizeBytes its length, a multiple of the page size
     * @param shift a size for which {@link #pageBytes} is not 0
     * @return the file with one reference, or null when memory ran out
     */
    @Nullable
    MappedFile create(long sizeBytes, int shift);
}
