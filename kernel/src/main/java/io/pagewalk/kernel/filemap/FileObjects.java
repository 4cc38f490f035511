package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.slub.ObjectSource;

/**
 * Where the kernel objects behind files come from.
 *
 * @param openFile {@code struct file}
 * @param dentry {@code struct dentry}
 * @param regularInode inode of a file on a disk, and of directories
 * @param shmemInode inode of a file in memory
 * @param otherInode inode of devices, pipes and everything else
 * @param indexNode node of the tree that finds cached pages
 */
public record FileObjects(
        ObjectSource openFile,
        ObjectSource dentry,
        ObjectSource regularInode,
        ObjectSource shmemInode,
        ObjectSource otherInode,
        ObjectSource indexNode) {
    /** Objects that cost nothing. */
    public static final FileObjects FREE = new FileObjects(
            ObjectSource.FREE,
            ObjectSource.FREE,
            ObjectSource.FREE,
            ObjectSource.FREE,
            ObjectSource.FREE,
            ObjectSource.FREE);

    ObjectSource inode(Inode.Kind kind) {
        return switch (kind) {
            case REGULAR, DIRECTORY -> regularInode;
            case SHMEM -> shmemInode;
            case STREAM, HUGETLB -> otherInode;
        };
    }
}
