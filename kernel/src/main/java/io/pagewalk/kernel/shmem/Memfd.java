package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** {@code memfd_create()} and its seals: {@code mm/memfd.c}. */
public final class Memfd {
    /** The descriptor is closed at exec. */
    public static final int MFD_CLOEXEC = 1;

    /** Seals may be added. */
    public static final int MFD_ALLOW_SEALING = 2;

    /** Its pages come from the pool of huge pages. */
    public static final int MFD_HUGETLB = 4;

    /** It may not be executed, and that is sealed. */
    public static final int MFD_NOEXEC_SEAL = 8;

    /** It may be executed. */
    public static final int MFD_EXEC = 0x10;

    /** Longest name that is allowed: {@code NAME_MAX} less the {@code memfd:} in front. */
    public static final int MAX_NAME_BYTES = 249;

    private static final int ALL_FLAGS = 0x1f;
    private static final int EXECUTE_BITS = 0111;
    private static final int HUGE_SHIFT = 26;
    private static final int HUGE_MASK = 0x3f;
    private static final int IMPLIED_BY_EXEC =
            Seals.F_SEAL_SHRINK | Seals.F_SEAL_GROW | Seals.F_SEAL_WRITE | Seals.F_SEAL_FUTURE_WRITE;

    private Memfd() {}

    /**
     * Checks the flags of {@code memfd_create()}: {@code sanitize_flags()}.
     *
     * @param flags as given
     * @return 0, {@code -EINVAL} for flags that do not exist or exclude each other
     */
    public static long checkFlags(int flags) {
        int known = ALL_FLAGS | ((flags & MFD_HUGETLB) != 0 ? HUGE_MASK << HUGE_SHIFT : 0);
        boolean isBad = (flags & ~known) != 0 || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL);
        return isBad ? -Errno.EINVAL : 0;
    }

    /**
     * Says whether the file may be executed where the flags do not: {@code check_sysctl_memfd_noexec()}.
     *
     * @param flags flags that {@link #checkFlags} found right
     * @param scope {@code vm.memfd_noexec}: 0 and the file may be executed, 1 and it may not, 2 and none may
     * @return the complete flags, or {@code -EACCES}
     */
    public static long completeFlags(int flags, long scope) {
        int complete = flags;
        if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == 0) {
            complete |= scope == 0 ? MFD_EXEC : MFD_NOEXEC_SEAL;
        }
        return scope == 2 && (complete & MFD_NOEXEC_SEAL) == 0 ? -Errno.EACCES : Integer.toUnsignedLong(complete);
    }

    /**
     * Returns the size of huge pages that flags ask for.
     *
     * @param flags flags that {@link #checkFlags} found right
     * @return its base-2 logarithm, 0 for the default
     */
    public static int hugePageShift(int flags) {
        return (flags >>> HUGE_SHIFT) & HUGE_MASK;
    }

    /**
     * Makes the file: {@code memfd_alloc_file()}.
     *
     * @param shmem the machine's files in memory
     * @param name the caller's name, at most {@link #MAX_NAME_BYTES} bytes
     * @param flags flags that {@link #checkFlags} found right
     * @return the open file with one reference, or null when memory ran out
     */
    public static @Nullable OpenFile create(Shmem shmem, String name, int flags) {
        OpenFile file = shmem.kernelFile("/memfd:" + name, 0, VmaFlags.VM_NORESERVE);
        if (file == null) {
            return null;
        }
        ShmemInode info = Shmem.infoOf(file.inodeObject());
        if ((flags & MFD_NOEXEC_SEAL) != 0) {
            info.forbidExecution();
            info.setSeals((info.seals() & ~Seals.F_SEAL_SEAL) | Seals.F_SEAL_EXEC);
        } else if ((flags & MFD_ALLOW_SEALING) != 0) {
            info.setSeals(info.seals() & ~Seals.F_SEAL_SEAL);
        }
        return file;
    }

    /**
     * Adds seals: {@code memfd_add_seals()}.
     *
     * @param file an open file
     * @param seals bits of {@link Seals}
     * @param memmap the page structures, to see whether somebody holds a page
     * @return 0, {@code -EPERM} when the file is not open for writing or takes no more seals, {@code -EINVAL} for unknown bits or a file that
     *     has no seals, {@code -EBUSY} when writing is to be sealed while an area may still write or a page is held
     */
    public static long addSeals(OpenFile file, int seals, MemMap memmap) {
        Inode inode = file.inodeObject();
        if (!inode.isShmem()) {
            return file.isWritable() ? -Errno.EINVAL : -Errno.EPERM;
        }
        ShmemInode info = Shmem.infoOf(inode);
        return addSeals(file, seals, info.seals(), info.mode(), hasHeldPages(inode, memmap), info::setSeals);
    }

    /**
     * Adds seals to any file that takes them.
     *
     * @param file an open file
     * @param seals bits of {@link Seals}
     * @param before the seals that it has
     * @param mode its permission bits
     * @param isHeld whether somebody holds a page of it
     * @param result receives the new seals
     * @return as {@link #addSeals(OpenFile, int, MemMap)}
     */
    public static long addSeals(OpenFile file, int seals, int before, int mode, boolean isHeld, IntConsumer result) {
        if (!file.isWritable()) {
            return -Errno.EPERM;
        }
        if ((seals & ~Seals.ALL) != 0) {
            return -Errno.EINVAL;
        }
        if ((before & Seals.F_SEAL_SEAL) != 0) {
            return -Errno.EPERM;
        }
        boolean isExecutable = (mode & EXECUTE_BITS) != 0;
        int added = (seals & Seals.F_SEAL_EXEC) != 0 && isExecutable ? seals | IMPLIED_BY_EXEC : seals;
        boolean isNew = (added & Seals.F_SEAL_WRITE) != 0 && (before & Seals.F_SEAL_WRITE) == 0;
        if (isNew && (isMappedWritable(file.inodeObject()) || isHeld)) {
            return -Errno.EBUSY;
        }
        result.accept(before | added);
        return 0;
    }

    /** {@code mapping_writably_mapped()}: some area may write to it, now or after mprotect(). */
    private static boolean isMappedWritable(Inode inode) {
        long sharedMayWrite = VmaFlags.VM_SHARED | VmaFlags.VM_MAYWRITE;
        for (Vma vma : inode.mappings()) {
            if ((vma.flags() & sharedMayWrite) == sharedMayWrite) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the seals: {@code memfd_get_seals()}.
     *
     * @param file an open file
     * @return bits of {@link Seals}, or {@code -EINVAL} for a file that has none
     */
    public static long getSeals(OpenFile file) {
        Inode inode = file.inodeObject();
        return inode.isShmem() ? Shmem.infoOf(inode).seals() : -Errno.EINVAL;
    }

    /** {@code memfd_wait_for_pins()}, whose waiting ends nothing here. */
    private static boolean hasHeldPages(Inode inode, MemMap memmap) {
        LargeFolios large = new LargeFolios(memmap);
        for (long index = inode.nextCached(0); index >= 0; index = inode.nextCached(index + 1)) {
            long pfn = inode.cachedPfn(index);
            if (memmap.refcount(pfn) != large.mapcount(pfn) + large.pages(pfn)) {
                return true;
            }
        }
        return false;
    }
}
