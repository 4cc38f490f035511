package io.pagewalk.kernel.ipc;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** {@code shmctl()}: {@code ipc/shm.c:ksys_shmctl()}, with the structures it copies. */
public final class ShmControl {
    private static final int IPC_RMID = 0;
    private static final int IPC_SET = 1;
    private static final int IPC_STAT = 2;
    private static final int IPC_INFO = 3;
    private static final int SHM_LOCK = 11;
    private static final int SHM_UNLOCK = 12;
    private static final int SHM_STAT = 13;
    private static final int SHM_INFO = 14;
    private static final int SHM_STAT_ANY = 15;

    /** {@code struct shmid64_ds}: a {@code struct ipc64_perm} of 48 bytes, then size, times, processes and attachments. */
    private static final int SHMID64_DS_BYTES = 112;

    private static final int SHMINFO64_BYTES = 72;
    private static final int SHM_INFO_BYTES = 48;
    private static final int UID_OFFSET = 4;
    private static final int GID_OFFSET = 8;
    private static final int MODE_OFFSET = 20;
    private static final int SEQUENCE_OFFSET = 24;
    private static final int SIZE_OFFSET = 48;
    private static final int SEQUENCE_SHIFT = 15;

    private ShmControl() {}

    /**
     * Performs the call.
     *
     * @param shm the machine's segments
     * @param user the caller's memory
     * @param id an identifier, or an index for the calls that list segments
     * @param command {@code IPC_*} or {@code SHM_*}
     * @param buffer address of the structure
     * @return 0, an identifier or index for the listing calls, {@code -EINVAL}, {@code -EFAULT}, {@code -EACCES} without the permission to read,
     *     {@code -EPERM} for a change by another user
     */
    public static long control(SysvShm shm, UserMemory user, int id, int command, long buffer) {
        if (command < 0 || id < 0) {
            return -Errno.EINVAL;
        }
        return switch (command) {
            case IPC_INFO -> copyOut(user, buffer, limits(shm), shm.maxIndex());
            case SHM_INFO -> copyOut(user, buffer, use(shm), shm.maxIndex());
            case SHM_STAT, SHM_STAT_ANY, IPC_STAT -> stat(shm, user, id, command, buffer);
            case IPC_SET -> set(shm, user, id, buffer);
            case IPC_RMID -> remove(shm, id);
            case SHM_LOCK, SHM_UNLOCK -> lock(shm, id, command);
            default -> -Errno.EINVAL;
        };
    }

    private static long copyOut(UserMemory user, long vaddr, ByteBuffer structure, long result) {
        byte[] bytes = new byte[structure.capacity()];
        structure.get(0, bytes);
        return user.copyToUser(vaddr, bytes, 0, bytes.length) == 0 ? result : -Errno.EFAULT;
    }

    private static ByteBuffer structure(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** {@code struct shminfo64}: shmmax, shmmin, shmmni, shmseg, shmall. */
    private static ByteBuffer limits(SysvShm shm) {
        ShmLimits limits = shm.limits();
        return structure(SHMINFO64_BYTES)
                .putLong(limits.maxBytes())
                .putLong(1)
                .putLong(limits.segments())
                .putLong(limits.segments())
                .putLong(limits.totalPages());
    }

    /** {@code struct shm_info}: used_ids, shm_tot, shm_rss, shm_swp, and two counts that are always 0. */
    private static ByteBuffer use(SysvShm shm) {
        long resident = 0;
        for (ShmSegment segment : shm.segments()) {
            resident += segment.residentPages();
        }
        return structure(SHM_INFO_BYTES)
                .putLong(shm.segments().size())
                .putLong(shm.totalPages())
                .putLong(resident);
    }

    private static long stat(SysvShm shm, UserMemory user, int id, int command, long buffer) {
        ShmSegment segment = command == IPC_STAT ? shm.find(id) : shm.findByIndex(id);
        if (segment == null) {
            return -Errno.EINVAL;
        }
        if (command != SHM_STAT_ANY && !ShmPermissions.mayUse(segment, shm.caller(), ShmPermissions.READ)) {
            return -Errno.EACCES;
        }
        ByteBuffer out = structure(SHMID64_DS_BYTES);
        out.putInt(segment.key())
                .putInt(segment.uid())
                .putInt(segment.gid())
                .putInt(segment.creatorUser())
                .putInt(0)
                .putInt(segment.mode())
                .putShort(SEQUENCE_OFFSET, (short) (segment.id() >>> SEQUENCE_SHIFT));
        out.position(SIZE_OFFSET);
        out.putLong(segment.sizeBytes())
                .putLong(segment.attachSeconds())
                .putLong(segment.detachSeconds())
                .putLong(segment.changeSeconds())
                .putInt(segment.creatorPid())
                .putInt(segment.lastPid())
                .putLong(segment.attachments());
        return copyOut(user, buffer, out, command == IPC_STAT ? 0 : segment.id());
    }

    private static long set(SysvShm shm, UserMemory user, int id, long buffer) {
        byte[] bytes = new byte[SHMID64_DS_BYTES];
        if (user.copyFromUser(bytes, 0, bytes.length, buffer) != 0) {
            return -Errno.EFAULT;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        ShmSegment segment = shm.find(id);
        if (segment == null) {
            return -Errno.EINVAL;
        }
        if (!ShmPermissions.mayChange(segment, shm.caller())) {
            return -Errno.EPERM;
        }
        int uid = in.getInt(UID_OFFSET);
        int gid = in.getInt(GID_OFFSET);
        if (uid == -1 || gid == -1) {
            return -Errno.EINVAL;
        }
        segment.setOwner(uid, gid, in.getInt(MODE_OFFSET), shm.seconds());
        return 0;
    }

    private static long remove(SysvShm shm, int id) {
        ShmSegment segment = shm.find(id);
        if (segment == null) {
            return -Errno.EINVAL;
        }
        if (!ShmPermissions.mayChange(segment, shm.caller())) {
            return -Errno.EPERM;
        }
        shm.remove(segment);
        return 0;
    }

    private static long lock(SysvShm shm, int id, int command) {
        ShmSegment segment = shm.find(id);
        if (segment == null) {
            return -Errno.EINVAL;
        }
        if (!ShmPermissions.mayLock(segment, shm.caller())) {
            return -Errno.EPERM;
        }
        shm.setLocked(segment, command == SHM_LOCK);
        return 0;
    }
}
