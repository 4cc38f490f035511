package io.pagewalk.kernel.filemap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Pages of files in memory, and how they get there: {@code mm/filemap.c} and {@code mm/readahead.c}.
 *
 * <p>A read is sent to the device at once and completes later in simulated time; until then its pages are in the cache, locked and not up to date. Whoever needs one of them waits, which
 * moves the clock.
 */
public final class PageCache {
    /* Reads in flight wait in the order they were sent; each ends at the time its device named. settle() marks the pages of every read that is over. */

    /** Result of {@link #fault}: no memory. */
    public static final long NO_MEMORY = -1;

    /** Result of {@link #fault}: beyond the end of the file. */
    public static final long BEYOND_END = -2;

    /** Result of {@link #fault}: the caller slept, so the fault starts over. */
    public static final long RETRY = -3;

    /** Result of {@link #fault}: as {@link #RETRY}, after a read from the device (a major fault). */
    public static final long RETRY_MAJOR = -4;

    /** Result of {@link #fault}, {@link #pageForWrite} and of {@link ShmemPages}: the file's mount is full, or no memory could be committed. */
    public static final long NO_SPACE = -5;

    private static final int FILE_GFP = Gfp.GFP_HIGHUSER_MOVABLE;
    private static final int READAHEAD_GFP = FILE_GFP | Gfp.NORETRY | Gfp.NOWARN;
    private static final int SECTORS_PER_PAGE = 8;

    /** A read that the device has not finished. */
    private static final class Read {
        private final long completesAtNanos;
        private final long[] pfns;

        private Read(long completesAtNanos, long[] pfns) {
            this.completesAtNanos = completesAtNanos;
            this.pfns = pfns;
        }
    }

    private final Folios folios;
    private final MemMap memmap;
    private final PhysicalMemory memory;
    private final TimeAccount time;
    private final ShmemPages shmem;
    private final ArrayDeque<Read> inFlight = new ArrayDeque<>();
    private long[] batch = new long[64];
    private int batchSize;
    private long sectorsRead;

