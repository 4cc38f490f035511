package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.vma.Vma;

/** Drops the pages of a file range out of one area: {@code unmap_mapping_range()}, implemented above this package. */
@FunctionalInterface
public interface Unmapper {
    /**
     * Drops entries.
     *
     * @param vma an area that maps the file
     * @param firstIndex first page index
     * @param lastIndex last page index
     * @param evenCows whether private copies go too
     */
    void unmap(Vma vma, long firstIndex, long lastIndex, boolean evenCows);
}
