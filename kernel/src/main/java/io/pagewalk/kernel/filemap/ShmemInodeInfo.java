package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.numa.SharedPolicy;
import io.pagewalk.kernel.vma.Vma;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What page cache and reads and writes ask a file in memory about: its limits, its commitment and its seals, as {@code struct shmem_inode_info} with {@code struct shmem_sb_info}.
 *
 * <p>{@code kernel.shmem} implements it; this package calls it at the places where Linux's page cache calls into {@code mm/shmem.c}.
 */
public interface ShmemInodeInfo {
    /**
     * Counts pages that are about to be added: {@code mm/shmem.c:shmem_inode_acct_blocks()}.
     *
     * @param pages how many, at least 1
     * @return whether mount and overcommit allow it; nothing is counted otherwise
     */
    boolean chargeBlocks(long pages);

    /**
     * Gives pages back: {@code mm/shmem.c:shmem_inode_unacct_blocks()}.
     *
     * @param pages how many, at least 1
     */
    void unchargeBlocks(long pages);

    /**
     * Decides about a piece of a write: the seals in {@code mm/shmem.c:shmem_write_begin()}.
     *
     * @param position first byte in the file
     * @param bytes how many
     * @return 0 or {@code -EPERM}
     */
    long beginWrite(long position, long bytes);

    /**
     * Decides about a hole: the seals in {@code mm/shmem.c:shmem_fallocate()}.
     *
     * @return 0 or {@code -EPERM}
     */
    long beginPunch();

    /**
     * Decides about a new length and commits memory for it where that is done by length: {@code mm/shmem.c:shmem_setattr()}.
     *
     * @param newBytes the new length
     * @return 0, {@code -EPERM} for a seal, {@code -ENOMEM} when the memory was refused
     */
    long changeSize(long newBytes);

    /**
     * Decides about a mapping: {@code mm/memfd.c:memfd_check_seals_mmap()}.
     *
     * @param vmFlags bits of {@link io.pagewalk.kernel.vma.VmaFlags}
     * @return the bits without what seals forbid for ever, or {@code -EPERM}
     */
    long checkSeals(long vmFlags);

    /**
     * Returns the orders that a new folio may have: {@code mm/shmem.c:shmem_allowable_huge_orders()}.
     *
     * @param vma the area that a fault is in, or null
     * @param index page index in the file
     * @param writeEnd end of what is written, in bytes, 0 for a fault
     * @return orders as bits, 0 for single pages only
     */
    int hugeOrders(@Nullable Vma vma, long index, long writeEnd);

    /** Returns the order at whose borders mappings are placed, 0 for none: {@code mm/shmem.c:shmem_get_unmapped_area()}. */
    int alignmentOrder();

    /**
     * Returns behind which page a split drops what it finds: {@code shmem_fallocend()}.
     *
     * @param sizePages pages up to the end of the file
     */
    long keptEnd(long sizePages);

    /**
     * Notes that a range goes, which {@code fallocate()} may have reached for.
     *
     * @param from first page index
     * @param to first page index behind
     */
    void forgetFallocated(long from, long to);

    /** Returns the files of its mount that have folios which reach behind their ends, those first that have been known longest: {@code sbinfo->shrinklist}. */
    List<Inode> shrinkable();

    /**
     * Puts it on that list, or takes it off.
     *
     * @param value whether one of its folios reaches behind its end
     */
    void setShrinkable(boolean value);

    /** Returns whether its pages stay in memory: {@code mapping_unevictable()}, after {@code shmctl(SHM_LOCK)}. */
    boolean isUnevictable();

    /** Returns the memory policies of its pages. */
    SharedPolicy policies();

    /** Lets go of what the inode itself counts for; its pages are gone already: {@code mm/shmem.c:shmem_evict_inode()}. */
    void evicted();
}
