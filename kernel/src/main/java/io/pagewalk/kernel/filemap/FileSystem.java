package io.pagewalk.kernel.filemap;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.TaskWork;
import io.pagewalk.kernel.vma.Vma;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All files of a machine by path, and what changes their size: the parts of VFS that memory management meets, and {@code mm/truncate.c}.
 *
 * <p>A file exists when it was registered or created; each gets a run of blocks on the first disk.
 */
public final class FileSystem {
    private static final long PAGE_BYTES = 4096;
    private static final long BLOCK_ALIGNMENT = 1L << 20;
    /** Minor number of the file system on {@code /dev}, {@code stat -c %d /dev/null}. */
    private static final int DEVTMPFS_MINOR = 6;

    private final PageCache cache;
    private final Folios folios;
    private final @Nullable BlockDevice disk;
    private final TaskWork taskWork;
    private final Map<String, Inode> inodesByPath = new TreeMap<>();
    private final Map<Long, Inode> liveInodes = new TreeMap<>();
    private Unmapper unmapper = (vma, first, last, evenCows) -> {};
    private WarmFolios warmFolios = path -> new int[0];
    private int readaheadPages = Readahead.DEFAULT_PAGES;
    private int maxFolioOrder = Folios.HUGE_ORDER;
    private long nextInodeId = 1;
    private long nextFileId = 1;
    private long nextDeviceByte;
    private boolean isWarm;
    private FileObjects objects = FileObjects.FREE;

    /**
     * Creates an empty file system.
     *
     * @param cache the page cache
     * @param folios the life cycle of pages
     * @param disk where files lie, or null: reads then take no time
     * @param taskWork takes the release of files until the call that let them go returns
     */
    public FileSystem(PageCache cache, Folios folios, @Nullable BlockDevice disk, TaskWork taskWork) {
        this.cache = cache;
        this.folios = folios;
        this.disk = disk;
        this.taskWork = taskWork;
    }

    /**
     * Wires the removal of page-table entries.
     *
     * @param value called by truncation
     */
    public void setUnmapper(Unmapper value) {
        unmapper = value;
        cache.truncation().split().setUnmapper(value);
    }

    /**
     * Sets how far is read ahead: {@code /sys/block/DISK/queue/read_ahead_kb}.
     *
     * @param kib a multiple of 4; for files opened from now on
     */
    public void setReadAheadKib(int kib) {
        readaheadPages = kib / 4;
    }

    int readaheadPages() {
        return readaheadPages;
    }

    /**
     * Chooses how large the folios of files may be that are registered from now on. At the beginning that is a huge page, as with ext4 ({@code ext4_set_inode_mapping_order()}).
     *
     * @param order 0 for a file system without large folios, at most {@link Folios#HUGE_ORDER} ({@code MAX_PAGECACHE_ORDER})
     */
    public void setMaxFolioOrder(int order) {
        KernelBug.on(order < 0 || order > Folios.HUGE_ORDER, "folios of order " + order);
        maxFolioOrder = order;
    }

    /**
     * Chooses whether files registered from now on are in memory at once, as after an earlier run of the same program.
     *
     * @param value whether they are
     */
    public void setWarm(boolean value) {
        isWarm = value;
    }

    /**
     * Chooses the folios of files that are in memory at once; single pages otherwise.
     *
     * @param value what is asked when a file is registered
     */
    public void setWarmFolios(WarmFolios value) {
        warmFolios = value;
    }

    /**
     * Wires the memory of files' own objects.
     *
     * @param value where they come from; for files made from now on
     */
    public void setObjects(FileObjects value) {
        objects = value;
    }

    /** Returns the page cache. */
    public PageCache cache() {
        return cache;
    }

