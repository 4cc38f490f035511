package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.syscall.Errno;

/** {@code lseek()} to data and holes: {@code mm/filemap.c:mapping_seek_hole_data()}. */
public final class SeekHole {
    /** To the next data. */
    public static final int SEEK_DATA = 3;

    /** To the next hole; the end of the file is one. */
    public static final int SEEK_HOLE = 4;

    private SeekHole() {}

    /**
     * Finds a place. A file that does not lie in memory is data from its start to its end.
     *
     * @param cache the page cache
     * @param inode a file with pages
     * @param offset where to start, in bytes
     * @param whence {@link #SEEK_DATA} or {@link #SEEK_HOLE}
     * @return the place, or {@code -ENXIO} when it would lie at or behind the end
     */
    public static long seek(PageCache cache, Inode inode, long offset, int whence) {
        long size = inode.sizeBytes();
        if (offset < 0 || offset >= size) {
            return -Errno.ENXIO;
        }
        boolean wantsData = whence == SEEK_DATA;
        if (!inode.isShmem()) {
            return wantsData ? offset : size;
        }
        long at = offset;
        while (at < size) {
            long index = at >>> 12;
            if (cache.shmem().hasData(inode, index) == wantsData) {
                return at;
            }
            long next = wantsData ? inode.nextCached(index + 1) : index + 1;
            if (next < 0) {
                break;
            }
            at = next << 12;
        }
        return wantsData ? -Errno.ENXIO : size;
    }
}
