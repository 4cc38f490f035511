package io.pagewalk.kernel.filemap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * Pages of files in memory, and how they get there: {@code mm/filemap.c} and {@code mm/readahead.c}.
 *
 * <p>A read is sent to the device at once and completes later in simulated time; until then its pages are in the cache, locked and not up to date. Whoever needs one of them waits, which
 * moves the clock.
 */
public final class PageCache {
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

    static final int FILE_GFP = Gfp.GFP_HIGHUSER_MOVABLE;
    private static final int WARM_GFP = FILE_GFP | Gfp.NORETRY | Gfp.NOWARN;

    private final Folios folios;
    private final MemMap memmap;
    private final PhysicalMemory memory;
    private final PageReads reads;
    private final ReadaheadControl readahead;
    private final Truncation truncation;
    private final ShmemPages shmem;
    private final CachedFolioCollapse collapse;

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
        this.reads = new PageReads(folios, time);
        this.readahead = new ReadaheadControl(this, reads, folios);
        this.truncation = new Truncation(this, reads, folios, memory);
        this.shmem = new ShmemPages(this, folios);
        this.collapse = new CachedFolioCollapse(this, folios, memory, truncation.split());
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
        reads.settle();
    }

    /** Waits for every read in flight. */
    public void drain() {
        reads.drain();
    }

    /**
     * Finds or reads the page for a fault: {@code mm/filemap.c:filemap_fault()}, {@code mm/shmem.c:shmem_fault()}.
     *
     * @param file the mapped file
     * @param index page index in the file
     * @param vma the area that maps it
     * @param isTried whether an earlier try of this fault already read from the device
     * @return the frame, with a reference for the caller, or one of the negative constants
     */
    public long fault(OpenFile file, long index, Vma vma, boolean isTried) {
        Inode inode = file.inodeObject();
        settle();
        if (index >= inode.sizePages()) {
            return BEYOND_END;
        }
        long pfn = inode.pages.get(index);
        if (inode.isShmem()) {
            pfn = shmem.use(inode, index, vma, 0);
            if (pfn >= 0) {
                memmap.get(pfn);
            }
            return pfn;
        }
        if (pfn >= 0) {
            boolean slept = !isTried && readahead.asyncMmap(file, index, pfn, vma);
            if (!isUptodate(pfn)) {
                reads.waitFor(pfn);
                slept = true;
            }
            if (slept && !isTried) {
                return RETRY;
            }
            memmap.get(pfn);
            return pfn;
        }
        folios.counters().count(VmEvent.PGMAJFAULT);
        readahead.syncMmap(file, index, vma);
        pfn = inode.pages.get(index);
        if (pfn < 0) {
            pfn = readOne(inode, index, FILE_GFP);
            if (pfn < 0) {
                return NO_MEMORY;
            }
        }
        reads.waitFor(pfn);
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
            readahead.sync(file, index, requestPages);
            pfn = inode.pages.get(index);
            if (pfn < 0) {
                pfn = readOne(inode, index, FILE_GFP);
                if (pfn < 0) {
                    return -1;
                }
            }
        }
        if (memmap.hasFlags(pfn, PageFlags.RECLAIM)) {
            long first = memmap.index(memmap.compoundHead(pfn));
            readahead.async(file, first, pfn, index + requestPages - first);
        }
        if (!isUptodate(pfn)) {
            reads.waitFor(pfn);
        }
        return pfn;
    }

    /**
     * Makes a page ready to be written: {@code mm/filemap.c:__filemap_get_folio()} for {@code write_begin}. A missing one comes as part of the largest folio that begins with it and ends
     * with the bytes to write. A page that is only partly overwritten and has bytes on the device is read first.
     *
     * @param inode the file
     * @param index page index
     * @param isWhole whether every byte of the page that lies inside the file is overwritten
     * @param bytes how many bytes there are to write from here on, at least 1
     * @return the frame, without a reference; {@link #NO_MEMORY} or {@link #NO_SPACE}
     */
    public long pageForWrite(Inode inode, long index, boolean isWhole, long bytes) {
        settle();
        if (inode.isShmem()) {
            return shmem.useSmall(inode, index);
        }
        long pfn = inode.pages.get(index);
        if (pfn < 0) {
            pfn = folioForWrite(inode, index, orderOf(bytes));
            if (pfn >= 0 && !isWhole && index < inode.sizePages() && inode.blocks.has(index)) {
                fill(inode, index, pfn, 1);
                reads.add(inode, index, pfn, 1);
                reads.submit(inode);
            } else if (pfn >= 0) {
                memmap.setFlags(pfn, PageFlags.UPTODATE);
            }
        }
        if (pfn >= 0 && !isUptodate(pfn)) {
            reads.waitFor(pfn);
        }
        return pfn;
    }

    /** A folio of zeros. */
    private long folioForWrite(Inode inode, long index, int wanted) {
        int order = Math.min(wanted, inode.maxFolioOrder());
        if (index != 0) {
            order = Math.min(order, Long.numberOfTrailingZeros(index));
        }
        for (; order >= 0; order--) {
            long head = addFolio(inode, index, order, FILE_GFP | (order > 0 ? Gfp.NORETRY | Gfp.NOWARN : Gfp.WRITE));
            if (head >= 0) {
                clear(head, 1 << order);
                return head;
            }
        }
        return NO_MEMORY;
    }

    /** {@code include/linux/pagemap.h:fgf_set_order()}. */
    private static int orderOf(long bytes) {
        return Math.max(0, Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes) - 12);
    }

    /**
     * Puts a whole file into the page cache without taking time, as if it had been read before.
     *
     * @param inode the file
     * @param orders orders of the folios from the beginning of the file on; pages behind them, and of folios that are not possible, lie alone
     * @return pages added; fewer than were missing when memory ran out
     */
    public long warm(Inode inode, int[] orders) {
        long added = 0;
        int next = 0;
        long index = 0;
        while (index < inode.sizePages()) {
            int order = next < orders.length ? orders[next++] : 0;
            long pages = 1L << order;
            boolean isPossible = order > 0 && order <= inode.maxFolioOrder() && (index & (pages - 1)) == 0;
            if (!isPossible || !warmFolio(inode, index, order)) {
                for (long page = index; page < Math.min(index + pages, inode.sizePages()); page++) {
                    if (inode.pages.get(page) < 0) {
                        if (!warmFolio(inode, page, 0)) {
                            return added;
                        }
                        added++;
                    }
                }
            } else {
                added += pages;
            }
            index += pages;
        }
        return added;
    }

    private boolean warmFolio(Inode inode, long index, int order) {
        long head = addFolio(inode, index, order, WARM_GFP);
        if (head >= 0) {
            fill(inode, index, head, 1 << order);
            memmap.setFlags(head, PageFlags.UPTODATE);
        }
        return head >= 0;
    }

    /**
     * Reads a range ahead without waiting: {@code mm/readahead.c:force_page_cache_ra()}.
     *
     * @param file the open file
     * @param index first page
     * @param pages how many
     */
    public void forceReadahead(OpenFile file, long index, long pages) {
        readahead.force(file, index, pages);
    }

    /**
     * Drops whole pages of a range; a folio that lies partly in it goes as well.
     *
     * @param inode the file
     * @param from first page index to drop
     * @param to first page index to keep again
     */
    public void removeRange(Inode inode, long from, long to) {
        truncation.removeOverlapping(inode, from, to);
    }

    /**
     * Drops clean pages that nothing maps: {@code mm/truncate.c:invalidate_mapping_pages()}. Folios that lie only partly in the range stay.
     *
     * @param inode the file
     * @param from first page index
     * @param to first page index behind
     * @return how many pages went
     */
    public long invalidate(Inode inode, long from, long to) {
        settle();
        return truncation.invalidate(inode, from, to);
    }

    /** Clears bytes of a cached page: {@link Truncation#clearPart}. */
    void clearPart(Inode inode, long from, long to) {
        truncation.clearPart(inode, from, to);
    }

    /**
     * Makes single pages of a large folio of a file, which leaves every entry that maps it empty: {@code split_folio()}.
     *
     * @param inode the file
     * @param pfn a frame of the folio
     * @return whether that was possible
     */
    public boolean splitToPages(Inode inode, long pfn) {
        return truncation.split().toPages(inode, memmap.compoundHead(pfn));
    }

    /** Returns what takes pages out of the cache. */
    Truncation truncation() {
        return truncation;
    }

    /**
     * Puts another folio into the place of a cached one: the page cache's part of {@code mm/migrate.c:__folio_migrate_mapping()}.
     *
     * @param inode the file
     * @param index index of its first page
     * @param from first frame of the folio that is cached there and not locked
     * @param to first frame of the one that takes its place, of the same order
     */
    public void replace(Inode inode, long index, long from, long to) {
        KernelBug.on(inode.pages.get(index) != from, "another frame is cached at the place of a migrating page");
        int order = folios.large().order(from);
        inode.pages.remove(index, order);
        inode.pages.put(index, to, order);
    }

    /** Returns what makes huge pages of small ones in files in memory. */
    public CachedFolioCollapse collapse() {
        return collapse;
    }

    /** Returns the pages of files in memory. */
    public ShmemPages shmem() {
        return shmem;
    }

    /** Returns how many sectors of 512 bytes were asked of devices: {@code task_io_account_read()} of all tasks together. */
    public long sectorsRead() {
        return reads.sectorsRead();
    }

    /** Returns whether reads are on their way. */
    public boolean hasReadsInFlight() {
        return reads.hasAny();
    }

    private boolean isUptodate(long pfn) {
        return memmap.hasFlags(pfn, PageFlags.UPTODATE);
    }

    /** Adds a page of which only the block is read, if it has one; the page itself does not become valid. Returns -1 when memory is wanting. */
    long bring(Inode inode, long index, boolean hasBlock) {
        if (!hasBlock) {
            long pfn = addFolio(inode, index, 0, FILE_GFP);
            if (pfn >= 0) {
                clear(pfn, 1);
            }
            return pfn;
        }
        long pfn = readOne(inode, index, FILE_GFP);
        if (pfn >= 0) {
            reads.waitFor(pfn);
            memmap.clearFlags(pfn, PageFlags.UPTODATE);
        }
        return pfn;
    }

    /** Reads a page that nobody read ahead: {@code mm/filemap.c:filemap_create_folio()}. */
    private long readOne(Inode inode, long index, int gfp) {
        long pfn = addFolio(inode, index, 0, gfp);
        if (pfn >= 0) {
            fill(inode, index, pfn, 1);
            reads.add(inode, index, pfn, 1);
            reads.submit(inode);
        }
        return pfn;
    }

    /** Adds a folio that is not up to date yet: {@code mm/filemap.c:filemap_add_folio()}; -1 when memory is wanting, or a page of it is cached. */
    long addFolio(Inode inode, long index, int order, int gfp) {
        if (order == 0) {
            long pfn = inode.pages.get(index) >= 0 ? -1 : folios.allocate(gfp);
            if (pfn >= 0) {
                insert(inode, index, pfn, 0);
            }
            return pfn;
        }
        if (!inode.pages.isEmpty(index, order)) {
            return -1;
        }
        long head = folios.allocator().allocPages(gfp | Gfp.COMP, order);
        if (head >= 0) {
            insert(inode, index, head, order);
        }
        return head;
    }

    void insert(Inode inode, long index, long head, int order) {
        inode.pages.put(index, head, order);
        folios.addToCache(head, inode.id(), index, inode.isShmem(), inode.isUnevictable());
    }

    /** Puts the device's bytes into pages, which are not valid before their read is over. */
    void fill(Inode inode, long index, long head, int pages) {
        clear(head, pages);
        BlockDevice device = inode.device();
        if (device != null && inode.hasContents()) {
            long first = (inode.deviceOffsetBytes() >>> 12) + index;
            for (int i = 0; i < pages; i++) {
                if (inode.blocks.has(index + i)) {
                    byte[] block = device.readBlock(first + i);
                    memory.copyIn((head + i) << 12, block, 0, block.length);
                }
            }
        }
    }

    private void clear(long head, int pages) {
        for (int i = 0; i < pages; i++) {
            memory.clearFrame(head + i);
        }
    }
}
