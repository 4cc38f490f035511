package io.pagewalk.kernel.ipc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.MapFlags;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Mmap;
import io.pagewalk.kernel.vma.Munmap;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** All segments of a machine: {@code shmget()}, {@code shmat()} and {@code shmdt()} of {@code ipc/shm.c}. {@link ShmControl} has {@code shmctl()}. */
public final class SysvShm {
    /** Who runs: what segments note about processes. */
    public interface Caller {
        /** Returns the running process, 0 when none runs. */
        int tgid();

        /** Returns the running thread, 0 when none runs. */
        int tid();

        /** Returns the effective user number of the running process, 0 when none runs. */
        int user();

        /**
         * Returns whether the running process has a capability; the kernel itself has each.
         *
         * @param capability its number
         */
        boolean has(int capability);
    }

    /** Makes files of huge pages. */
    public interface HugeFiles {
        /**
         * Returns the size of huge pages.
         *
         * @param shift its base-2 logarithm, 0 for the default
         * @return bytes, or 0 when the machine has no such pages
         */
        long pageBytes(int shift);

        /** Returns whether the running process may have segments of huge pages: {@code fs/hugetlbfs/inode.c:can_do_hugetlb_shm()}. */
        boolean isAllowed();

        /**
         * Makes a file: {@code hugetlb_file_setup()}.
         *
         * @param name what maps shows
         * @param sizeBytes its length, a multiple of the page size
         * @param vmFlags with {@code VM_NORESERVE} no pages are promised
         * @param shift size of its pages
         * @return the file, or null ({@code -ENOMEM})
         */
        @Nullable
        OpenFile create(String name, long sizeBytes, long vmFlags, int shift);
    }

    /** The key that finds nothing: each use makes a new segment. */
    public static final int IPC_PRIVATE = 0;

    /** Attach read-only. */
    public static final int SHM_RDONLY = 010000;

    /** Round the address down to a page. */
    public static final int SHM_RND = 020000;

    /** Replace what is mapped there. */
    public static final int SHM_REMAP = 040000;

    /** Attach executable. */
    public static final int SHM_EXEC = 0100000;

    private static final int IPC_CREAT = 01000;
    private static final int IPC_EXCL = 02000;
    private static final int SHM_HUGETLB = 04000;
    private static final int SHM_NORESERVE = 010000;
    private static final int HUGE_SHIFT = 26;
    private static final int HUGE_MASK = 0x3f;
    private static final long PAGE_BYTES = 4096;

    private final Shmem shmem;
    private final FileSystem files;
    private final HugeFiles hugeFiles;
    private final Caller caller;
    private final LongSupplier seconds;
    private final ShmLimits limits = new ShmLimits();
    private final IpcIds<ShmSegment> ids = new IpcIds<>();
    private final TreeMap<Integer, ShmSegment> byKey = new TreeMap<>();
    private long totalPages;

    /**
     * Creates a machine's segments: none.
     *
     * @param shmem makes the files
     * @param files the machine's files
     * @param hugeFiles makes files of huge pages
     * @param caller who runs
     * @param seconds the time
     */
    public SysvShm(Shmem shmem, FileSystem files, HugeFiles hugeFiles, Caller caller, LongSupplier seconds) {
        this.shmem = shmem;
        this.files = files;
        this.hugeFiles = hugeFiles;
        this.caller = caller;
        this.seconds = seconds;
    }

    /** Returns the limits, which an administrator may change. */
    public ShmLimits limits() {
        return limits;
    }

    /** Returns all segments in the order in which {@code /proc/sysvipc/shm} lists them. */
    public List<ShmSegment> segments() {
        return new ArrayList<>(ids.all());
    }

    /** Returns the pages of all segments together, whether they are there or not. */
    public long totalPages() {
        return totalPages;
    }

    /** Returns the highest index in use, 0 when there is none. */
    int maxIndex() {
        return ids.maxIndex();
    }

    long seconds() {
        return seconds.getAsLong();
    }

    int currentPid() {
        return caller.tgid();
    }

    Caller caller() {
        return caller;
    }

