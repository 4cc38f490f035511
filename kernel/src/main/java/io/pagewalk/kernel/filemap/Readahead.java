package io.pagewalk.kernel.filemap;

/**
 * The window arithmetic of readahead, without pages: {@code struct file_ra_state} and the pure functions of {@code mm/readahead.c}.
 *
 * <pre>
 *   |&lt;----- asyncSize -----&gt;|
 *   |------------------- size ------------------|
 *   ^start      ^ the page marked PG_readahead
 * </pre>
 *
 * <p>Reading the marked page starts the next window before it is needed.
 */
final class Readahead {
    /** {@code VM_READAHEAD_PAGES}: 128 KiB, what a block device has when nobody set {@code read_ahead_kb}. */
    static final int DEFAULT_PAGES = 32;

    /** {@code BLK_DEF_MAX_SECTORS_CAP}: 4 MiB, what a block device has when nobody set {@code max_sectors_kb}. */
    static final int DEFAULT_IO_PAGES = 1024;

    /** Beyond this many misses on mapped pages, read-around is given up ({@code MMAP_LOTSAMISS}). */
    static final int MMAP_LOTSAMISS = 100;

    long start;
    long size;
    long asyncSize;

    /** Order of the folios of the last window, which the next one begins with. */
    int order;

    int raPages = DEFAULT_PAGES;

    /** Pages of the largest request that the device likes: {@code bdi->io_pages}. */
    int ioPages = DEFAULT_IO_PAGES;

    /** Reads only what is asked for ({@code FMODE_RANDOM}). */
    boolean isRandom;

    int mmapMiss;
    long prevPos = -1;

    Readahead() {}

    /** Longest window for a request: {@code ractl_max_pages()}. */
    long maxPages(long requestPages) {
        return requestPages > raPages && ioPages > raPages ? Math.min(requestPages, ioPages) : raPages;
    }

    /** First window for a request: {@code get_init_ra_size()}. Small requests are enlarged more than big ones. */
    static long initialSize(long requestPages, long maxPages) {
        long rounded = Long.highestOneBit(Math.max(1, requestPages));
        if (rounded < requestPages) {
            rounded <<= 1;
        }
        if (rounded <= maxPages / 32) {
            return rounded * 4;
        }
        if (rounded <= maxPages / 4) {
            return rounded * 2;
        }
        return maxPages;
    }

    /** The window after this one: {@code get_next_ra_size()}. */
    long nextSize(long maxPages) {
        if (size < maxPages / 16) {
            return 4 * size;
        }
        if (size <= maxPages / 2) {
            return 2 * size;
        }
        return maxPages;
    }
}
