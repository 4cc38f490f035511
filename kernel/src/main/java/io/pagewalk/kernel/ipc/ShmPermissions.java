package io.pagewalk.kernel.ipc;

/** Who may do what with a segment: {@code ipc/util.c:ipcperms()} and its relatives. Differs from Linux: there are no groups, so that each other user counts as one of the group. */
final class ShmPermissions {
    /** Reading, for whoever asks, as the access mode of {@code do_shmat()}. */
    static final int READ = 0444;

    /** Writing. */
    static final int WRITE = 0222;

    /** Executing. */
    static final int EXECUTE = 0111;

    private static final int CAP_IPC_LOCK = 14;
    private static final int CAP_IPC_OWNER = 15;
    private static final int CAP_SYS_ADMIN = 21;
    private static final int USER_SHIFT = 6;
    private static final int GROUP_SHIFT = 3;
    private static final int ONE_MODE = 7;

    private ShmPermissions() {}

    /** Returns whether the caller may use a segment so: {@code ipcperms()}. Permissions asked for whichever user are asked for the caller. */
    static boolean mayUse(ShmSegment segment, SysvShm.Caller caller, int permissions) {
        int asked = (permissions >> USER_SHIFT) | (permissions >> GROUP_SHIFT) | permissions;
        int granted = segment.mode() >> (isOwner(segment, caller) ? USER_SHIFT : GROUP_SHIFT);
        return (asked & ~granted & ONE_MODE) == 0 || caller.has(CAP_IPC_OWNER);
    }

    /** Returns whether the caller may change or remove a segment: {@code ipcctl_obtain_check()}. */
    static boolean mayChange(ShmSegment segment, SysvShm.Caller caller) {
        return isOwner(segment, caller) || caller.has(CAP_SYS_ADMIN);
    }

    /** Returns whether the caller may lock a segment: {@code shmctl_do_lock()}. Differs from Linux: what an owner locks is not held against {@code RLIMIT_MEMLOCK}. */
    static boolean mayLock(ShmSegment segment, SysvShm.Caller caller) {
        return isOwner(segment, caller) || caller.has(CAP_IPC_LOCK);
    }

    private static boolean isOwner(ShmSegment segment, SysvShm.Caller caller) {
        return caller.user() == segment.uid() || caller.user() == segment.creatorUser();
    }
}
