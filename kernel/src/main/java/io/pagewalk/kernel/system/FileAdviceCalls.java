package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCacheCounts;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** What programs tell and ask the page cache: {@code mm/fadvise.c}, {@code mm/readahead.c}, {@code mm/filemap.c:SYSCALL_DEFINE4(cachestat)} and {@code fs/sync.c}. */
final class FileAdviceCalls {
    private static final int NORMAL = 0;
    private static final int RANDOM = 1;
    private static final int SEQUENTIAL = 2;
    private static final int WILLNEED = 3;
    private static final int DONTNEED = 4;
    private static final int NOREUSE = 5;
    private static final int PAGE_MASK = 4095;
    private static final int CACHESTAT_RANGE_BYTES = 16;
    private static final int SYNC_FLAGS = 7;

    private final LinuxKernel kernel;
    private final FileSystem files;

    FileAdviceCalls(LinuxKernel kernel) {
        this.kernel = kernel;
        this.files = kernel.files();
    }

    void register(SyscallDoor<Task> door) {
        door.register("fadvise64", (t, a) -> fadvise(t.files().get(a.a0), a.a1, a.a2, (int) a.a3));
        door.register("readahead", this::readahead);
        door.register("cachestat", this::cachestat);
        door.register("sync_file_range", FileAdviceCalls::syncFileRange);
    }

    /** {@code generic_fadvise()}: files without a disk take every advice and change nothing. */
    private long fadvise(@Nullable OpenFile file, long offset, long length, int advice) {
        if (file == null) {
            return -Errno.EBADF;
        }
        Inode inode = file.inodeObject();
        if (inode.path().startsWith("pipe:")) {
            return -Errno.ESPIPE;
        }
        if (length < 0 || advice < NORMAL || advice > NOREUSE) {
            return -Errno.EINVAL;
        }
        if (inode.kind() != Inode.Kind.REGULAR) {
            return 0;
        }
        // The last byte, as far as a number goes when nothing is said or it would pass 2 to the power of 64.
        long end = offset + length;
        long last = length == 0 || Long.compareUnsigned(end, length) < 0 ? Long.MAX_VALUE : end - 1;
        switch (advice) {
            case NORMAL -> file.adviseReading(false, false);
            case RANDOM -> file.adviseReading(true, false);
            case SEQUENTIAL -> file.adviseReading(false, true);
            case WILLNEED -> {
                long first = offset >> 12;
                long pages = Math.min((last >> 12) + 1, inode.sizePages()) - first;
                if (first >= 0 && pages > 0) {
                    files.cache().forceReadahead(file, first, pages);
                }
            }
            case DONTNEED -> drop(inode, offset, last);
            default -> {
                // POSIX_FADV_NOREUSE keeps pages from becoming active, which reclaim would see.
            }
        }
        return 0;
    }

    /** Pages that lie only partly in the range stay, but for the last one of the file. */
    private void drop(Inode inode, long offset, long last) {
        long first = (offset + PAGE_MASK) >> 12;
        long lastPage = last >> 12;
        if ((last & PAGE_MASK) != PAGE_MASK && last != inode.sizeBytes() - 1) {
            lastPage--;
        }
        if (first >= 0 && lastPage >= first) {
            kernel.drainLru();
            files.cache().invalidate(inode, first, lastPage + 1);
        }
    }

    private long readahead(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null || !file.isReadable()) {
            return -Errno.EBADF;
        }
        Inode.Kind kind = file.inodeObject().kind();
        if (kind != Inode.Kind.REGULAR && kind != Inode.Kind.SHMEM) {
            return -Errno.EINVAL;
        }
        return fadvise(file, args.a1, args.a2, WILLNEED);
    }

    private long cachestat(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        ByteBuffer range = ByteBuffer.allocate(CACHESTAT_RANGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        if (task.userMemory().copyFromUser(range.array(), 0, CACHESTAT_RANGE_BYTES, args.a1) != 0) {
            return -Errno.EFAULT;
        }
        if (!file.isWritable() && task.group().credentials().effective() != 0) {
            return -Errno.EPERM;
        }
        if ((int) args.a3 != 0) {
            return -Errno.EINVAL;
        }
        long offset = range.getLong(0);
        long length = range.getLong(Long.BYTES);
        long first = offset >>> 12;
        long last = length == 0 ? Long.MAX_VALUE : (offset + length - 1) >>> 12;
        files.cache().settle();
        PageCacheCounts counts = PageCacheCounts.of(file.inodeObject(), kernel.memmap(), first, last);
        byte[] bytes = counts.bytes();
        return task.userMemory().copyToUser(args.a2, bytes, 0, bytes.length) == 0 ? 0 : -Errno.EFAULT;
    }

    /** Nothing is written back here, so only the errors can be seen. */
    private static long syncFileRange(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        long end = args.a1 + args.a2;
        if (((int) args.a3 & ~SYNC_FLAGS) != 0 || args.a1 < 0 || end < args.a1) {
            return -Errno.EINVAL;
        }
        return file.inodeObject().kind() == Inode.Kind.STREAM ? -Errno.ESPIPE : 0;
    }
}
