package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.hugetlb.HugetlbInode;
import io.pagewalk.kernel.hugetlb.HugetlbMount;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.shmem.TmpfsMount;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The structures that {@code fstat()} and {@code statfs()} give for files in memory: {@code mm/shmem.c:shmem_getattr()} and {@code shmem_statfs()}. */
final class ShmemStat {
    static final int STAT_BYTES = 144;
    static final int STATFS_BYTES = 120;

    private static final long TMPFS_MAGIC = 0x01021994;
    private static final long HUGETLBFS_MAGIC = 0x958458f6L;
    private static final int S_IFREG = 0100000;
    private static final int PAGE_BYTES = 4096;
    private static final int HUGE_BYTES = PAGE_BYTES << Folios.HUGE_ORDER;
    private static final int SECTORS_PER_PAGE = 8;
    private static final int NAME_MAX = 255;
    /** {@code ST_VALID}: the flags of the mount are there. */
    private static final int ST_VALID = 0x20;

    private ShmemStat() {}

    /** {@code struct stat} of x86-64. */
    static byte[] stat(Inode inode) {
        int mode = Shmem.infoOf(inode).mode();
        return stat(
                inode,
                mode,
                Shmem.infoOf(inode).hasHugeBlocks() ? HUGE_BYTES : PAGE_BYTES,
                inode.cachedPages() * SECTORS_PER_PAGE);
    }

    /** The same for a file of huge pages. */
    static byte[] stat(Inode inode, HugetlbInode info) {
        return stat(inode, info.mode(), info.pageBytes(), info.blocks());
    }

    private static byte[] stat(Inode inode, int mode, long blockBytes, long sectors) {
        ByteBuffer out = ByteBuffer.allocate(STAT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(inode.deviceMinor())
                .putLong(inode.number())
                .putLong(inode.links())
                .putInt(S_IFREG | mode);
        out.putLong(48, inode.sizeBytes()).putLong(56, blockBytes).putLong(64, sectors);
        byte[] bytes = new byte[STAT_BYTES];
        out.get(0, bytes);
        return bytes;
    }

    /** {@code struct statfs} of x86-64; a mount without limits says nothing about its room. */
    static byte[] statfs(TmpfsMount mount) {
        boolean hasBlocks = mount.maxBlocks() != 0;
        long freeBlocks = hasBlocks ? mount.maxBlocks() - mount.usedBlocks() : 0;
        long freeInodes = mount.maxInodes() != 0 ? mount.maxInodes() - mount.usedInodes() : 0;
        return statfs(
                TMPFS_MAGIC,
                PAGE_BYTES,
                mount.maxBlocks(),
                freeBlocks,
                mount.maxInodes(),
                freeInodes,
                mount.deviceMinor());
    }

    /** The same for files of huge pages: {@code fs/hugetlbfs/inode.c:hugetlbfs_statfs()}. */
    static byte[] statfs(HugetlbMount mount) {
        return statfs(
                HUGETLBFS_MAGIC,
                mount.pool().pageBytes(),
                mount.totalBlocks(),
                mount.freeBlocks(),
                mount.maxInodes(),
                mount.freeInodes(),
                mount.deviceMinor());
    }

    private static byte[] statfs(long magic, long block, long blocks, long free, long inodes, long left, int minor) {
        ByteBuffer out = ByteBuffer.allocate(STATFS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(magic)
                .putLong(block)
                .putLong(blocks)
                .putLong(free)
                .putLong(free)
                .putLong(inodes)
                .putLong(left)
                .putLong(minor)
                .putLong(NAME_MAX)
                .putLong(block)
                .putLong(ST_VALID);
        byte[] bytes = new byte[STATFS_BYTES];
        out.get(0, bytes);
        return bytes;
    }
}
