package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.HugetlbInodeInfo;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.ResourceLimits;

/** {@code fallocate()}: {@code fs/open.c:vfs_fallocate()} and {@code mm/shmem.c:shmem_fallocate()}. */
public final class Fallocate {
    /** The length of the file stays. */
    public static final int FALLOC_FL_KEEP_SIZE = 1;

    /** The range becomes a hole. */
    public static final int FALLOC_FL_PUNCH_HOLE = 2;

    private static final int FALLOC_FL_COLLAPSE_RANGE = 8;
    private static final int FALLOC_FL_ZERO_RANGE = 0x10;
    private static final int FALLOC_FL_INSERT_RANGE = 0x20;
    private static final int FALLOC_FL_UNSHARE_RANGE = 0x40;
    private static final int FALLOC_FL_WRITE_ZEROES = 0x80;

    private Fallocate() {}

    /**
     * Performs the call.
     *
     * @param files the machine's files
     * @param file the open file
     * @param mode {@code FALLOC_FL_*}
     * @param offset first byte
     * @param bytes how many
     * @param limits limits of the caller, of which the size of files counts
     * @return 0 or a negative errno
     */
    public static long fallocate(
            FileSystem files, OpenFile file, int mode, long offset, long bytes, ResourceLimits limits) {
        if (offset < 0 || bytes <= 0) {
            return -Errno.EINVAL;
        }
        long error = checkMode(mode);
        if (error != 0) {
            return error;
        }
        if (!file.isWritable()) {
            return -Errno.EBADF;
        }
        Inode inode = file.inodeObject();
        switch (inode.kind()) {
            case DIRECTORY -> {
                return -Errno.EISDIR;
            }
            case STREAM -> {
                return inode.path().startsWith("pipe:") ? -Errno.ESPIPE : -Errno.ENODEV;
            }
            case REGULAR, SHMEM, HUGETLB -> {}
        }
        if (offset > Long.MAX_VALUE - bytes) {
            return -Errno.EFBIG;
        }
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        boolean isInMemory = inode.isShmem() || hugetlb != null;
        if (isInMemory && (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) != 0) {
            return -Errno.EOPNOTSUPP;
        }
        if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) {
            return files.punchHole(inode, offset, offset + bytes);
        }
        boolean keepsSize = (mode & FALLOC_FL_KEEP_SIZE) != 0;
        if ((isInMemory || !keepsSize) && !limits.allowsFileSize(inode.sizeBytes(), offset + bytes)) {
            return -Errno.EFBIG;
        }
        if (hugetlb != null) {
            return hugetlb.allocate(offset, offset + bytes, keepsSize);
        }
        if (inode.isShmem()) {
            return allocate(files.cache(), inode, mode, offset, bytes);
        }
        if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
            return -Errno.EOPNOTSUPP;
        }
        if (!keepsSize && offset + bytes > inode.sizeBytes()) {
            inode.setSizeBytes(offset + bytes);
        }
        return 0;
    }

    /** At most one mode, and KEEP_SIZE only where it means something. */
    private static long checkMode(int mode) {
        return switch (mode & ~FALLOC_FL_KEEP_SIZE) {
            case 0, FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_ZERO_RANGE -> 0;
            case FALLOC_FL_PUNCH_HOLE -> (mode & FALLOC_FL_KEEP_SIZE) != 0 ? 0 : -Errno.EOPNOTSUPP;
            case FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_WRITE_ZEROES ->
                (mode & FALLOC_FL_KEEP_SIZE) != 0 ? -Errno.EOPNOTSUPP : 0;
            default -> -Errno.EOPNOTSUPP;
        };
    }

    private static long allocate(PageCache cache, Inode inode, int mode, long offset, long bytes) {
        ShmemInode info = Shmem.infoOf(inode);
        if ((info.seals() & Seals.F_SEAL_GROW) != 0 && offset + bytes > inode.sizeBytes()) {
            return -Errno.EPERM;
        }
        long start = offset >>> 12;
        long end = (offset + bytes + 4095) >>> 12;
        long limit = info.mount().maxBlocks();
        if (limit != 0 && end - start > limit) {
            return -Errno.ENOSPC;
        }
        long before = info.fallocatedEnd();
        info.setFallocatedEnd(Math.max(before, end));
        long index = start;
        while (index < end) {
            long pfn = cache.shmem().allocate(inode, index, offset + bytes);
            if (pfn < 0) {
                info.setFallocatedEnd(before);
                cache.shmem().removeUnused(inode, start, index);
                return pfn == PageCache.NO_SPACE ? -Errno.ENOSPC : -Errno.ENOMEM;
            }
            index = cache.shmem().folioEnd(pfn);
        }
        if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && offset + bytes > inode.sizeBytes()) {
            inode.setSizeBytes(offset + bytes);
        }
        return 0;
    }
}
