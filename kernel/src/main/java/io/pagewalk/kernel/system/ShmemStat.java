package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.shmem.ShmemInode;
import io.pagewalk.kernel.shmem.TmpfsMount;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The structures that {@code fstat()} and {@code statfs()} give for files in memory: {@code mm/shmem.c:shmem_getattr()} and {@code shmem_statfs()}. */
final class ShmemStat {
    static final int STAT_BYTES = 144;
    static final int STATFS_BYTES = 120;

    private static final long TMPFS_MAGIC = 0x01021994;
    private static final int S_IFREG = 0100000;
    private static final int PAGE_BYTES = 4096;
    private static final int SECTORS_PER_PAGE = 8;
    private static final int NAME_MAX = 255;
    /** {@code ST_VALID}: the flags of the mount are there. */
    private static final int ST_VALID = 0x20;

    private ShmemStat() {}

    /** {@code struct stat} of x86-64. */
    static byte[] stat(Inode inode) {
        ShmemInode info = Shmem.infoOf(inode);
        ByteBuffer out = ByteBuffer.allocate(STAT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(inode.deviceMinor())
                .putLong(inode.number())
                .putLong(inode.links())
                .putInt(S_IFREG | info.mode());
        out.putLong(48, inode.sizeBytes()).putLong(56, PAGE_BYTES).putLong(64, inode.cachedPages() * SECTORS_PER_PAGE);
        byte[] bytes = new byte[STAT_BYTES];
        out.get(0, bytes);
        return bytes;
    }

    /** {@code struct statfs} of x86-64; a mount without limits says nothing about its room. */
    static byte[] statfs(TmpfsMount mount) {
        boolean hasBlocks = mount.maxBlocks() != 0;
        long freeBlocks = hasBlocks ? mount.maxBlocks() - mount.usedBlocks() : 0;
        ByteBuffer out = ByteBuffer.allocate(STATFS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(TMPFS_MAGIC)
                .putLong(PAGE_BYTES)
                .putLong(mount.maxBlocks())
                .putLong(freeBlocks)
                .putLong(freeBlocks)
                .putLong(mount.maxInodes())
                .putLong(mount.maxInodes() != 0 ? mount.maxInodes() - mount.usedInodes() : 0)
                .putLong(mount.deviceMinor())
                .putLong(NAME_MAX)
                .putLong(PAGE_BYTES)
                .putLong(ST_VALID);
        byte[] bytes = new byte[STATFS_BYTES];
        out.get(0, bytes);
        return bytes;
    }
}
