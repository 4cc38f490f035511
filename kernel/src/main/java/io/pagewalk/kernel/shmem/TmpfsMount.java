package io.pagewalk.kernel.shmem;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * One mounted tmpfs: {@code struct shmem_sb_info}. The kernel's own mount, on which memfds and shared anonymous files lie, has no limits.
 *
 * <p>Invariants: {@code maxBlocks == 0 || usedBlocks <= maxBlocks} and the same of inodes.
 */
public final class TmpfsMount {
    private final String path;
    private final int deviceMinor;
    private long maxBlocks;
    private long maxInodes;
    private ShmemUse huge = ShmemUse.NEVER;
    private long usedBlocks;
    private long usedInodes;
    private long nextNumber = 1;
    /** Files with folios that reach behind their ends, in the order in which they came. */
    private final Set<ShmemInode> shrinklist = new LinkedHashSet<>();

    TmpfsMount(String path, int deviceMinor, long maxBlocks, long maxInodes) {
        this.path = path;
        this.deviceMinor = deviceMinor;
        this.maxBlocks = maxBlocks;
        this.maxInodes = maxInodes;
    }

    /** Returns where it is mounted, without a slash at the end; empty for the kernel's own. */
    public String path() {
        return path;
    }

    /** Returns the minor number of its device, which {@code maps} prints. */
    public int deviceMinor() {
        return deviceMinor;
    }

    /** Returns how many pages its files may have together, 0 for no limit. */
    public long maxBlocks() {
        return maxBlocks;
    }

    /** Returns how many inodes it may have, 0 for no limit. */
    public long maxInodes() {
        return maxInodes;
    }

    /** Returns where its files have huge pages: the option {@code huge=}. */
    public ShmemUse huge() {
        return huge;
    }

    /**
     * Sets the option {@code huge=}, which files feel at once but for how large a piece a write may be.
     *
     * @param value {@link ShmemUse#NEVER}, {@link ShmemUse#ALWAYS}, {@link ShmemUse#WITHIN_SIZE} or {@link ShmemUse#ADVISE}
     */
    public void setHuge(ShmemUse value) {
        KernelBug.on(value == ShmemUse.INHERIT || value == ShmemUse.DENY || value == ShmemUse.FORCE, "huge=" + value);
        huge = value;
    }

    Set<ShmemInode> shrinklist() {
        return shrinklist;
    }

    /** Returns how many pages its files have. */
    public long usedBlocks() {
        return usedBlocks;
    }

    /** Returns how many inodes it has, its root included; counted only while there is a limit. */
    public long usedInodes() {
        return usedInodes;
    }

    /** Changes its limits, as {@code mount -o remount,size=...} does; false when more is in use, or when there was no limit. */
    boolean limit(long blocks, long inodes) {
        if ((blocks != 0 && (maxBlocks == 0 || usedBlocks > blocks))
                || (inodes != 0 && (maxInodes == 0 || usedInodes > inodes))) {
            return false;
        }
        maxBlocks = blocks;
        maxInodes = inodes;
        return true;
    }

    /** {@code shmem_reserve_inode()}: returns the number of a new inode, -1 when there is no room. */
    long takeInode() {
        if (maxInodes != 0 && usedInodes >= maxInodes) {
            return -1;
        }
        usedInodes++;
        return nextNumber++;
    }

    void giveInode() {
        KernelBug.on(usedInodes == 0, "more inodes freed than a mount has");
        usedInodes--;
    }

    boolean takeBlocks(long pages) {
        if (maxBlocks != 0 && usedBlocks + pages > maxBlocks) {
            return false;
        }
        usedBlocks += pages;
        return true;
    }

    void giveBlocks(long pages) {
        KernelBug.on(pages > usedBlocks, "more pages freed than a mount has");
        usedBlocks -= pages;
    }

    void verify(long pages, long inodes, Violations out) {
        String where = "tmpfs " + path;
        out.expectEqual(where, "used blocks == pages of its files", usedBlocks, pages);
        out.expectEqual(where, "used inodes == its files", usedInodes, inodes);
    }
}
