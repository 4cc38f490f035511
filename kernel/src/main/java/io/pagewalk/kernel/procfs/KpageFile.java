package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code /proc/kpagecount} and {@code /proc/kpageflags}: a word for each frame ({@code fs/proc/page.c}).
 *
 * <p>Differs from Linux: inner pages of free blocks count as free only where the model has marked them; flags that exist for debugging are left out.
 */
final class KpageFile implements CharDevice {
    /** What the words say. */
    enum Kind {
        /** How many entries map the frame. */
        COUNT,
        /** Bits {@code KPF_*} of the frame. */
        FLAGS
    }

    private static final int WORD_BYTES = 8;

    /** {@code KPF_*} bit numbers for flags that are passed on as they are. */
    private static final int[][] PLAIN = {
        {PageFlags.LOCKED, 0},
        {PageFlags.REFERENCED, 2},
        {PageFlags.UPTODATE, 3},
        {PageFlags.DIRTY, 4},
        {PageFlags.LRU, 5},
        {PageFlags.ACTIVE, 6},
        {PageFlags.WRITEBACK, 8},
        {PageFlags.RECLAIM, 9},
        {PageFlags.BUDDY, 10},
        {PageFlags.SWAPCACHE, 13},
        {PageFlags.SWAPBACKED, 14},
        {PageFlags.HEAD, 15},
        {PageFlags.TAIL, 16},
        {PageFlags.UNEVICTABLE, 18},
        {PageFlags.KSM, 21},
        {PageFlags.RESERVED, 32},
        {PageFlags.MLOCKED, 33}
    };

    private static final long SLAB = 1L << 7;
    private static final long MMAP = 1L << 11;
    private static final long ANON = 1L << 12;
    private static final long HUGE = 1L << 17;
    private static final long NOPAGE = 1L << 20;
    private static final long ZERO_PAGE = 1L << 24;
    private static final long PGTABLE = 1L << 26;

    private final MemMap memmap;
    private final Kind kind;

    KpageFile(MemMap memmap, Kind kind) {
        this.memmap = memmap;
        this.kind = kind;
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (position % WORD_BYTES != 0 || target.length % WORD_BYTES != 0) {
            return -Errno.EINVAL;
        }
        ByteBuffer words = ByteBuffer.wrap(target).order(ByteOrder.LITTLE_ENDIAN);
        for (long pfn = position >>> 3; pfn < memmap.frames() && words.hasRemaining(); pfn++) {
            words.putLong(kind == Kind.COUNT ? countOf(pfn) : flagsOf(pfn));
        }
        return words.position();
    }

    private long countOf(long pfn) {
        return memmap.isValid(pfn) ? new LargeFolios(memmap).preciseMapcount(pfn) : 0;
    }

    /** {@code stable_page_flags()}. */
    private long flagsOf(long pfn) {
        if (!memmap.isValid(pfn) || memmap.owner(pfn) == FrameOwner.HOLE) {
            return NOPAGE;
        }
        int flags = memmap.flags(pfn);
        long word = 0;
        for (int[] plain : PLAIN) {
            word |= (flags & plain[0]) != 0 ? 1L << plain[1] : 0;
        }
        word |= new LargeFolios(memmap).mapcount(pfn) > 0 ? MMAP : 0;
        FrameOwner owner = memmap.owner(pfn);
        return word
                | switch (owner) {
                    case ANON, SWAP_CACHE -> ANON;
                    case HUGETLB -> HUGE | (memmap.mapping(pfn) < 0 ? ANON : 0);
                    case SLAB -> SLAB;
                    case PAGE_TABLE -> PGTABLE;
                    case ZERO_PAGE -> ZERO_PAGE;
                    default -> 0;
                };
    }

    /** {@code fs/proc/inode.c:proc_reg_write()} of a file without that operation. */
    @Override
    public long write(OpenFile file, long position, byte[] source) {
        return -Errno.EIO;
    }

    @Override
    public boolean canMmap() {
        return true;
    }

    /** {@code fs/proc/inode.c:proc_reg_mmap()} of a file without that operation. */
    @Override
    public long mmap(OpenFile file, Vma vma) {
        return -Errno.EIO;
    }

    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    /** {@code fs/proc/base.c:mem_lseek()}. */
    @Override
    public long seek(OpenFile file, long offset, int whence) {
        return PagemapFile.seekAnywhere(file, offset, whence);
    }
}