    /**
     * Creates the page cache of a machine.
     *
     * @param folios the life cycle of pages
     * @param memory their contents
     * @param time the clock that waiting moves
     */
    public PageCache(Folios folios, PhysicalMemory memory, TimeAccount time) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.memory = memory;
        this.time = time;
        this.shmem = new ShmemPages(this, folios);
    }

    /**
     * Returns whether a page is cached, valid, and may be mapped by fault-around: {@code mm/filemap.c:next_uptodate_folio()}. The page that is marked for
     * readahead is left for a real fault, which starts the next window.
     *
     * @param pfn a frame, or -1
     */
    public boolean isMappable(long pfn) {
        return pfn >= 0
                && (memmap.flags(pfn) & (PageFlags.UPTODATE | PageFlags.RECLAIM | PageFlags.LOCKED))
                        == PageFlags.UPTODATE;
    }

    /** Marks the pages of every read that is over by now. */
    public void settle() {
        while (!inFlight.isEmpty() && inFlight.peekFirst().completesAtNanos <= time.now()) {
            finish(inFlight.removeFirst());
        }
    }

    /** Waits for every read in flight. */
    public void drain() {
        while (!inFlight.isEmpty()) {
            Read read = inFlight.removeFirst();
            time.waitUntil(Cause.IO_WAIT, read.completesAtNanos);
            finish(read);
        }
    }

    /**
     * Finds or reads the page for a fault: {@code mm/filemap.c:filemap_fault()}, {@code mm/shmem.c:shmem_fault()}.
     *
     * @param file the mapped file
     * @param index page index in the file
     * @param vmaFlags bits of {@link VmaFlags}
     * @param isTried whether an earlier try of this fault already read from the device
     * @return the frame, with a reference for the caller, or one of the negative constants
     */
    public long fault(OpenFile file, long index, long vmaFlags, boolean isTried) {
        Inode inode = file.inodeObject();
        settle();
        if (index >= inode.sizePages()) {
            return BEYOND_END;
        }
        long pfn = inode.pages.get(index);
        if (inode.isShmem()) {
            pfn = shmem.use(inode, index);
            if (pfn >= 0) {
                memmap.get(pfn);
            }
            return pfn;
        }
        if (pfn >= 0) {
            boolean slept = !isTried && asyncMmapReadahead(file, index, pfn, vmaFlags);
            if (!isUptodate(pfn)) {
                waitFor(pfn);
                slept = true;
            }
            if (slept && !isTried) {
                return RETRY;
            }
            memmap.get(pfn);
            return pfn;
        }
        folios.counters().count(VmEvent.PGMAJFAULT);
        syncMmapReadahead(file, index, vmaFlags);
        pfn = inode.pages.get(index);
        if (pfn < 0) {
            pfn = readOne(inode, index, FILE_GFP);
            if (pfn < 0) {
                return NO_MEMORY;
            }
        }
        waitFor(pfn);
        if (isTried) {
            memmap.get(pfn);
            return pfn;
        }
        return RETRY_MAJOR;
    }

    /**
     * Makes a page valid for {@code read()}, with sequential readahead: {@code mm/filemap.c:filemap_get_pages()}.
     *
     * @param file the open file
     * @param index page index, inside the file
     * @param requestPages pages from here to the end of the request
     * @return the frame, valid, without a reference; -1 when memory ran out
     */
    public long pageForRead(OpenFile file, long index, long requestPages) {
        Inode inode = file.inodeObject();
        settle();
        long pfn = inode.pages.get(index);
        if (inode.isShmem()) {
            return shmem.hasData(inode, index) ? pfn : -1;
        }
        if (pfn < 0) {
            syncReadahead(file, index, requestPages);
            pfn = inode.pages.get(index);
            if (pfn < 0) {
                pfn = readOne(inode, index, FILE_GFP);
                if (pfn < 0) {
                    return -1;
                }
            }
        }
        if (memmap.hasFlags(pfn, PageFlags.RECLAIM)) {
            asyncReadahead(file, index, pfn, requestPages);
        }
        if (!isUptodate(pfn)) {
            waitFor(pfn);
        }
        return pfn;
    }

    /**
     * Makes a page ready to be written: {@code mm/filemap.c:__filemap_get_folio()} for {@code write_begin}. A page that is only partly overwritten and has bytes on the
     * device is read first.
     *
     * @param inode the file
     * @param index page index
     * @param isWhole whether every byte of the page that lies inside the file is overwritten
     * @return the frame, without a reference; {@link #NO_MEMORY} or {@link #NO_SPACE}
     */
    public long pageForWrite(Inode inode, long index, boolean isWhole) {
        settle();
        if (inode.isShmem()) {
            return shmem.use(inode, index);
        }
        long pfn = inode.pages.get(index);
        if (pfn < 0) {
            if (!isWhole && index < inode.sizePages()) {
                pfn = readOne(inode, index, FILE_GFP);
            } else {
                pfn = folios.allocate(FILE_GFP | Gfp.WRITE);
                if (pfn >= 0) {
                    memory.clearFrame(pfn);
                    insert(inode, index, pfn);
                    memmap.setFlags(pfn, PageFlags.UPTODATE);
                }
            }
        }
        if (pfn >= 0 && !isUptodate(pfn)) {
            waitFor(pfn);
        }
        return pfn;
    }

    /**
     * Puts a whole file into the page cache without taking time, as if it had been read before.
     *
     * @param inode the file
     * @return pages added; fewer than were missing when memory ran out
     */
    public long warm(Inode inode) {
        long added = 0;
        for (long index = 0; index < inode.sizePages(); index++) {
            if (inode.pages.get(index) < 0) {
                long pfn = folios.allocate(READAHEAD_GFP);
                if (pfn < 0) {
                    return added;
                }
                fill(inode, index, pfn);
                insert(inode, index, pfn);
                memmap.setFlags(pfn, PageFlags.UPTODATE);
                added++;
            }
        }
        return added;
    }

    /**
     * Reads a range ahead without waiting: {@code mm/readahead.c:force_page_cache_ra()}.
     *
     * @param file the open file
     * @param index first page
     * @param pages how many
     */
    public void forceReadahead(OpenFile file, long index, long pages) {
        long left = pages;
        long at = index;
        while (left > 0) {
            long chunk = Math.min(left, Readahead.DEFAULT_PAGES);
            readRange(file.inodeObject(), at, chunk, 0);
            at += chunk;
            left -= chunk;
        }
    }

    /**
     * Drops the pages from an index on: the second half of {@code mm/truncate.c:truncate_pagecache()}.
     *
     * @param inode the file
     * @param from first page index to drop
     * @param to first page index to keep again
     */
    public void removeRange(Inode inode, long from, long to) {
        for (long index = inode.pages.next(from); index >= 0 && index < to; index = inode.pages.next(index + 1)) {
            long pfn = inode.pages.get(index);
            if (memmap.hasFlags(pfn, PageFlags.LOCKED)) {
                waitFor(pfn);
            }
            KernelBug.on(memmap.mapcount(pfn) != 0, "a mapped page leaves the page cache");
            inode.pages.remove(index);
            folios.removeFromCache(pfn);
            ShmemInodeInfo info = inode.shmem();
            if (info != null) {
                info.unchargeBlocks(1);
            }
        }
    }

    /**
     * Clears bytes of a cached page; a page that is not cached is left alone: {@code mm/truncate.c:truncate_inode_partial_folio()}.
     *
     * @param inode the file
     * @param from first byte
     * @param to first byte behind, in the same page
     */
    void clearPart(Inode inode, long from, long to) {
        long pfn = from < to ? inode.pages.get(from >>> 12) : -1;
        if (pfn < 0) {
            return;
        }
        if (memmap.hasFlags(pfn, PageFlags.LOCKED)) {
            waitFor(pfn);
        }
        int offset = (int) from & (PhysicalMemory.FRAME_BYTES - 1);
        if (!memory.isZero(pfn)) {
            memory.copyIn((pfn << 12) + offset, new byte[(int) (to - from)], 0, (int) (to - from));
        }
        folios.markDirty(pfn);
    }

    /**
     * Drops clean pages that nothing maps: {@code mm/truncate.c:invalidate_mapping_pages()}.
     *
     * @param inode the file
     * @param from first page index
     * @param to first page index behind
     * @return how many pages went
     */
    public long invalidate(Inode inode, long from, long to) {
        settle();
        long dropped = 0;
        for (long index = inode.pages.next(from); index >= 0 && index < to; index = inode.pages.next(index + 1)) {
            long pfn = inode.pages.get(index);
            int flags = memmap.flags(pfn);
            if ((flags & (PageFlags.DIRTY | PageFlags.LOCKED)) == 0 && memmap.mapcount(pfn) == 0 && !inode.isShmem()) {
                inode.pages.remove(index);
                folios.removeFromCache(pfn);
                dropped++;
            }
        }
        return dropped;
    }

    /**
     * Puts another frame into the place of a cached page: the page cache's part of {@code mm/migrate.c:__folio_migrate_mapping()}.
     *
     * @param inode the file
     * @param index page index, whose page is not locked
     * @param from the frame that is cached there
     * @param to the frame that takes its place
     */
    public void replace(Inode inode, long index, long from, long to) {
        KernelBug.on(inode.pages.get(index) != from, "another frame is cached at the place of a migrating page");
        inode.pages.remove(index);
        inode.pages.put(index, to);
    }

    /** Returns the pages of files in memory. */
    public ShmemPages shmem() {
        return shmem;
    }

    /** Returns how many sectors of 512 bytes were asked of devices: {@code task_io_account_read()} of all tasks together. */
    public long sectorsRead() {
        return sectorsRead;
    }

    /** Returns whether reads are on their way. */
    public boolean hasReadsInFlight() {
        return !inFlight.isEmpty();
    }

    private boolean isUptodate(long pfn) {
        return memmap.hasFlags(pfn, PageFlags.UPTODATE);
    }

    /** {@code mm/filemap.c:do_sync_mmap_readahead()}: the page is missing. */
    private void syncMmapReadahead(OpenFile file, long index, long vmaFlags) {
        Readahead ra = file.readahead;
        if ((vmaFlags & VmaFlags.VM_RAND_READ) != 0 || ra.raPages == 0) {
            return;
        }
        if ((vmaFlags & VmaFlags.VM_SEQ_READ) != 0) {
            syncReadahead(file, index, ra.raPages);
            return;
        }
        if (ra.mmapMiss < Readahead.MMAP_LOTSAMISS * 10) {
            ra.mmapMiss++;
        }
        if (ra.mmapMiss > Readahead.MMAP_LOTSAMISS) {
            return;
        }
        ra.start = Math.max(0, index - ra.raPages / 2);
        ra.size = ra.raPages;
        ra.asyncSize = ra.raPages / 4;
        readRange(file.inodeObject(), ra.start, ra.size, ra.asyncSize);
    }

    /** {@code mm/filemap.c:do_async_mmap_readahead()}: the page is there; returns whether the next window was started. */
    private boolean asyncMmapReadahead(OpenFile file, long index, long pfn, long vmaFlags) {
        Readahead ra = file.readahead;
        if ((vmaFlags & VmaFlags.VM_RAND_READ) != 0 || ra.raPages == 0) {
            return false;
        }
        if (ra.mmapMiss > 0) {
            ra.mmapMiss--;
        }
        if (!memmap.hasFlags(pfn, PageFlags.RECLAIM)) {
            return false;
        }
        asyncReadahead(file, index, pfn, ra.raPages);
        return true;
    }

    /** {@code mm/readahead.c:page_cache_sync_ra()}: a read() missed the cache. */
    private void syncReadahead(OpenFile file, long index, long requestPages) {
        Readahead ra = file.readahead;
        Inode inode = file.inodeObject();
        if (ra.raPages == 0) {
            readRange(inode, index, 1, 0);
            return;
        }
        if (ra.isRandom) {
            forceReadahead(file, index, requestPages);
            return;
        }
        long max = ra.raPages;
        long previous = ra.prevPos >> 12;
        if (index == 0 || requestPages > max || Long.compareUnsigned(index - previous, 1) <= 0) {
            ra.start = index;
            ra.size = Readahead.initialSize(requestPages, max);
            ra.asyncSize = ra.size > requestPages ? ra.size - requestPages : ra.size >> 1;
            readRange(inode, ra.start, ra.size, ra.asyncSize);
            return;
        }
        long history = 0;
        while (history < max && index - 1 - history >= 0 && inode.pages.get(index - 1 - history) >= 0) {
            history++;
        }
        boolean isFromStart = history == index;
        if (history <= requestPages) {
            readRange(inode, index, requestPages, 0);
            return;
        }
        ra.start = index;
        ra.size = Math.min((isFromStart ? history * 2 : history) + requestPages, max);
        ra.asyncSize = 1;
        readRange(inode, ra.start, ra.size, ra.asyncSize);
    }

    /** {@code mm/readahead.c:page_cache_async_ra()}: the marked page was reached. */
    private void asyncReadahead(OpenFile file, long index, long pfn, long requestPages) {
        Readahead ra = file.readahead;
        Inode inode = file.inodeObject();
        if (ra.raPages == 0) {
            return;
        }
        memmap.clearFlags(pfn, PageFlags.RECLAIM);
        long max = ra.raPages;
        if (index == ra.start + ra.size - ra.asyncSize) {
            ra.start += ra.size;
            ra.size = Math.max(ra.size, ra.nextSize(max));
            ra.asyncSize = ra.size;
        } else {
            long start = index + 1;
            while (start - index <= max && inode.pages.get(start) >= 0) {
                start++;
            }
            if (start - index > max) {
                return;
            }
            ra.start = start;
            ra.size = start - index + requestPages;
            ra.size = ra.nextSize(max);
            ra.asyncSize = ra.size;
        }
        readRange(inode, ra.start, ra.size, ra.asyncSize);
    }

    /** {@code mm/readahead.c:page_cache_ra_unbounded()}: sends one read for each gap of the range, and marks the page {@code lookahead} before its end. */
    private void readRange(Inode inode, long start, long size, long lookahead) {
        long end = Math.min(start + size, inode.sizePages());
        long mark = lookahead > 0 && lookahead <= end - start ? end - lookahead : -1;
        batchSize = 0;
        long batchStart = start;
        for (long index = start; index < end; index++) {
            if (inode.pages.get(index) >= 0) {
                submit(inode, batchStart);
                batchStart = index + 1;
                continue;
            }
            long pfn = folios.allocate(READAHEAD_GFP);
            if (pfn < 0) {
                break;
            }
            insert(inode, index, pfn);
            memmap.setFlags(pfn, PageFlags.LOCKED);
            if (index == mark) {
                memmap.setFlags(pfn, PageFlags.RECLAIM);
            }
            fill(inode, index, pfn);
            if (batchSize == batch.length) {
                batch = Arrays.copyOf(batch, batchSize * 2);
            }
            batch[batchSize++] = pfn;
        }
        submit(inode, batchStart);
    }

    private long readOne(Inode inode, long index, int gfp) {
        long pfn = folios.allocate(gfp);
        if (pfn < 0) {
            return -1;
        }
        insert(inode, index, pfn);
        memmap.setFlags(pfn, PageFlags.LOCKED);
        fill(inode, index, pfn);
        batch[0] = pfn;
        batchSize = 1;
        submit(inode, index);
        return pfn;
    }

    private void submit(Inode inode, long startIndex) {
        if (batchSize == 0) {
            return;
        }
        long[] pfns = Arrays.copyOf(batch, batchSize);
        batchSize = 0;
        BlockDevice device = inode.device();
        long completes = device == null
                ? time.now()
                : device.submitRead(time.now(), (long) pfns.length * PhysicalMemory.FRAME_BYTES);
        folios.counters().count(VmEvent.PGPGIN, (long) pfns.length * SECTORS_PER_PAGE);
        sectorsRead += (long) pfns.length * SECTORS_PER_PAGE;
        KernelBug.on(startIndex < 0, "a read before the start of a file");
        Read read = new Read(completes, pfns);
        if (completes <= time.now()) {
            finish(read);
            return;
        }
        insertByCompletion(read);
    }

    /** Keeps the reads in the order they end; with one device that is the order they were sent. */
    private void insertByCompletion(Read read) {
        ArrayDeque<Read> later = new ArrayDeque<>();
        while (!inFlight.isEmpty() && inFlight.peekLast().completesAtNanos > read.completesAtNanos) {
            later.addFirst(inFlight.removeLast());
        }
        inFlight.addLast(read);
        inFlight.addAll(later);
    }

    private void finish(Read read) {
        for (long pfn : read.pfns) {
            memmap.setFlags(pfn, PageFlags.UPTODATE);
            memmap.clearFlags(pfn, PageFlags.LOCKED);
        }
    }

    private void waitFor(long pfn) {
        settle();
        while (memmap.hasFlags(pfn, PageFlags.LOCKED)) {
            Read read = inFlight.pollFirst();
            if (read == null) {
                throw new KernelBug("page " + pfn + " is locked and no read is in flight");
            }
            time.waitUntil(Cause.IO_WAIT, read.completesAtNanos);
            finish(read);
        }
    }

    void insert(Inode inode, long index, long pfn) {
        inode.pages.put(index, pfn);
        ShmemInodeInfo info = inode.shmem();
        folios.addToCache(pfn, inode.id(), index, inode.isShmem(), info != null && info.isUnevictable());
    }

    /** Puts the device's bytes into a frame; the page is not valid before its read is over. */
    private void fill(Inode inode, long index, long pfn) {
        memory.clearFrame(pfn);
        BlockDevice device = inode.device();
        if (device != null && inode.hasContents()) {
            byte[] block = device.readBlock((inode.deviceOffsetBytes() >>> 12) + index);
            memory.copyIn(pfn << 12, block, 0, block.length);
        }
    }
}
