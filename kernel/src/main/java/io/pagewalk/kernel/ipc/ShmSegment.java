package io.pagewalk.kernel.ipc;

import io.pagewalk.kernel.filemap.HugetlbInodeInfo;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.shmem.ShmemInode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaOperations;

/**
 * One segment: {@code struct shmid_kernel}. It is also what its areas tell about opening and closing ({@code shm_vm_ops}).
 *
 * <p>Invariant: {@code nattch} == areas that map its file (+ an attachment that is being made).
 */
public final class ShmSegment implements VmaOperations {
    /** In {@link #mode()}: it goes with its last attachment. */
    public static final int SHM_DEST = 01000;

    /** In {@link #mode()}: its pages stay in memory. */
    public static final int SHM_LOCKED = 02000;

    private static final int S_IRWXUGO = 0777;

    private final SysvShm owner;
    private final OpenFile file;
    private final long sizeBytes;
    private final int creatorPid;
    private final int creatorUser;
    private int id;
    private int key;
    private int mode;
    private int uid;
    private int gid;
    private int lastPid;
    private int attachments;
    private boolean isDestroyed;
    private int creatorTid;
    private long attachSeconds;
    private long detachSeconds;
    private long changeSeconds;

    ShmSegment(SysvShm owner, OpenFile file, int key, long sizeBytes, int mode, SysvShm.Caller creator) {
        this.owner = owner;
        this.file = file;
        this.key = key;
        this.sizeBytes = sizeBytes;
        this.mode = mode & S_IRWXUGO;
        this.creatorPid = creator.tgid();
        this.creatorTid = creator.tid();
        this.creatorUser = creator.user();
        this.uid = creatorUser;
        this.changeSeconds = owner.seconds();
    }

    void setId(int value) {
        id = value;
        file.inodeObject().setNumber(value);
    }

    /** Returns its identifier, which is also the inode number that {@code maps} prints. */
    public int id() {
        return id;
    }

    /** Returns its key, 0 ({@code IPC_PRIVATE}) when it cannot be found by one. */
    public int key() {
        return key;
    }

    void makePrivate() {
        key = 0;
        mode |= SHM_DEST;
    }

    /** Returns the permission bits, {@link #SHM_DEST} and {@link #SHM_LOCKED}. */
    public int mode() {
        return mode;
    }

    /** Returns the length that it was made with, in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Returns its length in pages. */
    public long pages() {
        return (sizeBytes + 4095) >>> 12;
    }

    /** Returns how many pages it has, of huge ones the square: {@code shm_add_rss_swap()} multiplies what is counted in small pages already. */
    public long residentPages() {
        HugetlbInodeInfo hugetlb = file.inodeObject().hugetlb();
        if (hugetlb == null) {
            return file.inodeObject().cachedPages();
        }
        long each = hugetlb.pageBytes() >>> 12;
        return hugetlb.pages() * each * each;
    }

    /** Returns the process that made it. */
    public int creatorPid() {
        return creatorPid;
    }

    /** Returns the user number of the process that made it. */
    public int creatorUser() {
        return creatorUser;
    }

    /** Returns the process that attached or detached last, 0 when none has. */
    public int lastPid() {
        return lastPid;
    }

    /** Returns how many areas map it. */
    public int attachments() {
        return attachments;
    }

    /** Returns the owner's user number. */
    public int uid() {
        return uid;
    }

    /** Returns the owner's group number. */
    public int gid() {
        return gid;
    }

    /** Returns when it was attached last, 0 when never. */
    public long attachSeconds() {
        return attachSeconds;
    }

    /** Returns when it was detached last, 0 when never. */
    public long detachSeconds() {
        return detachSeconds;
    }

    /** Returns when it was made or changed by {@code IPC_SET}. */
    public long changeSeconds() {
        return changeSeconds;
    }

    OpenFile file() {
        return file;
    }

    int creatorTid() {
        return creatorTid;
    }

    void forgetCreator() {
        creatorTid = 0;
    }

    void setOwner(int newUid, int newGid, int newMode, long seconds) {
        uid = newUid;
        gid = newGid;
        mode = (mode & ~S_IRWXUGO) | (newMode & S_IRWXUGO);
        changeSeconds = seconds;
    }

    void setLocked(boolean isLocked) {
        mode = isLocked ? mode | SHM_LOCKED : mode & ~SHM_LOCKED;
        ShmemInode info = Shmem.infoOf(file.inodeObject());
        info.setUnevictable(isLocked);
    }

    /** Notes that its number is free again. */
    void setDestroyed() {
        isDestroyed = true;
    }

    /** Counts an attachment without saying who made it. */
    void hold() {
        attachments++;
    }

    /** Undoes {@link #hold}. */
    void release() {
        attachments--;
        owner.destroyIfUnused(this);
    }

    /** {@code shm_mmap()}: the file's own mmap operation. A removed segment may have gone with the attachment that the new one replaces. */
    long mmap(Vma vma) {
        if (isDestroyed) {
            return -Errno.EINVAL;
        }
        HugetlbInodeInfo hugetlb = file.inodeObject().hugetlb();
        if (hugetlb != null) {
            long error = hugetlb.mmap(vma);
            if (error != 0) {
                return error;
            }
        }
        vma.setOperations(this);
        open(vma);
        return 0;
    }

    @Override
    public boolean hasFilePages() {
        return true;
    }

    @Override
    public boolean maySplit(Vma vma, long vaddr) {
        return (vaddr & (vma.kernelPageBytes() - 1)) == 0;
    }

    @Override
    public boolean forbidsRemoval() {
        return true;
    }

    /** {@code __shm_open()}. */
    @Override
    public void open(Vma vma) {
        attachSeconds = owner.seconds();
        lastPid = owner.currentPid();
        attachments++;
    }

    /** {@code __shm_close()}. */
    @Override
    public void close(Vma vma) {
        detachSeconds = owner.seconds();
        lastPid = vma.mm().ownerPid();
        attachments--;
        owner.destroyIfUnused(this);
    }
}
