package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How much of a file is cached: {@code struct cachestat}. Nothing is under write-back, and no page leaves a trace when it is evicted.
 *
 * @param cached pages in the cache
 * @param dirty pages that differ from the disk
 */
public record PageCacheCounts(long cached, long dirty) {
    private static final int BYTES = 5 * Long.BYTES;

    /**
     * Counts a range: {@code mm/filemap.c:filemap_cachestat()}.
     *
     * @param inode the file
     * @param memmap the pages
     * @param first first page index, at least 0
     * @param last last page index
     * @return what was found
     */
    public static PageCacheCounts of(Inode inode, MemMap memmap, long first, long last) {
        long cached = 0;
        long dirty = 0;
        long index = inode.pages.next(first);
        while (index >= 0 && index <= last) {
            cached++;
            // Pages of files in memory are never marked for writing: noop_dirty_folio().
            if (!inode.isShmem() && memmap.hasFlags(inode.pages.get(index), PageFlags.DIRTY)) {
                dirty++;
            }
            index = inode.pages.next(index + 1);
        }
        return new PageCacheCounts(cached, dirty);
    }

    /** Returns the structure as it lies in memory: cache, dirty, writeback, evicted, recently evicted. */
    public byte[] bytes() {
        ByteBuffer structure = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        structure.putLong(cached).putLong(dirty);
        return structure.array();
    }
}