    /**
     * Makes a file known; a path that is known already keeps its inode and only grows.
     *
     * @param path absolute path
     * @param sizeBytes length, at least 0
     * @param inodeNumber number to show, 0 to choose one
     * @param deviceMajor major device number to show
     * @param deviceMinor minor device number to show
     * @return the inode
     */
    public Inode register(String path, long sizeBytes, long inodeNumber, int deviceMajor, int deviceMinor) {
        Inode known = inodesByPath.get(path);
        if (known != null) {
            known.setSizeBytes(Math.max(known.sizeBytes(), sizeBytes));
            return known;
        }
        if (sizeBytes < 0) {
            throw new BadInput(path, "size " + sizeBytes, "a size of at least 0 bytes");
        }
        long at = nextDeviceByte;
        nextDeviceByte += Bits.roundUp(Math.max(sizeBytes, 1), BLOCK_ALIGNMENT);
        Inode inode = newInode(path, inodeNumber, deviceMajor, deviceMinor, Inode.Kind.REGULAR, disk, at, sizeBytes);
        inodesByPath.put(path, inode);
        if (isWarm) {
            inode.load();
            cache.warm(inode, warmFolios.ordersOf(inode.path()));
        }
        return inode;
    }

    /**
     * Makes a file known with its bytes, which are stored on the disk.
     *
     * @param path absolute path, not yet known
     * @param contents the bytes
     * @return the inode
     */
    public Inode registerWithContents(String path, byte[] contents) {
        boolean warmAfterwards = isWarm;
        isWarm = false;
        Inode inode = register(path, contents.length, 0, 0, 0);
        isWarm = warmAfterwards;
        if (disk != null) {
            for (int at = 0; at < contents.length; at += BlockDevice.BLOCK_BYTES) {
                int length = Math.min(BlockDevice.BLOCK_BYTES, contents.length - at);
                byte[] block = new byte[BlockDevice.BLOCK_BYTES];
                System.arraycopy(contents, at, block, 0, length);
                disk.writeBlock((inode.deviceOffsetBytes() + at) / BlockDevice.BLOCK_BYTES, block);
            }
            inode.markHasContents();
        }
        if (isWarm) {
            inode.load();
            cache.warm(inode, warmFolios.ordersOf(inode.path()));
        }
        return inode;
    }

    /** Whether a new file in memory has a name. */
    public enum Naming {
        /** It is found by its path. */
        LINKED,
        /** It has no name and goes with its last user: {@code clear_nlink()}. */
        UNLINKED
    }

    /**
     * Makes a file whose pages live in memory only: {@code mm/shmem.c:shmem_get_inode()}.
     *
     * @param path its path, not yet known, or the name that maps shows
     * @param number its inode number
     * @param deviceMinor minor number of its mount
     * @param info its limits, commitment and seals
     * @param naming whether the path leads to it
     * @param largestOrder of its folios as its mount says, 0 for single pages; settings of sizes may bring larger ones
     * @return the inode, of length 0
     */
    public Inode makeShmem(
            String path, long number, int deviceMinor, ShmemInodeInfo info, Naming naming, int largestOrder) {
        Inode inode = newInode(path, number, 0, deviceMinor, Inode.Kind.SHMEM, null, 0, 0);
        inode.setShmem(info);
        inode.setMaxFolioOrder(largestOrder);
        switch (naming) {
            case LINKED -> inodesByPath.put(path, inode);
            case UNLINKED -> inode.unlink();
        }
        return inode;
    }

    /**
     * Makes a file of huge pages: {@code fs/hugetlbfs/inode.c:hugetlbfs_get_inode()}.
     *
     * @param path its path, not yet known, or the name that maps shows
     * @param number its inode number, 0 to choose one
     * @param deviceMinor minor number of its mount
     * @param info what it is more than other files
     * @param naming whether the path leads to it
     * @return the inode, of length 0
     */
    public Inode makeHugetlb(String path, long number, int deviceMinor, HugetlbInodeInfo info, Naming naming) {
        Inode inode = newInode(path, number, 0, deviceMinor, Inode.Kind.HUGETLB, null, 0, 0);
        inode.setHugetlb(info);
        switch (naming) {
            case LINKED -> inodesByPath.put(path, inode);
            case UNLINKED -> inode.unlink();
        }
        return inode;
    }

