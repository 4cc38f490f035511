package io.pagewalk.kernel.filemap;

import io.pagewalk.base.Bits;
import io.pagewalk.hardware.bus.PhysicalBus;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;

/** Copying between files and user memory through the page cache: {@code mm/filemap.c:filemap_read()} and {@code generic_perform_write()}. */
public final class FileIo {
    /** The user's side of a copy. */
    public interface UserBuffer {
        /**
         * Makes one page of it usable, faulting as the program would.
         *
         * @param vaddr an address in the page
         * @param isWrite whether the kernel will store there
         * @return the physical address, or -1 when the program may not use it
         */
        long physical(long vaddr, boolean isWrite);

        /** Returns how many faults the program has had so far; a page that is there needs none. */
        long faults();
    }

    private static final int PAGE_BYTES = PhysicalMemory.FRAME_BYTES;

    private final PageCache cache;
    private final Folios folios;
    private final PhysicalMemory memory;
    private final PhysicalBus bus;
    private final byte[] scratch = new byte[PAGE_BYTES];

    /**
     * Creates the copier of one machine.
     *
     * @param cache the page cache
     * @param folios the life cycle of pages
     * @param bus contents of pages, and of devices that user buffers may map
     */
    public FileIo(PageCache cache, Folios folios, PhysicalBus bus) {
        this.cache = cache;
        this.folios = folios;
        this.memory = bus.memory();
        this.bus = bus;
    }

    /**
     * Reads from a file with pages.
     *
     * @param file a regular or shmem file
     * @param position first byte in the file
     * @param vaddr where to in user memory
     * @param count how many bytes at most
     * @param user the user's memory
     * @return bytes read, 0 at the end of the file, or a negated errno when not even one byte was read
     */
    public long read(OpenFile file, long position, long vaddr, long count, UserBuffer user) {
        Inode inode = file.inodeObject();
        long done = 0;
        long last = file.readahead.prevPos;
        while (done < count && position + done < inode.sizeBytes()) {
            long at = position + done;
            long index = at >>> 12;
            long endPage = (position + count + PAGE_BYTES - 1) >>> 12;
            long pfn = cache.pageForRead(file, index, endPage - index);
            if (pfn < 0 && !inode.isShmem()) {
                return done > 0 ? done : -Errno.ENOMEM;
            }
            int offset = (int) (at & (PAGE_BYTES - 1));
            long bytes = Math.min(Math.min(count - done, PAGE_BYTES - offset), inode.sizeBytes() - at);
            if (pfn >= 0) {
                // shmem_file_read_iter() and filemap_read() count uses differently.
                int shift = 12 + folios.large().order(pfn);
                boolean isStart = (at & ((1L << shift) - 1)) == 0;
                if (inode.isShmem() ? isStart : last < 0 || (last - 1) >>> shift != at >>> shift) {
                    folios.lru().markAccessed(pfn);
                }
                folios.memmap().get(pfn);
            }
            long copied = copyOut(pfn, offset, vaddr + done, bytes, user);
            if (pfn >= 0) {
                folios.put(pfn);
            }
            done += copied;
            last = position + done;
            if (copied < bytes) {
                break;
            }
        }
        file.readahead.prevPos = last;
        return done > 0 || count == 0 || position >= inode.sizeBytes() ? done : -Errno.EFAULT;
    }

    private long copyOut(long pfn, int offset, long vaddr, long bytes, UserBuffer user) {
        long done = 0;
        while (done < bytes) {
            long target = user.physical(vaddr + done, true);
            if (target < 0) {
                return done;
            }
            int piece = (int) Math.min(bytes - done, PAGE_BYTES - (target & (PAGE_BYTES - 1)));
            boolean isZero = pfn < 0 || memory.isZero(pfn);
            if (!isZero || !bus.isMemory(target) || !memory.isZero(target >>> 12)) {
                if (isZero) {
                    java.util.Arrays.fill(scratch, 0, piece, (byte) 0);
                } else {
                    memory.copyOut((pfn << 12) + offset + done, scratch, 0, piece);
                }
                bus.copyIn(target, scratch, 0, piece);
            }
            done += piece;
        }
        return done;
    }

