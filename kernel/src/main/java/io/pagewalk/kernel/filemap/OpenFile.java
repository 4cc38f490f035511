package io.pagewalk.kernel.filemap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.numa.SharedPolicy;
import io.pagewalk.kernel.vma.MapOperation;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Vma;
import org.jspecify.annotations.Nullable;

/** An open file: {@code struct file}, with its position and its readahead state. Descriptors and mappings hold references to it. */
public final class OpenFile implements MappedFile {
    /** Access mode bits of {@code open()}. */
    public static final int O_ACCMODE = 3;

    /** Open for writing only. */
    public static final int O_WRONLY = 1;

    /** Open for reading and writing. */
    public static final int O_RDWR = 2;

    /** Create when missing. */
    public static final int O_CREAT = 0x40;

    /** With O_CREAT: fail when it exists. */
    public static final int O_EXCL = 0x80;

    /** Cut to length 0. */
    public static final int O_TRUNC = 0x200;

    /** Each write goes to the end. */
    public static final int O_APPEND = 0x400;

    /** Return at once rather than sleep. */
    public static final int O_NONBLOCK = 0x800;

    /** Fail unless it is a directory. */
    public static final int O_DIRECTORY = 0x10000;

    /** Close at exec. */
    public static final int O_CLOEXEC = 0x80000;

    /** The descriptor names a file and opens nothing. */
    public static final int O_PATH = 0x200000;

    private final long id;
    private final Inode inode;
    private final int flags;
    private final FileSystem files;
    private final long kernelObject;
    private int references = 1;
    private long positionBytes;
    private @Nullable MapOperation ownMapOperation;

    final Readahead readahead = new Readahead();

    OpenFile(long id, Inode inode, int flags, FileSystem files, long kernelObject) {
        this.id = id;
        this.inode = inode;
        this.flags = flags;
        this.files = files;
        this.kernelObject = kernelObject;
        readahead.raPages = inode.kind() == Inode.Kind.REGULAR ? files.readaheadPages() : 0;
    }

    @Override
    public long id() {
        return id;
    }

    /** Returns the address of its {@code struct file}. */
    long kernelObject() {
        return kernelObject;
    }

    /** Returns the file's inode. */
    public Inode inodeObject() {
        return inode;
    }

    /** Returns the flags it was opened with. */
    public int flags() {
        return flags;
    }

    /** Returns the position that the next read() or write() starts at, in bytes. */
    public long positionBytes() {
        return positionBytes;
    }

    /**
     * Sets the position.
     *
     * @param bytes at least 0
     */
    public void setPositionBytes(long bytes) {
        positionBytes = bytes;
    }

    /**
     * Notes pages that fault-around found cached, which speaks for reading around misses ({@code mmap_miss} goes down).
     *
     * @param pages how many
     */
    public void countMmapHits(int pages) {
        readahead.mmapMiss = Math.max(0, readahead.mmapMiss - pages);
    }

    /**
     * Says how it will be read: {@code POSIX_FADV_NORMAL}, {@code POSIX_FADV_RANDOM} and {@code POSIX_FADV_SEQUENTIAL}. In sequence the windows are twice as large; at random
     * nothing is read ahead.
     *
     * @param isRandom whether at random
     * @param isSequential whether in sequence; with neither as usual
     */
    public void adviseReading(boolean isRandom, boolean isSequential) {
        readahead.isRandom = isRandom;
        if (!isRandom && readahead.raPages != 0) {
            readahead.raPages = isSequential ? 2 * files.readaheadPages() : files.readaheadPages();
        }
    }

    /** Returns how many descriptors and mappings refer to it. */
    public int references() {
        return references;
    }

    @Override
    public String path() {
        boolean isMarked =
                !inode.isShmem() && inode.hugetlb() == null && inode.path().endsWith(" (deleted)");
        return inode.isUnlinked() && !isMarked ? inode.path() + " (deleted)" : inode.path();
    }

    @Override
    public long inode() {
        return inode.number();
    }

    @Override
    public int deviceMajor() {
        return inode.deviceMajor();
    }

    @Override
    public int deviceMinor() {
        return inode.deviceMinor();
    }

    @Override
    public long sizeBytes() {
        return inode.sizeBytes();
    }

    @Override
    public boolean isReadable() {
        return (flags & O_ACCMODE) != O_WRONLY && !isPathOnly();
    }

    /** Returns whether it was opened with {@code O_PATH}: calls on contents and mmap take it for no descriptor ({@code FMODE_PATH}). */
    public boolean isPathOnly() {
        return (flags & O_PATH) != 0;
    }

    @Override
    public boolean isWritable() {
        return (flags & O_ACCMODE) != 0 && !isPathOnly();
    }

    @Override
    public boolean canMmap() {
        CharDevice device = inode.charDevice();
        return device != null
                ? device.canMmap()
                : inode.kind() == Inode.Kind.REGULAR || inode.isShmem() || inode.hugetlb() != null;
    }

    @Override
    public @Nullable MapOperation mapOperation() {
        CharDevice device = inode.charDevice();
        if (device != null) {
            return vma -> device.mmap(this, vma);
        }
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        return ownMapOperation == null && hugetlb != null ? hugetlb::mmap : ownMapOperation;
    }

    /**
     * Gives this open file an mmap operation of its own, as {@code shmat()} does with the file it makes for each attachment.
     *
     * @param operation what mmap calls
     */
    public void setMapOperation(MapOperation operation) {
        ownMapOperation = operation;
    }

    @Override
    public long checkSeals(long vmFlags) {
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        if (hugetlb != null) {
            return hugetlb.checkSeals(vmFlags);
        }
        ShmemInodeInfo shmem = inode.shmem();
        return shmem == null ? vmFlags : shmem.checkSeals(vmFlags);
    }

    @Override
    public long hugePageBytes() {
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        return hugetlb == null ? 0 : hugetlb.pageBytes();
    }

    @Override
    public boolean isShmem() {
        return inode.isShmem();
    }

    @Override
    public @Nullable SharedPolicy sharedPolicy() {
        ShmemInodeInfo shmem = inode.shmem();
        return shmem == null ? null : shmem.policies();
    }

    @Override
    public int alignmentOrder() {
        ShmemInodeInfo shmem = inode.shmem();
        return shmem == null ? 0 : shmem.alignmentOrder();
    }

    @Override
    public boolean isSharedAnonymous() {
        return inode.isSharedAnonymous();
    }

    @Override
    public void get() {
        KernelBug.on(references <= 0, "reference to a file that was released");
        references++;
    }

    @Override
    public void put() {
        KernelBug.on(references <= 0, "file released twice");
        if (--references == 0) {
            files.release(this);
        }
    }

    /** Lets go of a file that its driver did not want to open: the driver hears nothing more of it. */
    public void abandon() {
        KernelBug.on(references != 1, "a file in use is abandoned");
        references = 0;
        files.abandon(this);
    }

    @Override
    public void vmaLinked(Vma vma) {
        inode.mappings.add(vma);
    }

    @Override
    public void vmaUnlinked(Vma vma) {
        inode.mappings.remove(vma);
    }
}