    /**
     * Makes a directory or a stream (device, pipe, socket) known.
     *
     * @param path its name
     * @param kind {@link Inode.Kind#DIRECTORY} or {@link Inode.Kind#STREAM}
     * @return the inode
     */
    public Inode registerSpecial(String path, Inode.Kind kind) {
        Inode known = inodesByPath.get(path);
        if (known != null) {
            return known;
        }
        Inode inode = newInode(path, 0, 0, 0, kind, null, 0, 0);
        inodesByPath.put(path, inode);
        return inode;
    }

    /**
     * Makes a character device file on devtmpfs: {@code cdev_add()} and {@code device_create()}.
     *
     * @param path its name, below {@code /dev/}, not yet known
     * @param major major number of the device
     * @param minor minor number of the device
     * @param driver who handles it
     * @return the inode, or null when the name is taken
     */
    public @Nullable Inode registerDevice(String path, int major, int minor, CharDevice driver) {
        Inode known = inodesByPath.get(path);
        if (known != null && known.kind() == Inode.Kind.STREAM && known.charDevice() == null) {
            // A stand-in for a device that a trace names and nobody drives.
            unlink(path);
        } else if (known != null) {
            return null;
        }
        Inode inode = newInode(path, 0, 0, DEVTMPFS_MINOR, Inode.Kind.STREAM, null, 0, 0);
        inode.setCharDevice(driver, major, minor);
        inodesByPath.put(path, inode);
        return inode;
    }

    /**
     * Takes every entry out of the areas that map a device file, private copies too: {@code unmap_mapping_range()} of the whole file. The areas stay; touching them asks the driver again.
     *
     * @param inode a device file
     */
    public void unmapDevice(Inode inode) {
        unmap(inode, 0, Long.MAX_VALUE, EvenCows.YES);
        cache.removeRange(inode, 0, Long.MAX_VALUE);
    }

    /**
     * Removes a device file: {@code cdev_del()} and {@code device_destroy()}. Files that are open keep their driver's operations.
     *
     * @param inode a registered device file
     */
    public void unregisterDevice(Inode inode) {
        if (inodesByPath.get(inode.path()) == inode) {
            unlink(inode.path());
        }
    }

    /**
     * Finds a file.
     *
     * @param path absolute path
     * @return the inode, or null
     */
    public @Nullable Inode lookup(String path) {
        return inodesByPath.get(path);
    }

    /**
     * Opens an inode: {@code do_dentry_open()}.
     *
     * @param inode which
     * @param flags {@code O_*} bits
     * @return the file with one reference
     */
    public OpenFile open(Inode inode, int flags) {
        inode.opened();
        inode.load();
        return new OpenFile(nextFileId++, inode, flags, this, objects.openFile().take());
    }

    /**
     * Opens something without a path: a pipe, socket or event.
     *
     * @param name as {@code /proc/PID/fd} shows it, such as {@code anon_inode:[eventfd]}
     * @param flags {@code O_*} bits
     * @return the file with one reference
     */
    public OpenFile openAnonymous(String name, int flags) {
        Inode inode = newInode(name, 0, 0, 0, Inode.Kind.STREAM, null, 0, 0);
        inode.unlink();
        return open(inode, flags);
    }

    /**
     * Opens something without a path that has file operations of its own: {@code fs/anon_inodes.c:anon_inode_getfile()}.
     *
     * @param name as {@code /proc/PID/fd} shows it
     * @param flags {@code O_*} bits
     * @param operations what read, write, ioctl and close do
     * @return the file with one reference
     */
    public OpenFile openAnonymous(String name, int flags, CharDevice operations) {
        OpenFile file = openAnonymous(name, flags);
        file.inodeObject().setCharDevice(operations, 0, 0);
        return file;
    }

