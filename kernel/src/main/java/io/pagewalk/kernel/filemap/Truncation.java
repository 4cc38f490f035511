package io.pagewalk.kernel.filemap;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;

/** How pages leave the cache: {@code mm/truncate.c}. */
final class Truncation {
    private static final int PAGE_BYTES = PhysicalMemory.FRAME_BYTES;

    private final PageCache cache;
    private final PageReads reads;
    private final Folios folios;
    private final MemMap memmap;
    private final LargeFolios large;
    private final PhysicalMemory memory;
    private final CachedFolioSplit split;

    Truncation(PageCache cache, PageReads reads, Folios folios, PhysicalMemory memory) {
        this.cache = cache;
        this.reads = reads;
        this.folios = folios;
        this.memmap = folios.memmap();
        this.large = folios.large();
        this.memory = memory;
        this.split = new CachedFolioSplit(folios, this);
    }

    CachedFolioSplit split() {
        return split;
    }

    /**
     * Drops what is cached of a range of bytes, whose pages nothing maps: {@code truncate_inode_pages_range()}. A folio that lies only partly in it is cleared there and split; when that
     * cannot be, it stays if it is dirty and else goes as a whole.
     *
     * @param inode the file, which has its new length already
     * @param from first byte
     * @param to first byte behind, {@link Long#MAX_VALUE} for everything
     */
    void truncate(Inode inode, long from, long to) {
        long start = Bits.roundUp(from, PAGE_BYTES) >>> 12;
        long end = to >>> 12;
        long last = to - 1;
        ShmemInodeInfo shmem = inode.shmem();
        if (shmem != null) {
            shmem.forgetFallocated(start, end);
        }
        for (long index = inode.pages.next(start); index >= 0 && index < end; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            long first = memmap.index(head);
            long next = first + large.pages(head);
            if (first >= start && next <= end) {
                remove(inode, head);
            }
            index = inode.pages.next(next);
        }
        boolean isOneFolio = from >>> 12 == last >>> 12;
        long pfn = inode.pages.get(from >>> 12);
        if (pfn >= 0) {
            long head = memmap.compoundHead(pfn);
            long first = memmap.index(head);
            long next = first + large.pages(head);
            isOneFolio = last < next << 12;
            if (!partial(inode, head, from, last)) {
                start = next;
                end = isOneFolio ? first : end;
            }
        }
        if (!isOneFolio) {
            pfn = inode.pages.get(last >>> 12);
            if (pfn >= 0) {
                long head = memmap.compoundHead(pfn);
                long first = memmap.index(head);
                end = partial(inode, head, from, last) ? end : first;
            }
        }
        removeOverlapping(inode, start, end);
    }

    /** {@code truncate_inode_partial_folio()}: false when the folio stays with all its pages. */
    private boolean partial(Inode inode, long head, long from, long last) {
        waitFor(head);
        if (inode.isShmem()) {
            folios.markDirty(head);
        }
        long at = memmap.index(head) << 12;
        long bytes = (long) large.pages(head) << 12;
        long offset = Math.max(0, from - at);
        long length = Math.min(at + bytes - 1, last) + 1 - at - offset;
        if (length == bytes) {
            remove(inode, head);
            return true;
        }
        clear(head, offset, length);
        if (!large.isLarge(head)) {
            return true;
        }
        if (split.splitOrUnmap(inode, head, head + (offset >>> 12))) {
            long behind = head + ((offset + length) >>> 12);
            boolean isCached = offset + length < bytes && inode.pages.get((at + offset + length) >>> 12) == behind;
            if (isCached && large.isLarge(behind)) {
                split.splitOrUnmap(inode, memmap.compoundHead(behind), behind);
            }
            return true;
        }
        if (memmap.hasFlags(head, PageFlags.DIRTY)) {
            return false;
        }
        remove(inode, head);
        return true;
    }

    /** {@code folio_zero_range()}. */
    private void clear(long head, long from, long length) {
        long at = from;
        while (at < from + length) {
            int offset = (int) at & (PAGE_BYTES - 1);
            int bytes = (int) Math.min(PAGE_BYTES - offset, from + length - at);
            long pfn = head + (at >>> 12);
            if (bytes == PAGE_BYTES) {
                memory.clearFrame(pfn);
            } else if (!memory.isZero(pfn)) {
                memory.copyIn((pfn << 12) + offset, new byte[bytes], 0, bytes);
            }
            at += bytes;
        }
    }

    /**
     * Clears bytes of one page and marks it dirty: {@code fs/ext4/inode.c:ext4_block_zero_page_range()}. A page of a file on a disk that is not cached is brought into the cache, where it is
     * not up to date although its block is; in a hole there is nothing to clear.
     *
     * @param inode the file
     * @param from first byte
     * @param to first byte behind, in the same page
     */
    void clearPart(Inode inode, long from, long to) {
        long index = from >>> 12;
        long pfn = from < to ? inode.pages.get(index) : -1;
        if (pfn < 0 && (from >= to || inode.isShmem())) {
            return;
        }
        boolean hasBlock = inode.isShmem() || inode.blocks.has(index);
        if (pfn < 0) {
            pfn = cache.bring(inode, index, hasBlock);
            if (pfn < 0) {
                return;
            }
        }
        waitFor(pfn);
        if (hasBlock || memmap.hasFlags(pfn, PageFlags.DIRTY)) {
            clear(pfn, from & (PAGE_BYTES - 1), to - from);
            folios.markDirty(pfn);
        }
    }

    /** Drops every folio of which a page lies in a range of indexes. */
    void removeOverlapping(Inode inode, long from, long to) {
        for (long index = inode.pages.next(from); index >= 0 && index < to; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            index = inode.pages.next(remove(inode, head));
        }
    }

    /** {@code truncate_inode_folio()}; returns the index behind the folio. */
    long remove(Inode inode, long head) {
        waitFor(head);
        KernelBug.on(large.mapcount(head) != 0, "a mapped page leaves the page cache");
        long index = memmap.index(head);
        int pages = large.pages(head);
        inode.pages.remove(index, large.order(head));
        folios.removeFromCache(head);
        ShmemInodeInfo info = inode.shmem();
        if (info != null) {
            info.unchargeBlocks(pages);
        }
        return index + pages;
    }

    /** {@code mapping_try_invalidate()}, {@code mapping_evict_folio()}: returns how many pages went. */
    long invalidate(Inode inode, long from, long to) {
        long dropped = 0;
        for (long index = inode.pages.next(from); index >= 0 && index < to; ) {
            long head = memmap.compoundHead(inode.pages.get(index));
            long first = memmap.index(head);
            int pages = large.pages(head);
            boolean isClean = (memmap.flags(head) & (PageFlags.DIRTY | PageFlags.LOCKED)) == 0;
            if (first >= from && first + pages <= to && isClean && memmap.refcount(head) == pages && !inode.isShmem()) {
                remove(inode, head);
                dropped += pages;
            }
            index = inode.pages.next(first + pages);
        }
        return dropped;
    }

    private void waitFor(long pfn) {
        if (memmap.hasFlags(pfn, PageFlags.LOCKED)) {
            reads.waitFor(pfn);
        }
    }
}
