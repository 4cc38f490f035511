package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Which pages of a file are read before somebody asks for them, and in folios of which order: {@code mm/readahead.c} and its callers in {@code mm/filemap.c}. */
final class ReadaheadControl {
    private static final int GFP = PageCache.FILE_GFP | Gfp.NORETRY | Gfp.NOWARN;
    private static final long FORCE_CHUNK_PAGES = 512;

    /** How much the order grows from one window to the next. */
    private static final int ORDER_STEP = 2;

    private final PageCache cache;
    private final PageReads reads;
    private final MemMap memmap;
    private final LargeFolios large;
    private final CacheGaps gaps;

    ReadaheadControl(PageCache cache, PageReads reads, Folios folios) {
        this.cache = cache;
        this.reads = reads;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.gaps = new CacheGaps(memmap, large);
    }

    /** {@code mm/filemap.c:do_sync_mmap_readahead()}: the page is missing. */
    void syncMmap(OpenFile file, long index, Vma vma) {
        Readahead ra = file.readahead;
        long flags = vma.flags();
        if ((flags & VmaFlags.VM_HUGEPAGE) != 0) {
            long pages = 1L << Folios.HUGE_ORDER;
            ra.size = (flags & VmaFlags.VM_RAND_READ) != 0 ? pages : 2 * pages;
            ra.asyncSize = pages;
            ra.order = Folios.HUGE_ORDER;
            inOrder(file.inodeObject(), ra, index & -pages);
            return;
        }
        if ((flags & (VmaFlags.VM_RAND_READ | VmaFlags.VM_EXEC)) == VmaFlags.VM_RAND_READ || ra.raPages == 0) {
            return;
        }
        if ((flags & VmaFlags.VM_SEQ_READ) != 0) {
            sync(file, index, ra.raPages);
            return;
        }
        if (ra.mmapMiss < Readahead.MMAP_LOTSAMISS * 10) {
            ra.mmapMiss++;
        }
        if (ra.mmapMiss > Readahead.MMAP_LOTSAMISS) {
            return;
        }
        ra.order = 0;
        if ((flags & VmaFlags.VM_EXEC) != 0) {
            // Code runs forward; exec_folio_order() is 0 on x86-64 and RISC-V.
            ra.start = index;
            ra.size = Math.min(index + ra.raPages, vma.pgoff() + vma.pages()) - index;
            ra.asyncSize = 0;
        } else {
            ra.start = Math.max(0, index - ra.raPages / 2);
            ra.size = ra.raPages;
            ra.asyncSize = ra.raPages / 4;
        }
        inOrder(file.inodeObject(), ra, ra.start);
    }

    /** {@code mm/filemap.c:do_async_mmap_readahead()}: the page is there; returns whether the next window was started. */
    boolean asyncMmap(OpenFile file, long index, long pfn, Vma vma) {
        Readahead ra = file.readahead;
        if (vma.has(VmaFlags.VM_RAND_READ) || ra.raPages == 0) {
            return false;
        }
        if (ra.mmapMiss > 0) {
            ra.mmapMiss--;
        }
        if (!memmap.hasFlags(pfn, PageFlags.RECLAIM)) {
            return false;
        }
        async(file, index, pfn, ra.raPages);
        return true;
    }

    /** {@code mm/readahead.c:page_cache_sync_ra()}: a read() missed the cache. */
    void sync(OpenFile file, long index, long requestPages) {
        Readahead ra = file.readahead;
        Inode inode = file.inodeObject();
        if (ra.raPages == 0) {
            force(file, index, 1);
            return;
        }
        if (ra.isRandom) {
            force(file, index, requestPages);
            return;
        }
        long max = ra.maxPages(requestPages);
        long previous = ra.prevPos >> 12;
        if (index == 0 || requestPages > max || Long.compareUnsigned(index - previous, 1) <= 0) {
            ra.start = index;
            ra.size = Readahead.initialSize(requestPages, max);
            ra.asyncSize = ra.size > requestPages ? ra.size - requestPages : ra.size >> 1;
        } else {
            long miss = gaps.previous(inode.pages, index - 1, max);
            long history = index - miss - 1;
            if (history <= requestPages) {
                range(inode, index, requestPages, 0);
                return;
            }
            ra.start = index;
            ra.size = Math.min((miss < 0 ? history * 2 : history) + requestPages, max);
            ra.asyncSize = 1;
        }
        ra.order = 0;
        inOrder(inode, ra, ra.start);
    }

