package io.pagewalk.kernel.filemap;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Which pages of a file have blocks on the disk and which are holes. A file has none of them at first. */
final class FileBlocks {
    /** Files of more pages are taken to have no holes. */
    private static final long MAX_PAGES = 1L << 24;

    /** Null as long as there was never a hole. */
    private @Nullable BitSet blocks;

    /** Returns whether a page inside the file has a block. */
    boolean has(long index) {
        return blocks == null || index >= MAX_PAGES || blocks.get((int) index);
    }

    /** Returns how many pages of a range have one. */
    int count(long index, int pages) {
        if (blocks == null) {
            return pages;
        }
        int count = 0;
        for (int i = 0; i < pages; i++) {
            count += has(index + i) ? 1 : 0;
        }
        return count;
    }

    /** The file had so many pages, and what follows is a hole: {@code i_size_write()} with a larger size. */
    void grow(long pages) {
        if (blocks == null && pages < MAX_PAGES) {
            blocks = new BitSet();
            blocks.set(0, (int) pages);
        }
    }

    /** Blocks are freed, of a file that has so many pages. */
    void punch(long from, long to, long pages) {
        if (from < to && from < MAX_PAGES) {
            grow(pages);
            if (blocks != null) {
                blocks.clear((int) from, (int) Math.min(to, MAX_PAGES));
            }
        }
    }

    /** A page is written. */
    void write(long index) {
        if (blocks != null && index < MAX_PAGES) {
            blocks.set((int) index);
        }
    }
}
