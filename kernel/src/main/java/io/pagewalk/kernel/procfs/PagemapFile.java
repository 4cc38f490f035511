package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.fault.PageRangeWalk;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** {@code /proc/PID/pagemap}: a word for each page of an address space, and the {@code PAGEMAP_SCAN} command ({@code fs/proc/task_mmu.c:pagemap_read()}). */
final class PagemapFile implements CharDevice {
    private static final int WORD_BYTES = 8;
    private static final int SEEK_SET = 0;
    private static final int SEEK_CUR = 1;
    /** Positions from here on name addresses that do not fit into 64 bits. */
    private static final long LAST_PAGE = -1L >>> 12;

    private final TaskMmuServices services;
    private final Mm mm;
    private final boolean showsFrames;
    private final PagemapEntry entries;

    PagemapFile(TaskMmuServices services, Mm mm, boolean showsFrames) {
        this.services = services;
        this.mm = mm;
        this.showsFrames = showsFrames;
        this.entries = new PagemapEntry(services.mode(), services.memmap());
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (mm.users() == 0) {
            return 0;
        }
        if (position % WORD_BYTES != 0 || target.length % WORD_BYTES != 0) {
            return -Errno.EINVAL;
        }
        long page = position >>> 3;
        if (page > LAST_PAGE || page << 12 < 0 || page << 12 >= mm.taskSize()) {
            return 0;
        }
        long start = page << 12;
        long wanted = start + ((long) (target.length / WORD_BYTES) << 12);
        return new Reader(target).read(start, Math.min(wanted, mm.taskSize()));
    }

    /** One read: {@code struct pagemapread}. */
    private final class Reader implements PageRangeWalk.Visitor {
        private final ByteBuffer words;
        private final PageRangeWalk walk = new PageRangeWalk(services.tables());

        private Reader(byte[] target) {
            this.words = ByteBuffer.wrap(target).order(ByteOrder.LITTLE_ENDIAN);
        }

        private long read(long start, long end) {
            walk.walk(mm, start, end, this);
            return words.position();
        }

        /** Areas of raw frames look like holes, as {@code mm/pagewalk.c:walk_page_test()} has it. */
        @Override
        public long test(Vma vma, long start, long end) {
            if (!vma.has(VmaFlags.VM_PFNMAP)) {
                return 0;
            }
            hole(vma, start, end);
            return 1;
        }

        @Override
        public long entry(Vma vma, long vaddr, long entry) {
            return put(entries.of(vma, entry, walk.isHuge(), showsFrames));
        }

        /** {@code pagemap_hugetlb_range()}. */
        @Override
        public long hugetlb(Vma vma, long start, long end, long entry) {
            long word = entries.ofHugetlb(vma, entry, showsFrames);
            boolean isCounting = showsFrames && (word & PagemapEntry.PRESENT) != 0;
            for (long vaddr = start; vaddr < end; vaddr += 4096) {
                put(word);
                word += isCounting ? 1 : 0;
            }
            return 0;
        }

        @Override
        public long hole(@Nullable Vma vma, long start, long end) {
            long word = vma == null ? 0 : PagemapEntry.ofHole(vma);
            for (long vaddr = start; vaddr < end; vaddr += 4096) {
                put(word);
            }
            return 0;
        }

        private long put(long word) {
            words.putLong(word);
            return 0;
        }
    }

    @Override
    public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        return command == PagemapScan.COMMAND ? PagemapScan.scan(services, mm, argument, user) : -Errno.EINVAL;
    }

    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    @Override
    public long seek(OpenFile file, long offset, int whence) {
        return seekAnywhere(file, offset, whence);
    }

    /** {@code fs/proc/base.c:mem_lseek()}, which takes any position, also one that looks like an error. */
    static long seekAnywhere(OpenFile file, long offset, int whence) {
        if (whence != SEEK_SET && whence != SEEK_CUR) {
            return -Errno.EINVAL;
        }
        file.setPositionBytes(whence == SEEK_SET ? offset : file.positionBytes() + offset);
        return file.positionBytes();
    }
}
