package io.pagewalk.kernel.filemap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayDeque;
import java.util.Arrays;

/** Reads from devices into folios of the page cache: {@code mm/readahead.c:read_pages()} and what the device's answer does. */
final class PageReads {
    /* Reads in flight wait in the order they end; each ends at the time its device named. settle() marks the folios of every read that is over. */

    private static final int SECTORS_PER_PAGE = 8;

    /** A read that the device has not finished. */
    private static final class Read {
        private final long completesAtNanos;
        private final long[] heads;

        private Read(long completesAtNanos, long[] heads) {
            this.completesAtNanos = completesAtNanos;
            this.heads = heads;
        }
    }

    private final Folios folios;
    private final MemMap memmap;
    private final TimeAccount time;
    private final ArrayDeque<Read> inFlight = new ArrayDeque<>();
    private long[] batch = new long[64];
    private int batchSize;
    private long batchPages;
    private long sectorsRead;

    PageReads(Folios folios, TimeAccount time) {
        this.folios = folios;
        this.memmap = folios.memmap();
        this.time = time;
    }

    /** Locks a folio until it is read, and adds it to the next request, which asks for so many of its pages. A folio in a hole needs no reading. */
    void add(Inode inode, long index, long head, int pages) {
        int blocks = inode.blocks.count(index, pages);
        if (blocks == 0) {
            memmap.setFlags(head, PageFlags.UPTODATE);
            return;
        }
        memmap.setFlags(head, PageFlags.LOCKED);
        if (batchSize == batch.length) {
            batch = Arrays.copyOf(batch, batchSize * 2);
        }
        batch[batchSize++] = head;
        batchPages += blocks;
    }

    /** Sends what was added as one request. */
    void submit(Inode inode) {
        if (batchSize == 0) {
            return;
        }
        long[] heads = Arrays.copyOf(batch, batchSize);
        long pages = batchPages;
        batchSize = 0;
        batchPages = 0;
        BlockDevice device = inode.device();
        long completes =
                device == null ? time.now() : device.submitRead(time.now(), pages * PhysicalMemory.FRAME_BYTES);
        folios.counters().count(VmEvent.PGPGIN, pages * SECTORS_PER_PAGE);
        sectorsRead += pages * SECTORS_PER_PAGE;
        Read read = new Read(completes, heads);
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

    /** Marks the folios of every read that is over by now. */
    void settle() {
        while (!inFlight.isEmpty() && inFlight.peekFirst().completesAtNanos <= time.now()) {
            finish(inFlight.removeFirst());
        }
    }

    /** Waits for every read in flight. */
    void drain() {
        while (!inFlight.isEmpty()) {
            Read read = inFlight.removeFirst();
            time.waitUntil(Cause.IO_WAIT, read.completesAtNanos);
            finish(read);
        }
    }

    /** Waits until a page's folio is read: {@code folio_wait_locked()}. One whose blocks are valid already becomes valid without input: {@code fs/buffer.c:block_read_full_folio()}. */
    void waitFor(long pfn) {
        settle();
        while (memmap.hasFlags(pfn, PageFlags.LOCKED)) {
            Read read = inFlight.pollFirst();
            if (read == null) {
                throw new KernelBug("page " + pfn + " is locked and no read is in flight");
            }
            time.waitUntil(Cause.IO_WAIT, read.completesAtNanos);
            finish(read);
        }
        memmap.setFlags(pfn, PageFlags.UPTODATE);
    }

    private void finish(Read read) {
        for (long head : read.heads) {
            memmap.setFlags(head, PageFlags.UPTODATE);
            memmap.clearFlags(head, PageFlags.LOCKED);
        }
    }

    boolean hasAny() {
        return !inFlight.isEmpty();
    }

    long sectorsRead() {
        return sectorsRead;
    }
}
