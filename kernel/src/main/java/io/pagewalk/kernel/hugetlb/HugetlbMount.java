package io.pagewalk.kernel.hugetlb;

import org.jspecify.annotations.Nullable;

/** A mounted hugetlbfs: {@code struct hugetlbfs_sb_info}. The kernel has one of its own for each size, without a path and without limits. */
public final class HugetlbMount {
    private final String path;
    private final int deviceMinor;
    private final HugePool pool;
    private final @Nullable Subpool subpool;
    private final long maxInodes;
    private long freeInodes;
    private long nextNumber = 1;

    HugetlbMount(String path, int deviceMinor, HugePool pool, @Nullable Subpool subpool, long maxInodes) {
        this.path = path;
        this.deviceMinor = deviceMinor;
        this.pool = pool;
        this.subpool = subpool;
        this.maxInodes = maxInodes;
        // The root directory is one.
        this.freeInodes = maxInodes < 0 ? -1 : maxInodes - 1;
    }

    /** Returns where it is mounted, without a slash at the end; empty for the kernel's own. */
    public String path() {
        return path;
    }

    /** Returns the minor number of its device, which {@code maps} prints. */
    public int deviceMinor() {
        return deviceMinor;
    }

    /** Returns the pool of its pages. */
    public HugePool pool() {
        return pool;
    }

    @Nullable
    Subpool subpool() {
        return subpool;
    }

    /** Returns {@code f_blocks} of statfs: 0 without limits, -1 without an upper limit. */
    public long totalBlocks() {
        return subpool == null ? 0 : subpool.maxPages();
    }

    /** Returns {@code f_bfree} of statfs. */
    public long freeBlocks() {
        return subpool == null ? 0 : subpool.maxPages() - subpool.usedPages();
    }

    /** Returns {@code f_files} of statfs. */
    public long maxInodes() {
        return subpool == null ? 0 : maxInodes;
    }

    /** Returns {@code f_ffree} of statfs. */
    public long freeInodes() {
        return subpool == null ? 0 : freeInodes;
    }

    /** {@code hugetlbfs_dec_free_inodes()}: returns the number of a new inode, -1 when there is no room. */
    long takeInode() {
        if (freeInodes == 0) {
            return -1;
        }
        if (freeInodes > 0) {
            freeInodes--;
        }
        return nextNumber++;
    }

    void giveInode() {
        if (freeInodes >= 0) {
            freeInodes++;
        }
    }
}