    /**
     * Finds or makes a segment: {@code shmget()}.
     *
     * @param key its key, or {@link #IPC_PRIVATE}
     * @param sizeBytes its length; for one that exists 0 or a shorter one will do
     * @param flags {@code IPC_*}, {@code SHM_*} and permission bits
     * @return its identifier, {@code -ENOENT}, {@code -EEXIST}, {@code -EINVAL} for a bad length, {@code -EACCES} without these permissions, {@code -ENOSPC} at a
     *     limit, {@code -ENOMEM}
     */
    public long get(int key, long sizeBytes, int flags) {
        ShmSegment known = key == IPC_PRIVATE ? null : byKey.get(key);
        if (known == null) {
            return key == IPC_PRIVATE || (flags & IPC_CREAT) != 0 ? make(key, sizeBytes, flags) : -Errno.ENOENT;
        }
        if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
            return -Errno.EEXIST;
        }
        if (Long.compareUnsigned(sizeBytes, known.sizeBytes()) > 0) {
            return -Errno.EINVAL;
        }
        return ShmPermissions.mayUse(known, caller, flags) ? known.id() : -Errno.EACCES;
    }

    /** {@code newseg()}. */
    private long make(int key, long sizeBytes, int flags) {
        if (sizeBytes == 0 || Long.compareUnsigned(sizeBytes, limits.maxBytes()) > 0) {
            return -Errno.EINVAL;
        }
        long pages = (sizeBytes + PAGE_BYTES - 1) >>> 12;
        boolean isTooMuch = Bits.isBelow(pages << 12, sizeBytes)
                || Long.compareUnsigned(totalPages + pages, limits.totalPages()) > 0;
        if (isTooMuch) {
            return -Errno.ENOSPC;
        }
        String name = String.format(Locale.ROOT, "/SYSV%08x", key);
        long vmFlags = (flags & SHM_NORESERVE) != 0 ? VmaFlags.VM_NORESERVE : 0;
        OpenFile file;
        if ((flags & SHM_HUGETLB) != 0) {
            int shift = (flags >>> HUGE_SHIFT) & HUGE_MASK;
            long bytes = hugeFiles.pageBytes(shift);
            if (bytes == 0) {
                return -Errno.EINVAL;
            }
            if (!hugeFiles.isAllowed()) {
                return -Errno.EPERM;
            }
            file = hugeFiles.create(name, (sizeBytes + bytes - 1) & -bytes, vmFlags, shift);
        } else if (sizeBytes < 0) {
            return -Errno.EINVAL;
        } else {
            file = shmem.kernelFile(name, sizeBytes, vmFlags);
        }
        if (file == null) {
            return -Errno.ENOMEM;
        }
        if (ids.count() >= limits.segments()) {
            file.put();
            return -Errno.ENOSPC;
        }
        ShmSegment segment = new ShmSegment(this, file, key, sizeBytes, flags, caller);
        segment.setId(ids.add(segment));
        totalPages += pages;
        if (key != IPC_PRIVATE) {
            byKey.put(key, segment);
        }
        return segment.id();
    }

    /**
     * Finds a segment: {@code shm_obtain_object_check()}.
     *
     * @param id its whole identifier
     * @return the segment, or null ({@code -EINVAL})
     */
    public @Nullable ShmSegment find(int id) {
        ShmSegment segment = ids.atIndexOf(id);
        return segment != null && segment.id() == id ? segment : null;
    }

    /** Finds a segment by the low bits of an identifier: {@code shm_obtain_object()}. */
    @Nullable
    ShmSegment findByIndex(int id) {
        return ids.atIndexOf(id);
    }

    /**
     * Attaches a segment: {@code do_shmat()}.
     *
     * @param mm the caller's address space
     * @param id its identifier
     * @param where the address, 0 to have one chosen
     * @param flags {@code SHM_*}
     * @return the address, {@code -EINVAL} for a bad identifier, address or flag, {@code -EACCES} without the permissions, or what {@code mmap()} refuses with
     */
    public long attach(Mm mm, int id, long where, int flags) {
        if (id < 0) {
            return -Errno.EINVAL;
        }
        long addr = where;
        long mapFlags = MapFlags.MAP_SHARED;
        if (addr != 0) {
            if ((addr & (PAGE_BYTES - 1)) != 0) {
                if ((flags & SHM_RND) == 0) {
                    return -Errno.EINVAL;
                }
                addr &= -PAGE_BYTES;
                if (addr == 0 && (flags & SHM_REMAP) != 0) {
                    return -Errno.EINVAL;
                }
            }
            mapFlags |= MapFlags.MAP_FIXED;
        } else if ((flags & SHM_REMAP) != 0) {
            return -Errno.EINVAL;
        }
        ShmSegment segment = find(id);
        if (segment == null) {
            return -Errno.EINVAL;
        }
        int wanted = ShmPermissions.READ
                | ((flags & SHM_RDONLY) != 0 ? 0 : ShmPermissions.WRITE)
                | ((flags & SHM_EXEC) != 0 ? ShmPermissions.EXECUTE : 0);
        return ShmPermissions.mayUse(segment, caller, wanted)
                ? attach(mm, segment, addr, flags, mapFlags)
                : -Errno.EACCES;
    }

    private long attach(Mm mm, ShmSegment segment, long addr, int flags, long mapFlags) {
        boolean isReadOnly = (flags & SHM_RDONLY) != 0;
        long prot = MapFlags.PROT_READ
                | (isReadOnly ? 0 : MapFlags.PROT_WRITE)
                | ((flags & SHM_EXEC) != 0 ? MapFlags.PROT_EXEC : 0);
        long size = segment.file().sizeBytes();
        segment.hold();
        OpenFile file = files.open(segment.file().inodeObject(), isReadOnly ? 0 : OpenFile.O_RDWR);
        file.setMapOperation(segment::mmap);
        long result;
        boolean isTaken = addr != 0
                && (flags & SHM_REMAP) == 0
                && (Bits.isBelow(addr + size, addr) || mm.vmas().findIntersection(addr, addr + size) != null);
        if (isTaken) {
            result = -Errno.EINVAL;
        } else {
            result = Mmap.map(mm, file, addr, size, prot, mapFlags, 0);
        }
        file.put();
        segment.release();
        return result;
    }

    /**
     * Detaches what one {@code shmat()} attached, or what is left of it: {@code ksys_shmdt()}.
     *
     * @param mm the caller's address space
     * @param addr where it was attached
     * @return 0, or {@code -EINVAL} when nothing is attached there
     */
    public long detach(Mm mm, long addr) {
        if ((addr & (PAGE_BYTES - 1)) != 0 || addr < 0) {
            return -Errno.EINVAL;
        }
        Vma vma = mm.vmas().findFirst(addr);
        while (vma != null && !isPieceAt(vma, addr)) {
            vma = mm.vmas().next(vma);
        }
        MappedFile file = vma == null ? null : vma.file();
        if (vma == null || file == null) {
            return -Errno.EINVAL;
        }
        long size = Bits.roundUp(file.sizeBytes(), PAGE_BYTES);
        // The first piece goes even when mremap made it longer than the segment.
        Vma first = vma;
        vma = mm.vmas().next(first);
        Munmap.munmap(mm, first.start(), first.sizeBytes());
        while (vma != null && file != null && vma.end() - addr <= size) {
            Vma next = mm.vmas().next(vma);
            if (isPieceAt(vma, addr) && vma.file() == file) {
                Munmap.munmap(mm, vma.start(), vma.sizeBytes());
            }
            vma = next;
        }
        return 0;
    }

    /** Whether an area is a piece of an attachment that began at an address. */
    private static boolean isPieceAt(Vma vma, long addr) {
        return vma.operations() instanceof ShmSegment && (vma.start() - addr) >>> 12 == vma.pgoff();
    }

    /** Keeps a segment's pages in memory, or lets them go again: {@code shmctl_do_lock()}. Pages that are there already stay on their lists when it is locked. */
    void setLocked(ShmSegment segment, boolean isLocked) {
        if (segment.file().hugePageBytes() != 0) {
            return;
        }
        segment.setLocked(isLocked);
        if (!isLocked) {
            files.cache().shmem().makeEvictable(segment.file().inodeObject());
        }
    }

    /** Removes a segment, or marks it when it is attached: {@code do_shm_rmid()}. */
    void remove(ShmSegment segment) {
        if (segment.attachments() == 0) {
            destroy(segment);
            return;
        }
        forgetKey(segment);
        segment.makePrivate();
    }

    /** {@code shm_may_destroy()} and {@code shm_destroy()}. */
    void destroyIfUnused(ShmSegment segment) {
        boolean isWanted = !limits.isRemovalForced() && (segment.mode() & ShmSegment.SHM_DEST) == 0;
        if (segment.attachments() == 0 && !isWanted) {
            destroy(segment);
        }
    }

    private void destroy(ShmSegment segment) {
        forgetKey(segment);
        ids.remove(segment.id());
        segment.setDestroyed();
        totalPages -= segment.pages();
        segment.file().put();
    }

    private void forgetKey(ShmSegment segment) {
        if (segment.key() != IPC_PRIVATE) {
            byKey.remove(segment.key());
        }
    }

    /**
     * Notes that a thread has ended; with {@code kernel.shm_rmid_forced} its segments go that nobody has attached: {@code exit_shm()}.
     *
     * @param tid the thread
     */
    public void exit(int tid) {
        if (ids.count() == 0) {
            return;
        }
        for (ShmSegment segment : segments()) {
            if (segment.creatorTid() == tid) {
                segment.forgetCreator();
                if (limits.isRemovalForced()) {
                    destroyIfUnused(segment);
                }
            }
        }
    }

    /**
     * Sets {@code kernel.shm_rmid_forced}; segments whose makers have gone and that nobody has attached go at once: {@code shm_destroy_orphaned()}.
     *
     * @param isForced the new value
     */
    public void setRemovalForced(boolean isForced) {
        limits.setRemovalForced(isForced);
        if (isForced) {
            for (ShmSegment segment : segments()) {
                if (segment.creatorTid() == 0) {
                    destroyIfUnused(segment);
                }
            }
        }
    }

    /**
     * Checks sums and attachments.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long pages = 0;
        for (ShmSegment segment : ids.all()) {
            pages += segment.pages();
            String where = "segment " + segment.id();
            long areas = segment.file().inodeObject().mappings().size();
            out.expectEqual(where, "nattch == areas", segment.attachments(), areas);
        }
        out.expectEqual("System V shared memory", "shm_tot == pages of segments", totalPages, pages);
    }

    /**
     * Adds every segment.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (ShmSegment segment : ids.all()) {
            digest.add(segment.id());
            digest.add(segment.key());
            digest.add(segment.mode());
            digest.add(segment.attachments());
            digest.add(segment.lastPid());
        }
    }
}