    /**
     * Removes a name; the inode lives on while it is open: {@code vfs_unlink()}.
     *
     * @param path absolute path
     * @return whether it existed
     */
    public boolean unlink(String path) {
        Inode inode = inodesByPath.remove(path);
        if (inode == null) {
            return false;
        }
        inode.unlink();
        if (!inode.isOpen()) {
            evict(inode);
        }
        return true;
    }

    /**
     * Gives a file another name: {@code vfs_rename()}. What had the new name is unlinked.
     *
     * @param from a known path
     * @param to the new path
     * @return whether {@code from} existed
     */
    public boolean rename(String from, String to) {
        Inode inode = inodesByPath.get(from);
        if (inode == null) {
            return false;
        }
        if (!from.equals(to)) {
            unlink(to);
            inodesByPath.remove(from);
            inodesByPath.put(to, inode);
        }
        return true;
    }

    /**
     * Changes a file's length; pages behind the new end leave every address space and the cache, and the rest of the last page is cleared:
     * {@code mm/truncate.c:truncate_setsize()}, {@code mm/shmem.c:shmem_setattr()}.
     *
     * @param inode a file with pages
     * @param sizeBytes the new length, at least 0
     * @return 0, or for a file in memory {@code -EPERM} when it is sealed and {@code -ENOMEM} when memory was refused
     */
    public long truncate(Inode inode, long sizeBytes) {
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        if (hugetlb != null) {
            return hugetlb.changeSize(sizeBytes);
        }
        long old = inode.sizeBytes();
        ShmemInodeInfo shmem = inode.shmem();
        if (shmem != null) {
            long error = shmem.changeSize(sizeBytes);
            if (error != 0) {
                return error;
            }
        }
        if (shmem == null && sizeBytes > old) {
            cache.clearPart(inode, old, Bits.roundUp(old, PAGE_BYTES));
        }
        inode.setSizeBytes(sizeBytes);
        // Memory behind the end of a file in memory, from fallocate(), goes even when the length stays.
        if (sizeBytes < old || (shmem != null && sizeBytes == old)) {
            unmap(inode, inode.sizePages(), Long.MAX_VALUE, EvenCows.YES);
            cache.truncation().truncate(inode, sizeBytes, Long.MAX_VALUE);
            inode.blocks.punch(inode.sizePages(), Long.MAX_VALUE, inode.sizePages());
            cache.clearPart(inode, sizeBytes, Bits.roundUp(sizeBytes, PAGE_BYTES));
        }
        return 0;
    }

    /**
     * Makes a hole: whole pages leave the file, the parts at its ends are cleared, private copies stay: {@code fallocate(FALLOC_FL_PUNCH_HOLE)}.
     *
     * @param inode a file with pages
     * @param from first byte, at least 0
     * @param end first byte behind, above {@code from}; a file on a disk has no blocks behind the page in which it ends
     * @return 0, or {@code -EPERM} for a sealed file
     */
    public long punchHole(Inode inode, long from, long end) {
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        if (hugetlb != null) {
            return hugetlb.punchHole(from, end);
        }
        ShmemInodeInfo shmem = inode.shmem();
        if (shmem != null) {
            long error = shmem.beginPunch();
            if (error != 0) {
                return error;
            }
        }
        long size = inode.sizeBytes();
        if (shmem == null && from >= size) {
            return 0;
        }
        long to = shmem == null && end >= size ? Bits.roundUp(size, PAGE_BYTES) : end;
        long firstWhole = Bits.roundUp(from, PAGE_BYTES);
        long endWhole = Bits.roundDown(to, PAGE_BYTES);
        // A hole that ends in the first page has its last whole page before the beginning of the file, which as an
        // unsigned number is far behind its end.
        if (firstWhole < endWhole || endWhole == 0) {
            unmap(inode, firstWhole >>> 12, endWhole == 0 ? Long.MAX_VALUE : endWhole >>> 12, EvenCows.NO);
        }
        cache.truncation().truncate(inode, from, to);
        inode.blocks.punch(firstWhole >>> 12, endWhole >>> 12, inode.sizePages());
        cache.clearPart(inode, from, Math.min(firstWhole, to));
        if (endWhole >= firstWhole) {
            cache.clearPart(inode, endWhole, to);
        }
        return 0;
    }

