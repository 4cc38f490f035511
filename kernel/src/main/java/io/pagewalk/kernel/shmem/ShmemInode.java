package io.pagewalk.kernel.shmem;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.ShmemInodeInfo;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.numa.SharedPolicy;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What shmem knows of one of its files: {@code struct shmem_inode_info}.
 *
 * <p>Memory is promised in one of two ways. A file that was made for a mapping or a System V segment commits its whole length at once; every other file, and a mapping
 * with {@code MAP_NORESERVE}, commits each page when it is added.
 */
public final class ShmemInode implements ShmemInodeInfo {
    /** When memory is promised: {@code info->flags & VM_NORESERVE}. */
    enum Commitment {
        /** For the whole length, when it is set. */
        BY_LENGTH,
        /** For each page, when it is added ({@code VM_NORESERVE}). */
        BY_PAGE
    }

    private static final int WRITE_SEALS = Seals.F_SEAL_WRITE | Seals.F_SEAL_FUTURE_WRITE;
    private static final int EXECUTE_BITS = 0111;

    private final TmpfsMount mount;
    private final Accounting accounting;
    private final Commitment commitment;
    private final ShmemHugePages huge;
    private final SharedPolicy policies = new SharedPolicy();
    private @Nullable Inode inode;
    private int mode;
    private int seals = Seals.F_SEAL_SEAL;
    private long blocks;
    private long committedBytes;
    private boolean isUnevictable;
    /** First page behind everything that {@code fallocate()} was asked for: {@code info->fallocend}. */
    private long fallocatedEnd;

    ShmemInode(TmpfsMount mount, Accounting accounting, ShmemHugePages huge, Commitment commitment, int mode) {
        this.mount = mount;
        this.accounting = accounting;
        this.huge = huge;
        this.commitment = commitment;
        this.mode = mode;
    }

    void attach(Inode value) {
        inode = value;
    }

    /** Returns the file itself. */
    public Inode inode() {
        Inode present = inode;
        if (present == null) {
            throw new KernelBug("a shmem inode without inode");
        }
        return present;
    }

    /** Returns the mount it lies on. */
    public TmpfsMount mount() {
        return mount;
    }

    /** Returns how many pages it has ({@code info->alloced}). */
    public long blocks() {
        return blocks;
    }

    /** Returns how many pages it has committed. */
    public long committedPages() {
        return commitment == Commitment.BY_PAGE ? blocks : pages(committedBytes);
    }

    /** Returns its {@link Seals}. */
    public int seals() {
        return seals;
    }

    void setSeals(int value) {
        seals = value;
    }

    /** Returns its permission bits. */
    public int mode() {
        return mode;
    }

    void forbidExecution() {
        mode &= ~EXECUTE_BITS;
    }

    /**
     * Changes the permission bits: the seal in {@code mm/shmem.c:shmem_setattr()}.
     *
     * @param value the new bits
     * @return 0, or {@code -EPERM} when the execute bits are sealed and would change
     */
    public long changeMode(int value) {
        if ((seals & Seals.F_SEAL_EXEC) != 0 && ((mode ^ value) & EXECUTE_BITS) != 0) {
            return -Errno.EPERM;
        }
        mode = value;
        return 0;
    }

    /**
     * Keeps its pages in memory or lets them go again: {@code mapping_set_unevictable()}.
     *
     * @param value whether they stay
     */
    public void setUnevictable(boolean value) {
        isUnevictable = value;
    }

    /** Commits the first length of a file that commits by length: {@code shmem_acct_size()}; returns whether it was granted. */
    boolean commitLength(long bytes) {
        if (commitment == Commitment.BY_LENGTH) {
            if (!accounting.charge(pages(bytes))) {
                return false;
            }
            committedBytes = bytes;
        }
        return true;
    }

