package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.numa.SharedPolicy;
import org.jspecify.annotations.Nullable;

/**
 * An open file that can be mapped: what the address space needs of {@code struct file}. Identity matters: two opens of one path
 * are two objects, and their mappings never merge.
 */
public interface MappedFile {
    /** Returns a number that is unique among the files of one machine and equal in every run, for digests. */
    long id();

    /** Returns the path as {@code /proc/PID/maps} prints it. */
    String path();

    /** Returns the inode number. */
    long inode();

    /** Returns the major device number of the file system. */
    int deviceMajor();

    /** Returns the minor device number of the file system. */
    int deviceMinor();

    /** Returns the file's present length in bytes. */
    long sizeBytes();

    /** Returns whether it was opened for reading ({@code FMODE_READ}). */
    boolean isReadable();

    /** Returns whether it was opened for writing ({@code FMODE_WRITE}). */
    boolean isWritable();

    /** Returns whether it has an {@code mmap} operation: regular files do, pipes and directories do not. */
    boolean canMmap();

    /** Returns whether its pages are shmem pages: tmpfs, memfd, and the file behind shared anonymous memory. */
    boolean isShmem();

    /** Returns the size of its pages when it is a file of huge pages ({@code is_file_hugepages()}), 0 for every other file. */
    default long hugePageBytes() {
        return 0;
    }

    /** Returns the memory policies of a file in memory by page, null for every other file: {@code shmem_get_policy()}. */
    default @Nullable SharedPolicy sharedPolicy() {
        return null;
    }

    /** Returns whether this is the file behind {@code MAP_SHARED | MAP_ANONYMOUS}, made by {@link SharedAnonymousFiles}. */
    default boolean isSharedAnonymous() {
        return false;
    }

    /** Returns whether its file system lies on a mount without execution ({@code path_noexec()}). */
    default boolean isNoExec() {
        return false;
    }

    /** Returns whether the file system places large mappings so that huge pages fit ({@code thp_get_unmapped_area}, as ext4, xfs and btrfs do). */
    default boolean alignsForHugePages() {
        return true;
    }

    /** Returns the order of the huge pages at whose borders mappings of a file in memory are placed, 0 for none: {@code mm/shmem.c:shmem_get_unmapped_area()}. */
    default int alignmentOrder() {
        return 0;
    }

    /** Returns the largest offset in bytes that may be mapped ({@code s_maxbytes} of the file system). */
    default long maxBytes() {
        return Long.MAX_VALUE;
    }

    /** Returns the driver's mmap operation of a device file, null for files with pages of their own. */
    default @Nullable MapOperation mapOperation() {
        return null;
    }

    /**
     * Decides whether seals allow a mapping: {@code mm/memfd.c:memfd_check_seals_mmap()}.
     *
     * @param vmFlags the {@link VmaFlags} bits that the mapping is to have
     * @return these bits, without {@code VM_MAYWRITE} when writing is sealed, or a negative errno
     */
    default long checkSeals(long vmFlags) {
        return vmFlags;
    }

    /** Takes a reference: {@code get_file()}. */
    void get();

    /** Drops a reference: {@code fput()}. */
    void put();

    /**
     * Notes that an area maps this file: insertion into {@code mapping->i_mmap}.
     *
     * @param vma an area whose {@link Vma#file()} is this file
     */
    void vmaLinked(Vma vma);

    /**
     * Notes that an area is about to change its range or to go away. Linked and unlinked calls alternate for one area.
     *
     * @param vma an area whose {@link Vma#file()} is this file
     */
    void vmaUnlinked(Vma vma);
}