    /** {@code mm/readahead.c:page_cache_async_ra()}: the marked folio was reached. */
    void async(OpenFile file, long index, long pfn, long requestPages) {
        Readahead ra = file.readahead;
        Inode inode = file.inodeObject();
        if (ra.raPages == 0) {
            return;
        }
        memmap.clearFlags(pfn, PageFlags.RECLAIM);
        long max = ra.maxPages(requestPages);
        if (index == ((ra.start + ra.size - ra.asyncSize) & -(long) large.pages(pfn))) {
            ra.start += ra.size;
            ra.size = Math.max(ra.size, ra.nextSize(max));
        } else {
            long start = gaps.next(inode.pages, index + 1, max);
            if (start - index > max) {
                return;
            }
            ra.start = start;
            ra.size = start - index + requestPages;
            ra.size = ra.nextSize(max);
        }
        ra.order += ORDER_STEP;
        long align = 1L << Math.min(ra.order, Long.numberOfTrailingZeros(max));
        long end = ra.start + ra.size;
        long alignedEnd = end & -align;
        if (alignedEnd > ra.start) {
            ra.size -= end - alignedEnd;
        }
        ra.asyncSize = ra.size;
        inOrder(inode, ra, ra.start);
    }

    /** {@code mm/readahead.c:force_page_cache_ra()}. */
    void force(OpenFile file, long first, long pages) {
        Readahead ra = file.readahead;
        long left = Math.min(pages, Math.max(ra.ioPages, ra.raPages));
        long at = first;
        while (left > 0) {
            long chunk = Math.min(left, FORCE_CHUNK_PAGES);
            range(file.inodeObject(), at, chunk, 0);
            at += chunk;
            left -= chunk;
        }
    }

    /** {@code mm/readahead.c:page_cache_ra_order()}: reads a window in folios of its order where they fit, of smaller ones at its ends. */
    private void inOrder(Inode inode, Readahead ra, long first) {
        if (inode.maxFolioOrder() == 0) {
            ra.order = 0;
            range(inode, first, ra.size, ra.asyncSize);
            return;
        }
        long limit = Math.min(inode.sizePages() - 1, first + ra.size - 1);
        long mark = first + ra.size - ra.asyncSize;
        int largest = Math.min(Math.min(inode.maxFolioOrder(), ra.order), log2(ra.size));
        ra.order = largest;
        long index = first;
        while (index <= limit) {
            int order = index == 0 ? largest : Math.min(largest, Long.numberOfTrailingZeros(index));
            while (index + (1L << order) - 1 > limit) {
                order--;
            }
            if (!addFolio(inode, index, order, mark & -(1L << order))) {
                reads.submit(inode);
                range(inode, index, ra.size - (index - first), ra.asyncSize);
                return;
            }
            index += 1L << order;
        }
        reads.submit(inode);
    }

    /** {@code mm/readahead.c:do_page_cache_ra(), page_cache_ra_unbounded()}: sends one read for each gap of the range, and marks the page {@code lookahead} before its end. */
    private void range(Inode inode, long start, long size, long lookahead) {
        long end = Math.min(start + size, inode.sizePages());
        long mark = lookahead > 0 && lookahead <= end - start ? end - lookahead : -1;
        for (long index = start; index < end; index++) {
            if (inode.pages.get(index) >= 0) {
                reads.submit(inode);
            } else if (!addFolio(inode, index, 0, mark)) {
                break;
            }
        }
        reads.submit(inode);
    }

    /** {@code mm/readahead.c:ra_alloc_folio()}: false when memory or place is wanting. */
    private boolean addFolio(Inode inode, long index, int order, long mark) {
        long head = cache.addFolio(inode, index, order, GFP);
        if (head < 0) {
            return false;
        }
        if (index == mark) {
            memmap.setFlags(head, PageFlags.RECLAIM);
        }
        cache.fill(inode, index, head, 1 << order);
        reads.add(inode, index, head, 1 << order);
        return true;
    }

    private static int log2(long value) {
        return Long.SIZE - 1 - Long.numberOfLeadingZeros(value);
    }
}
