package io.pagewalk.kernel.filemap;

import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.kernel.slub.ObjectSource;
import io.pagewalk.kernel.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file's identity, size and cached pages: {@code struct inode} with its {@code struct address_space}.
 *
 * <p>Its bytes lie on a block device from {@link #deviceOffsetBytes()} on, without gaps; a shmem file and a file without a device have no bytes outside memory.
 */
public final class Inode {
    /** What kind of file it is. */
    public enum Kind {
        /** A file on a block device. */
        REGULAR,
        /** A file whose pages live in memory only: tmpfs, memfd, shared anonymous memory. */
        SHMEM,
        /** A file of huge pages: hugetlbfs. */
        HUGETLB,
        /** A directory, which can be opened but neither read as bytes nor mapped. */
        DIRECTORY,
        /** A character device, pipe, socket, event or any other file without pages. */
        STREAM
    }

    private final long id;
    private final String path;
    private long number;
    private final int deviceMajor;
    private final int deviceMinor;
    private final Kind kind;
    private final @Nullable BlockDevice device;
    private final long deviceOffsetBytes;
    private long sizeBytes;
    private int links;
    private int opens;
    private boolean isSharedAnonymous;
    private boolean hasContents;
    private @Nullable CharDevice charDevice;
    private @Nullable ShmemInodeInfo shmem;
    private @Nullable HugetlbInodeInfo hugetlb;
    private int rdevMajor;
    private int rdevMinor;
    private int maxFolioOrder;

    final PageIndex pages;
    final FileBlocks blocks = new FileBlocks();
    private final ObjectSource inodeSource;
    private final ObjectSource dentrySource;
    private long inodeObject;
    private long dentryObject;
    final List<Vma> mappings = new ArrayList<>();

    Inode(
            long id,
            String path,
            long number,
            int deviceMajor,
            int deviceMinor,
            Kind kind,
            @Nullable BlockDevice device,
            long deviceOffsetBytes,
            long sizeBytes,
            FileObjects objects) {
        this.id = id;
        this.path = path;
        this.number = number;
        this.deviceMajor = deviceMajor;
        this.deviceMinor = deviceMinor;
        this.kind = kind;
        this.device = device;
        this.deviceOffsetBytes = deviceOffsetBytes;
        this.sizeBytes = sizeBytes;
        this.links = 1;
        this.pages = new PageIndex(objects.indexNode());
        this.inodeSource = objects.inode(kind);
        this.dentrySource = objects.dentry();
    }

    /** Brings inode and dentry into memory, where they stay after the last close: {@code iget_locked()}, {@code d_alloc()}. */
    void load() {
        if (inodeObject == 0) {
            inodeObject = inodeSource.take();
            dentryObject = dentrySource.take();
        }
    }

    /** Drops inode and dentry: {@code evict()}. */
    void unload() {
        inodeSource.give(inodeObject);
        dentrySource.give(dentryObject);
        inodeObject = 0;
        dentryObject = 0;
    }

    /** Returns whether inode and dentry are in memory. */
    public boolean isLoaded() {
        return inodeObject != 0;
    }

    /** Returns how many nodes the tree of its cached pages has. */
    public long indexNodes() {
        return pages.nodes();
    }

    /** Returns a number that is unique in one machine, starting at 1 in the order of registration. */
    public long id() {
        return id;
    }

    /** Returns the path it was registered with. */
    public String path() {
        return path;
    }

    /** Returns the inode number that {@code /proc/PID/maps} prints. */
    public long number() {
        return number;
    }

    /** Returns the major number of its device. */
    public int deviceMajor() {
        return deviceMajor;
    }

    /** Returns the minor number of its device. */
    public int deviceMinor() {
        return deviceMinor;
    }

    /** Returns what kind of file it is. */
    public Kind kind() {
        return kind;
    }

    /** Returns whether its pages live in memory only. */
    public boolean isShmem() {
        return kind == Kind.SHMEM;
    }

    /** Returns whether its pages stay in memory, locked or not: {@code mapping_unevictable()}. */
    public boolean isUnevictable() {
        ShmemInodeInfo info = shmem();
        return info != null && info.isUnevictable();
    }

    /** Returns limits, commitment and seals of a file in memory, null for all other files ({@code SHMEM_I()}). */
    public @Nullable ShmemInodeInfo shmem() {
        return shmem;
    }

    void setShmem(ShmemInodeInfo info) {
        shmem = info;
    }

    /** Returns what a file of huge pages is more than others, null for all other files ({@code HUGETLBFS_I()}). */
    public @Nullable HugetlbInodeInfo hugetlb() {
        return hugetlb;
    }

    void setHugetlb(HugetlbInodeInfo info) {
        hugetlb = info;
    }

    /**
     * Gives it another number to show: a System V segment shows its identifier.
     *
     * @param value the number
     */
    public void setNumber(long value) {
        number = value;
    }

    /** Returns whether it is the file behind a shared anonymous mapping. */
    public boolean isSharedAnonymous() {
        return isSharedAnonymous;
    }

    /** Returns the device its bytes lie on, or null. */
    public @Nullable BlockDevice device() {
        return device;
    }

    /** Returns where on the device byte 0 lies, in bytes. */
    public long deviceOffsetBytes() {
        return deviceOffsetBytes;
    }

    /** Returns the length in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Returns the length in pages, the last one counted when it is partly used. */
    public long sizePages() {
        return (sizeBytes + 4095) >>> 12;
    }

    /** Returns how many pages are in the page cache ({@code nrpages}). */
    public long cachedPages() {
        return pages.count();
    }

    /** Returns the areas that map it ({@code i_mmap}), in the order they were linked. */
    public List<Vma> mappings() {
        return List.copyOf(mappings);
    }

    /**
     * Returns the frame that caches a page, or -1.
     *
     * @param index page number in the file
     */
    public long cachedPfn(long index) {
        return pages.get(index);
    }

    /**
     * Returns the lowest cached page at or above an index, or -1.
     *
     * @param index page number in the file
     */
    public long nextCached(long index) {
        return pages.next(index);
    }

    /** Returns whether bytes other than zero were stored on the device for it. */
    public boolean hasContents() {
        return hasContents;
    }

    /** Returns the driver behind a character device file, null for all others. */
    public @Nullable CharDevice charDevice() {
        return charDevice;
    }

    /** Returns the major number of the device that this file stands for ({@code i_rdev}). */
    public int rdevMajor() {
        return rdevMajor;
    }

    /** Returns the minor number of the device that this file stands for ({@code i_rdev}). */
    public int rdevMinor() {
        return rdevMinor;
    }

    void setCharDevice(CharDevice driver, int major, int minor) {
        charDevice = driver;
        rdevMajor = major;
        rdevMinor = minor;
    }

    /** Returns the order of the largest folio that its pages may lie in, 0 for single pages only: {@code mapping_max_folio_order()}. */
    public int maxFolioOrder() {
        return maxFolioOrder;
    }

    void setMaxFolioOrder(int order) {
        maxFolioOrder = order;
    }

    void markHasContents() {
        hasContents = true;
    }

    /**
     * Sets the length and nothing else: {@code i_size_write()}. {@link FileSystem#truncate} also drops pages.
     *
     * @param bytes at least 0
     */
    public void setSizeBytes(long bytes) {
        if (bytes > sizeBytes && kind == Kind.REGULAR) {
            blocks.grow(sizePages());
        }
        sizeBytes = bytes;
    }

    /** Makes it the file behind a shared anonymous mapping: {@code /dev/zero (deleted)}. */
    public void markSharedAnonymous() {
        isSharedAnonymous = true;
    }

    /** Returns how many names it has ({@code i_nlink}). */
    public int links() {
        return links;
    }

    void unlink() {
        links--;
    }

    void opened() {
        opens++;
    }

    /** Drops one open; returns whether nothing refers to the inode any more. */
    boolean closed() {
        opens--;
        return opens == 0 && links <= 0;
    }

    boolean isUnlinked() {
        return links <= 0;
    }

    boolean isOpen() {
        return opens > 0;
    }
}