    /**
     * Writes to a file with pages, making it longer when needed.
     *
     * @param file a regular or shmem file
     * @param position first byte in the file
     * @param vaddr where from in user memory
     * @param count how many bytes
     * @param user the user's memory
     * @return bytes written, or a negated errno when not even one byte was written
     */
    public long write(OpenFile file, long position, long vaddr, long count, UserBuffer user) {
        Inode inode = file.inodeObject();
        long folioBytes = (long) PAGE_BYTES << inode.maxFolioOrder();
        long done = 0;
        ShmemUses uses = new ShmemUses(folios.lru());
        while (done < count) {
            long at = position + done;
            int offset = (int) (at & (PAGE_BYTES - 1));
            long chunk = Math.min(count - done, PAGE_BYTES - offset);
            boolean isWhole = offset == 0 && (chunk == PAGE_BYTES || at + chunk >= inode.sizeBytes());
            // The page of the file comes before the user's page is faulted in, and what was copied up to there counts
            // already: a mapping of the same file may see both.
            long bytes = Math.min(chunk, PAGE_BYTES - ((vaddr + done) & (PAGE_BYTES - 1)));
            ShmemInodeInfo shmem = inode.shmem();
            long refused = shmem == null ? 0 : shmem.beginWrite(at, chunk);
            if (refused != 0) {
                return done > 0 ? done : refused;
            }
            long left = Math.min(count - done, folioBytes - (at & (folioBytes - 1)));
            long pfn = shmem == null ? -1 : cache.shmem().use(inode, at >>> 12, null, at + left);
            // Where a mount has huge pages, one look-up serves a whole folio.
            boolean isByFolio = pfn >= 0 && inode.maxFolioOrder() > 0;
            boolean isFirst = uses.begin(isByFolio ? folios.memmap().compoundHead(pfn) : pfn);
            long faults = user.faults();
            if ((shmem == null || pfn >= 0) && user.physical(vaddr + done, false) < 0) {
                uses.again(isFirst ? 0 : 1);
                begin(inode, at, left);
                failed(inode, at, pfn);
                return done > 0 ? done : -Errno.EFAULT;
            }
            if (user.faults() != faults) {
                uses.faulted(isFirst);
            }
            if (shmem == null) {
                clearGap(inode, at);
                pfn = cache.pageForWrite(inode, at >>> 12, isWhole, left);
            }
            if (pfn < 0) {
                return done > 0 ? done : pfn == PageCache.NO_SPACE ? -Errno.ENOSPC : -Errno.ENOMEM;
            }
            folios.memmap().get(pfn);
            long copied = copyIn(pfn, offset, vaddr + done, bytes, user);
            folios.markDirty(pfn);
            folios.put(pfn);
            inode.blocks.write(at >>> 12);
            done += copied;
            if (position + done > inode.sizeBytes()) {
                inode.setSizeBytes(position + done);
            }
            if (copied < bytes) {
                return done > 0 ? done : -Errno.EFAULT;
            }
        }
        return done;
    }

    /**
     * A write to a disk file that will read nothing of the user: into a hole or behind the end it leaves a folio of zeros, dirty ({@code fs/buffer.c:block_write_end()} after
     * {@code folio_zero_new_buffers()}), and a page of which it would have written a part has been read.
     */
    private void begin(Inode inode, long at, long left) {
        long index = at >>> 12;
        if (inode.isShmem()) {
            return;
        }
        if (index >= inode.sizePages() || !inode.blocks.has(index)) {
            long pfn = cache.pageForWrite(inode, index, true, left);
            if (pfn >= 0) {
                folios.markDirty(pfn);
                long end = Math.min(
                        (at + left + PAGE_BYTES - 1) >>> 12,
                        index + folios.large().pages(pfn));
                for (long page = index; page < end; page++) {
                    inode.blocks.write(page);
                }
            }
        } else if (left < PAGE_BYTES) {
            cache.pageForWrite(inode, index, false, left);
        }
    }

    /**
     * A copy of which not one byte arrived has had its {@code write_begin()} and gets its {@code write_end()}: the file reaches to where the bytes should have gone, shmem keeps the page
     * ({@code mm/shmem.c:shmem_write_end()}), a file with a disk marks a buffer dirty unless the copy would have begun with the page ({@code fs/buffer.c:block_commit_write()}).
     */
    private void failed(Inode inode, long at, long shmemPfn) {
        if (shmemPfn >= 0) {
            folios.markDirty(shmemPfn);
            inode.setSizeBytes(Math.max(inode.sizeBytes(), at));
        } else if (!inode.isShmem()) {
            long pfn = inode.cachedPfn(at >>> 12);
            if (pfn >= 0 && (at & (PAGE_BYTES - 1)) != 0) {
                folios.markDirty(pfn);
            }
            clearGap(inode, at);
            inode.setSizeBytes(Math.max(inode.sizeBytes(), at));
        }
    }

    /** A write behind the end: what a mapping stored between the end and there is cleared, which counts as a use of the last page ({@code fs/ext4/inode.c:ext4_da_do_write_end()}). */
    private void clearGap(Inode inode, long at) {
        long size = inode.sizeBytes();
        if (at > size) {
            cache.clearPart(inode, size, Math.min(at, Bits.roundUp(size, PAGE_BYTES)));
            long last = inode.cachedPfn(size >>> 12);
            if (last >= 0 && (size & (PAGE_BYTES - 1)) != 0) {
                folios.lru().markAccessed(last);
            }
        }
    }

    private long copyIn(long pfn, int offset, long vaddr, long bytes, UserBuffer user) {
        long done = 0;
        while (done < bytes) {
            long source = user.physical(vaddr + done, false);
            if (source < 0) {
                return done;
            }
            int piece = (int) Math.min(bytes - done, PAGE_BYTES - (source & (PAGE_BYTES - 1)));
            if (!bus.isMemory(source) || !memory.isZero(source >>> 12) || !memory.isZero(pfn)) {
                bus.copyOut(source, scratch, 0, piece);
                memory.copyIn((pfn << 12) + offset + done, scratch, 0, piece);
            }
            done += piece;
        }
        return done;
    }
}
