package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;

/**
 * How pages come into files that live in memory: {@code mm/shmem.c:shmem_get_folio_gfp()}.
 *
 * <p>A page that {@code fallocate()} added is there but not up to date; readers take it for a hole until somebody uses it.
 */
public final class ShmemPages {
    private static final int GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.ZERO;

    private final PageCache cache;
    private final Folios folios;
    private final MemMap memmap;

    ShmemPages(PageCache cache, Folios folios) {
        this.cache = cache;
        this.folios = folios;
        this.memmap = folios.memmap();
    }

    /** Finds or adds a page for a fault or a write: {@code SGP_CACHE}, {@code SGP_WRITE}. Returns the frame without a reference, or a negative constant of {@link PageCache}. */
    long use(Inode inode, long index) {
        long pfn = inode.pages.get(index);
        if (pfn < 0) {
            pfn = add(inode, index);
        }
        if (pfn >= 0) {
            memmap.setFlags(pfn, PageFlags.UPTODATE);
        }
        return pfn;
    }

    /**
     * Adds a page that is not there yet for {@code fallocate()} ({@code SGP_FALLOC}). One that is there becomes data, so that undoing a later call does not take it away.
     *
     * @param inode a file in memory
     * @param index page index
     * @return the frame, without a reference; {@link PageCache#NO_MEMORY} or {@link PageCache#NO_SPACE}
     */
    public long allocate(Inode inode, long index) {
        return inode.pages.get(index) < 0 ? add(inode, index) : use(inode, index);
    }

    /**
     * Returns whether a page holds data: {@code mm/filemap.c:folio_seek_hole_data()}.
     *
     * @param inode a file in memory
     * @param index page index
     */
    public boolean hasData(Inode inode, long index) {
        long pfn = inode.pages.get(index);
        return pfn >= 0 && memmap.hasFlags(pfn, PageFlags.UPTODATE);
    }

    /**
     * Drops pages of a range that nobody has used: the undoing of a {@code fallocate()} that failed ({@code mm/shmem.c:shmem_undo_range()}).
     *
     * @param inode a file in memory
     * @param from first page index
     * @param to first page index behind
     */
    public void removeUnused(Inode inode, long from, long to) {
        for (long index = inode.pages.next(from); index >= 0 && index < to; index = inode.pages.next(index + 1)) {
            if (!hasData(inode, index)) {
                cache.removeRange(inode, index, index + 1);
            }
        }
    }

    /**
     * Puts every page of a file that may be evicted again on the list where it belongs: {@code mm/shmem.c:shmem_unlock_mapping()}.
     *
     * @param inode a file in memory
     */
    public void makeEvictable(Inode inode) {
        for (long index = inode.pages.next(0); index >= 0; index = inode.pages.next(index + 1)) {
            folios.lru().makeEvictable(inode.pages.get(index));
        }
    }

    /** {@code mm/shmem.c:shmem_alloc_and_add_folio()}: a page of zeros. */
    private long add(Inode inode, long index) {
        ShmemInodeInfo info = inode.shmem();
        Mempolicy policy = info == null ? null : info.policies().lookup(index);
        long pfn = folios.policies().allocateFor(GFP, 0, policy, inode.number() + index);
        if (pfn < 0) {
            return PageCache.NO_MEMORY;
        }
        if (info != null && !info.chargeBlocks(1)) {
            folios.put(pfn);
            return PageCache.NO_SPACE;
        }
        cache.insert(inode, index, pfn, 0);
        return pfn;
    }
}