    @Override
    public boolean chargeBlocks(long pages) {
        if (commitment == Commitment.BY_PAGE && !accounting.charge(pages)) {
            return false;
        }
        if (!mount.takeBlocks(pages)) {
            if (commitment == Commitment.BY_PAGE) {
                accounting.uncharge(pages);
            }
            return false;
        }
        blocks += pages;
        return true;
    }

    @Override
    public void unchargeBlocks(long pages) {
        KernelBug.on(pages > blocks, "more pages freed than a file has");
        blocks -= pages;
        mount.giveBlocks(pages);
        if (commitment == Commitment.BY_PAGE) {
            accounting.uncharge(pages);
        }
    }

    @Override
    public long beginWrite(long position, long bytes) {
        boolean isSealed = (seals & WRITE_SEALS) != 0
                || ((seals & Seals.F_SEAL_GROW) != 0 && position + bytes > inode().sizeBytes());
        return isSealed ? -Errno.EPERM : 0;
    }

    @Override
    public long beginPunch() {
        return (seals & WRITE_SEALS) != 0 ? -Errno.EPERM : 0;
    }

    @Override
    public long changeSize(long newBytes) {
        long old = inode().sizeBytes();
        if ((newBytes < old && (seals & Seals.F_SEAL_SHRINK) != 0)
                || (newBytes > old && (seals & Seals.F_SEAL_GROW) != 0)) {
            return -Errno.EPERM;
        }
        if (commitment == Commitment.BY_PAGE) {
            return 0;
        }
        long change = pages(newBytes) - pages(committedBytes);
        if (change > 0 && !accounting.charge(change)) {
            return -Errno.ENOMEM;
        }
        if (change < 0) {
            accounting.uncharge(-change);
        }
        committedBytes = newBytes;
        return 0;
    }

    @Override
    public long checkSeals(long vmFlags) {
        if ((seals & WRITE_SEALS) == 0 || (vmFlags & VmaFlags.VM_SHARED) == 0) {
            return vmFlags;
        }
        return (vmFlags & VmaFlags.VM_WRITE) != 0 ? -Errno.EPERM : vmFlags & ~VmaFlags.VM_MAYWRITE;
    }

    @Override
    public int hugeOrders(@Nullable Vma vma, long index, long writeEnd) {
        return huge.allowable(this, vma, index, writeEnd, HugePagePolicy.Asker.FAULT);
    }

    @Override
    public int alignmentOrder() {
        return huge.alignment(this);
    }

    /** Returns whether {@code stat} tells the size of a huge page as its block size: {@code mm/shmem.c:shmem_getattr()}. */
    public boolean hasHugeBlocks() {
        return huge.hasHugeBlocks(this);
    }

    /** Returns {@code info->fallocend}. */
    long fallocatedEnd() {
        return fallocatedEnd;
    }

    void setFallocatedEnd(long page) {
        fallocatedEnd = page;
    }

    @Override
    public long keptEnd(long sizePages) {
        return Math.max(sizePages, fallocatedEnd);
    }

    @Override
    public void forgetFallocated(long from, long to) {
        if (fallocatedEnd > from && fallocatedEnd <= to) {
            fallocatedEnd = from;
        }
    }

    @Override
    public List<Inode> shrinkable() {
        return mount.shrinklist().stream().map(ShmemInode::inode).toList();
    }

    @Override
    public void setShrinkable(boolean value) {
        if (value) {
            mount.shrinklist().add(this);
        } else {
            mount.shrinklist().remove(this);
        }
    }

    @Override
    public boolean isUnevictable() {
        return isUnevictable;
    }

    @Override
    public SharedPolicy policies() {
        return policies;
    }

    @Override
    public void evicted() {
        KernelBug.on(blocks != 0, "a shmem file goes with " + blocks + " pages counted");
        accounting.uncharge(pages(committedBytes));
        committedBytes = 0;
        setShrinkable(false);
        mount.giveInode();
    }

    private static long pages(long bytes) {
        return (bytes + 4095) >>> 12;
    }
}