    /** Whether private copies of dropped pages go too. */
    private enum EvenCows {
        YES,
        NO
    }

    private void unmap(Inode inode, long firstIndex, long endIndex, EvenCows evenCows) {
        for (Vma vma : List.copyOf(inode.mappings)) {
            unmapper.unmap(vma, firstIndex, endIndex - 1, evenCows == EvenCows.YES);
        }
    }

    /**
     * Drops all clean, unmapped pages of all files: {@code echo 1 > /proc/sys/vm/drop_caches}.
     *
     * @return how many pages went
     */
    public long dropCaches() {
        long dropped = 0;
        for (Inode inode : liveInodes.values()) {
            dropped += cache.invalidate(inode, 0, Long.MAX_VALUE);
        }
        return dropped;
    }

    /**
     * Puts a whole file into the page cache without taking time.
     *
     * @param path a registered path
     * @return pages added
     */
    public long warm(String path) {
        Inode inode = inodesByPath.get(path);
        if (inode == null) {
            throw new BadInput("warm " + path, "no file of that name", "a registered file");
        }
        if (inode.kind() != Inode.Kind.REGULAR) {
            return 0;
        }
        inode.load();
        return cache.warm(inode, warmFolios.ordersOf(inode.path()));
    }

    /**
     * Finds a file by the number that its pages carry: {@code folio->mapping->host}.
     *
     * @param id {@link Inode#id()}
     * @return the file, or null when it is gone
     */
    public @Nullable Inode find(long id) {
        return liveInodes.get(id);
    }

    /** Returns every file that exists or is still open, in the order of registration. */
    public Collection<Inode> inodes() {
        return new ArrayList<>(liveInodes.values());
    }

    /** The last reference to an open file is gone: {@code fput()}. */
    void release(OpenFile file) {
        taskWork.add(() -> releaseNow(file));
    }

    /** {@code __fput()}. */
    private void releaseNow(OpenFile file) {
        Inode inode = file.inodeObject();
        CharDevice device = inode.charDevice();
        if (device != null) {
            device.release(file);
        }
        abandon(file);
    }

    /** An open file goes without a word to its driver. */
    void abandon(OpenFile file) {
        Inode inode = file.inodeObject();
        objects.openFile().give(file.kernelObject());
        if (inode.closed()) {
            evict(inode);
        }
    }

    private void evict(Inode inode) {
        cache.removeRange(inode, 0, Long.MAX_VALUE);
        ShmemInodeInfo shmem = inode.shmem();
        if (shmem != null) {
            shmem.evicted();
        }
        HugetlbInodeInfo hugetlb = inode.hugetlb();
        if (hugetlb != null) {
            hugetlb.evicted();
        }
        liveInodes.remove(inode.id());
        inode.unload();
    }

    private Inode newInode(
            String path,
            long number,
            int deviceMajor,
            int deviceMinor,
            Inode.Kind kind,
            @Nullable BlockDevice device,
            long deviceOffset,
            long sizeBytes) {
        long id = nextInodeId++;
        Inode inode = new Inode(
                id,
                path,
                number == 0 ? id : number,
                deviceMajor,
                deviceMinor,
                kind,
                device,
                deviceOffset,
                sizeBytes,
                objects);
        if (kind == Inode.Kind.REGULAR) {
            inode.setMaxFolioOrder(maxFolioOrder);
        }
        liveInodes.put(id, inode);
        return inode;
    }

    /**
     * Adds every file with its cached pages.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (Inode inode : liveInodes.values()) {
            digest.add(inode.id());
            digest.add(inode.sizeBytes());
            for (long index = inode.pages.next(0); index >= 0; index = inode.pages.next(index + 1)) {
                digest.add(index);
                digest.add(folios.memmap().flags(inode.pages.get(index)));
            }
        }
    }
}
