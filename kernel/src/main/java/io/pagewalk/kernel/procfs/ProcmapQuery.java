package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The {@code PROCMAP_QUERY} command: one line of {@code maps} as a structure ({@code fs/proc/task_mmu.c:do_procmap_query()}).
 *
 * <pre>
 *   struct procmap_query: size flags addr | start end vma_flags page_size offset inode | major:4 minor:4 name_size:4 build_id_size:4 | name_addr build_id_addr
 *                         0    8     16     24    32  40        48        56     64      72      76      80          84                88        96
 * </pre>
 *
 * <p>Differs from Linux: no file has a build ID, so that {@code build_id_size} always comes back as 0.
 */
final class ProcmapQuery {
    /** {@code _IOWR('f', 17, struct procmap_query)}. */
    static final int COMMAND = 0xc0686611;

    private static final int BYTES = 104;
    private static final int LEAST_BYTES = 24;
    private static final int MOST_BYTES = 4096;
    private static final int PATH_MAX = 4096;

    private static final long READABLE = 1;
    private static final long WRITABLE = 1 << 1;
    private static final long EXECUTABLE = 1 << 2;
    private static final long SHARED = 1 << 3;
    private static final long RIGHTS = READABLE | WRITABLE | EXECUTABLE | SHARED;
    private static final long COVERING_OR_NEXT = 1 << 4;
    private static final long FILE_BACKED = 1 << 5;

    private ProcmapQuery() {}

    /**
     * Performs the command.
     *
     * @param mm the address space
     * @param address of a {@code struct procmap_query}
     * @param user memory of the caller
     * @return 0, {@code -EFAULT}, {@code -E2BIG} for a structure that is too long or has something behind what is known, {@code -EINVAL}, {@code -ESRCH} when the address
     *     space is gone, {@code -ENOENT} when no area fits, {@code -ENAMETOOLONG} when the name does not fit
     */
    static long query(@Nullable Mm mm, long address, UserMemory user) {
        byte[] first = new byte[8];
        if (user.copyFromUser(first, 0, 8, address) != 0) {
            return -Errno.EFAULT;
        }
        long size = ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (Long.compareUnsigned(size, MOST_BYTES) > 0) {
            return -Errno.E2BIG;
        }
        if (size < LEAST_BYTES) {
            return -Errno.EINVAL;
        }
        byte[] whole = new byte[Math.max(BYTES, (int) size)];
        if (user.copyFromUser(whole, 0, (int) size, address) != 0) {
            return -Errno.EFAULT;
        }
        for (int i = BYTES; i < size; i++) {
            if (whole[i] != 0) {
                return -Errno.E2BIG;
            }
        }
        ByteBuffer query = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
        long flags = query.getLong(8);
        boolean hasNameSize = query.getInt(80) != 0;
        boolean hasBuildIdSize = query.getInt(84) != 0;
        if ((flags & ~(RIGHTS | COVERING_OR_NEXT | FILE_BACKED)) != 0
                || hasNameSize != (query.getLong(88) != 0)
                || hasBuildIdSize != (query.getLong(96) != 0)) {
            return -Errno.EINVAL;
        }
        if (mm == null || mm.users() == 0) {
            return -Errno.ESRCH;
        }
        Vma vma = find(mm, query.getLong(16), flags);
        if (vma == null) {
            return -Errno.ENOENT;
        }
        fill(query, vma);
        if (hasNameSize) {
            long error = name(query, vma, user);
            if (error != 0) {
                return error;
            }
        }
        query.putInt(84, 0);
        return user.copyToUser(address, whole, 0, (int) Math.min(size, BYTES)) != 0 ? -Errno.EFAULT : 0;
    }

    /** {@code query_matching_vma()}. */
    private static @Nullable Vma find(Mm mm, long address, long flags) {
        long at = address;
        while (at >= 0) {
            Vma vma = mm.vmas().findFirst(at);
            if (vma == null) {
                return null;
            }
            boolean isWanted = ((flags & FILE_BACKED) == 0 || vma.file() != null)
                    && (rightsOf(vma) & flags & RIGHTS) == (flags & RIGHTS);
            if (isWanted && ((flags & COVERING_OR_NEXT) != 0 || vma.start() <= at)) {
                return vma;
            }
            if ((flags & COVERING_OR_NEXT) == 0) {
                return null;
            }
            at = vma.end();
        }
        return null;
    }

    private static long rightsOf(Vma vma) {
        return (vma.has(VmaFlags.VM_READ) ? READABLE : 0)
                | (vma.has(VmaFlags.VM_WRITE) ? WRITABLE : 0)
                | (vma.has(VmaFlags.VM_EXEC) ? EXECUTABLE : 0)
                | (vma.has(VmaFlags.VM_MAYSHARE) ? SHARED : 0);
    }

    private static void fill(ByteBuffer query, Vma vma) {
        MappedFile file = vma.file();
        query.putLong(24, vma.start());
        query.putLong(32, vma.end());
        query.putLong(40, rightsOf(vma));
        query.putLong(48, 4096);
        query.putLong(56, file == null ? 0 : vma.pgoff() << 12);
        query.putLong(64, file == null ? 0 : file.inode());
        query.putInt(72, file == null ? 0 : file.deviceMajor());
        query.putInt(76, file == null ? 0 : file.deviceMinor());
    }

    private static long name(ByteBuffer query, Vma vma, UserMemory user) {
        String name = vma.mapsName();
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        int length = name.isEmpty() ? 0 : text.length + 1;
        long room = Math.min(PATH_MAX, Integer.toUnsignedLong(query.getInt(80)));
        if (length > room) {
            return -Errno.ENAMETOOLONG;
        }
        query.putInt(80, length);
        return user.copyToUser(query.getLong(88), Arrays.copyOf(text, length), 0, length) != 0 ? -Errno.EFAULT : 0;
    }
}
