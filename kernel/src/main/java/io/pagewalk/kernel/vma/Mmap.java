package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code mmap()}: {@code mm/mmap.c:do_mmap()} and {@code mm/vma.c:mmap_region()}. */
public final class Mmap {
    private static final int MAP_HUGE_SHIFT = 26;
    private static final int MAP_HUGE_MASK = 0x3f;

    private Mmap() {}

    /**
     * The system call.
     *
     * @param task who calls
     * @param addr where, or a hint
     * @param length bytes
     * @param prot {@code PROT_*}
     * @param flags {@code MAP_*}
     * @param fd descriptor, ignored with {@code MAP_ANONYMOUS}
     * @param offset byte offset in the file
     * @return the address, or a negative errno
     */
    public static long mmap(MmTask task, long addr, long length, long prot, long flags, int fd, long offset) {
        if (Pages.offset(offset) != 0) {
            return -Errno.EINVAL;
        }
        MappedFile file = null;
        long bytes = length;
        if ((flags & MapFlags.MAP_ANONYMOUS) == 0) {
            file = task.file(fd);
            if (file == null) {
                return -Errno.EBADF;
            }
            if ((flags & MapFlags.MAP_HUGETLB) != 0 && file.hugePageBytes() == 0) {
                return -Errno.EINVAL;
            }
            if (file.hugePageBytes() != 0) {
                bytes = (length + file.hugePageBytes() - 1) & -file.hugePageBytes();
            }
        } else if ((flags & MapFlags.MAP_HUGETLB) != 0) {
            return hugePages(task.mm(), addr, length, prot, flags, offset);
        }
        return map(task.mm(), file, addr, bytes, prot, flags, offset >>> Vma.PAGE_SHIFT);
    }

    /** {@code ksys_mmap_pgoff()} with {@code MAP_HUGETLB} and no file: one is made. */
    private static long hugePages(Mm mm, long addr, long length, long prot, long flags, long offset) {
        HugetlbFileSource source = mm.services().hugetlb();
        int shift = (int) (flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
        long bytes = source.pageBytes(shift);
        if (bytes == 0) {
            return -Errno.EINVAL;
        }
        long size = (length + bytes - 1) & -bytes;
        MappedFile file = source.create(size, shift);
        if (file == null) {
            return -Errno.ENOMEM;
        }
        long result = map(mm, file, addr, size, prot, flags, offset >>> Vma.PAGE_SHIFT);
        file.put();
        return result;
    }

    /**
     * Maps on the kernel's own behalf, as {@code execve()} does: {@code mm/util.c:vm_mmap_pgoff()}.
     *
     * @param mm the address space
     * @param file the file, null for anonymous memory; the area takes a reference of its own
     * @param addr where, or a hint
     * @param length bytes
     * @param prot {@code PROT_*}
     * @param flags {@code MAP_*}
     * @param pgoff page offset in the file
     * @return the address, or a negative errno
     */
    public static long map(
            Mm mm, @Nullable MappedFile file, long addr, long length, long prot, long flags, long pgoff) {
        if (length == 0) {
            return -Errno.EINVAL;
        }
        long mapFlags = flags;
        if ((mapFlags & MapFlags.MAP_FIXED_NOREPLACE) != 0) {
            mapFlags |= MapFlags.MAP_FIXED;
        }
        long hint = (mapFlags & MapFlags.MAP_FIXED) != 0 ? addr : roundHintToMin(mm, addr);
        boolean isHuge = file != null && file.hugePageBytes() != 0;
        long size = Pages.align(length);
        if (size == 0) {
            return -Errno.ENOMEM;
        }
        if (Pages.above(pgoff, pgoff + (size >>> Vma.PAGE_SHIFT))) {
            return -Errno.EOVERFLOW;
        }
        if (mm.mapCount() > mm.services().settings().maxMapCount()) {
            return -Errno.ENOMEM;
        }
        long vmFlags = Protection.flags(prot, ProtectionKeys.ofNew(mm, prot))
                | Protection.mapFlags(mapFlags)
                | mm.defFlags()
                | VmaFlags.VM_MAYREAD
                | VmaFlags.VM_MAYWRITE
                | VmaFlags.VM_MAYEXEC;
        long start = UnmappedArea.get(mm, file, hint, size, pgoff, mapFlags);
        if (Errno.isError(start)) {
            return start;
        }
        if ((mapFlags & MapFlags.MAP_FIXED_NOREPLACE) != 0 && mm.vmas().findIntersection(start, start + size) != null) {
            return -Errno.EEXIST;
        }
        if ((mapFlags & MapFlags.MAP_LOCKED) != 0 && !MmLimits.canDoMlock(mm)) {
            return -Errno.EPERM;
        }
        if (!MmLimits.mlockFutureOk(mm, vmFlags, size)) {
            return -Errno.EAGAIN;
        }
        long typed = file != null
                ? fileFlags(file, prot, mapFlags, vmFlags, pgoff, size)
                : anonymousFlags(mapFlags, vmFlags);
        if (typed < 0) {
            return typed;
        }
        if ((mapFlags & MapFlags.MAP_NORESERVE) != 0
                && (isHuge || mm.services().settings().overcommitMemory() != Overcommit.OVERCOMMIT_NEVER)) {
            typed |= VmaFlags.VM_NORESERVE;
        }
        long offset = pgoff;
        if (file == null) {
            offset = (typed & VmaFlags.VM_SHARED) != 0 ? 0 : start >>> Vma.PAGE_SHIFT;
        }
        long error = region(mm, file, start, start + size, typed, offset);
        if (error != 0) {
            return error;
        }
        long populate = MapFlags.MAP_POPULATE | MapFlags.MAP_NONBLOCK;
        if ((typed & VmaFlags.VM_LOCKED) != 0 || (mapFlags & populate) == MapFlags.MAP_POPULATE) {
            Populate.populate(mm, start, size, Populate.OnError.SKIP_AREA);
        }
        return start;
    }

    private static long roundHintToMin(Mm mm, long addr) {
        long hint = Pages.floor(addr);
        long min = mm.services().settings().mmapMinAddr();
        return hint != 0 && Pages.above(min, hint) ? Pages.align(min) : hint;
    }

    /** Checks a file against what is asked of it; returns the flags or a negative errno. */
    private static long fileFlags(MappedFile file, long prot, long mapFlags, long vmFlags, long pgoff, long size) {
        long room = file.maxBytes() - size;
        if (room < 0 || Pages.above(pgoff, room >>> Vma.PAGE_SHIFT)) {
            return -Errno.EOVERFLOW;
        }
        long flags = vmFlags;
        long type = mapFlags & MapFlags.MAP_TYPE;
        if (type == MapFlags.MAP_SHARED || type == MapFlags.MAP_SHARED_VALIDATE) {
            // MAP_FIXED_NOREPLACE is not among the legacy flags, so MAP_SHARED_VALIDATE refuses it. MAP_SYNC passes
            // here as on ext4, not on shmem (FOP_MMAP_SYNC).
            long known = MapFlags.LEGACY_MAP_MASK | MapFlags.MAP_TYPE | (hasNoSync(file) ? 0 : MapFlags.MAP_SYNC);
            if (type == MapFlags.MAP_SHARED_VALIDATE && (mapFlags & ~known) != 0) {
                return -Errno.EOPNOTSUPP;
            }
            if ((prot & MapFlags.PROT_WRITE) != 0 && !file.isWritable()) {
                return -Errno.EACCES;
            }
            flags |= VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE;
            if (!file.isWritable()) {
                flags &= ~(VmaFlags.VM_MAYWRITE | VmaFlags.VM_SHARED);
            }
        } else if (type != MapFlags.MAP_PRIVATE) {
            return -Errno.EINVAL;
        }
        if (!file.isReadable()) {
            return -Errno.EACCES;
        }
        if (file.isNoExec()) {
            if ((flags & VmaFlags.VM_EXEC) != 0) {
                return -Errno.EPERM;
            }
            flags &= ~VmaFlags.VM_MAYEXEC;
        }
        if (!file.canMmap()) {
            return -Errno.ENODEV;
        }
        if ((flags & VmaFlags.VM_GROWSDOWN) != 0) {
            return -Errno.EINVAL;
        }
        return file.checkSeals(flags);
    }

    /** Whether {@code MAP_SYNC} is unknown to its file system ({@code FOP_MMAP_SYNC}). */
    private static boolean hasNoSync(MappedFile file) {
        return file.isShmem() || file.hugePageBytes() != 0;
    }

    private static long anonymousFlags(long mapFlags, long vmFlags) {
        long type = mapFlags & MapFlags.MAP_TYPE;
        if (type == MapFlags.MAP_PRIVATE) {
            return vmFlags;
        }
        if (type == MapFlags.MAP_SHARED) {
            return (vmFlags & VmaFlags.VM_GROWSDOWN) != 0
                    ? -Errno.EINVAL
                    : vmFlags | VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE;
        }
        if (type == MapFlags.MAP_DROPPABLE) {
            if ((mapFlags & MapFlags.MAP_LOCKED) != 0 || (vmFlags & VmaFlags.VM_GROWSDOWN) != 0) {
                return -Errno.EINVAL;
            }
            return vmFlags
                    | VmaFlags.VM_DROPPABLE
                    | VmaFlags.VM_NORESERVE
                    | VmaFlags.VM_WIPEONFORK
                    | VmaFlags.VM_DONTDUMP;
        }
        return -Errno.EINVAL;
    }

    /** {@code mm/vma.c:__mmap_region()}: replaces what lies in the range by the new mapping. */
    private static long region(Mm mm, @Nullable MappedFile file, long start, long end, long vmFlags, long pgoff) {
        Overcommit overcommit = mm.services().overcommit();
        long pages = (end - start) >>> Vma.PAGE_SHIFT;
        long flags = KsmOps.flagsOfNewArea(mm, vmFlags);
        if (mm.attributes().refusesExec(flags, flags)) {
            return -Errno.EACCES;
        }
        Munmap.Detached detached = new Munmap.Detached();
        long error = Munmap.gather(mm, start, end, detached);
        if (error != 0) {
            return error;
        }
        if (!MmLimits.mayExpandVm(mm, flags, pages - detached.pages())) {
            return -Errno.ENOMEM;
        }
        long charged = 0;
        boolean isHuge = file != null && file.hugePageBytes() != 0;
        if (!isHuge && Protection.isAccountable(flags)) {
            charged = pages - detached.accountedPages();
            if (charged > 0 && overcommit.charge(mm, charged) != 0) {
                return -Errno.ENOMEM;
            }
            detached.keepCommitment();
            flags |= VmaFlags.VM_ACCOUNT;
        }
        Munmap.detach(mm, detached);
        if (file != null && (flags & VmaFlags.VM_SYNC) != 0 && !hasNoSync(file)) {
            // No file system with a disk is a DAX one here, and shmem does not ask; what lay in the range is gone all
            // the same.
            return abandon(mm, detached, flags, pages, -Errno.EOPNOTSUPP);
        }
        Vma vma = VmaMerge.mergeNew(VmaMerge.Range.fresh(mm, start, end, pgoff, flags, file), VmaMerge.Sides.BOTH);
        if (vma == null) {
            MappedFile mapped = file;
            if (mapped != null) {
                mapped.get();
            } else if ((flags & VmaFlags.VM_SHARED) != 0) {
                mapped = mm.services().sharedAnonymous().create(end - start, flags);
                if (mapped == null) {
                    return abandon(mm, detached, flags, pages, -Errno.ENOMEM);
                }
            }
            vma = new Vma(mm, start, end, flags, pgoff, mapped);
            if (!vma.takeObject()) {
                if (mapped != null) {
                    mapped.put();
                }
                return abandon(mm, detached, flags, pages, -Errno.ENOMEM);
            }
            if (mapped != null && mapped.mapOperation() != null) {
                Munmap.close(detached);
                long result = callDriver(vma, mapped);
                if (result != 0) {
                    vma.giveObject();
                    return abandon(mm, detached, flags, pages, result);
                }
                flags = vma.flags();
            }
            VmaMerge.link(vma);
            if (mapped != null) {
                mm.services().khugepaged().enter(vma, flags);
            }
        }
        Munmap.complete(mm, detached);
        mm.account(flags, pages);
        if ((flags & VmaFlags.VM_LOCKED) != 0) {
            if ((flags & VmaFlags.VM_SPECIAL) != 0) {
                vma.setFlags(flags & ~VmaFlags.VM_LOCKED_MASK);
            } else {
                mm.addLockedVm(pages);
            }
        }
        vma.markSoftDirty();
        return 0;
    }

    /** {@code mm/vma.c:__mmap_new_file_vma()}: the driver prepares the area; what it has put in place before it failed is taken out again. */
    private static long callDriver(Vma vma, MappedFile file) {
        MapOperation driver = file.mapOperation();
        vma.setOperations(VmaOperations.NONE);
        long result = driver == null ? -Errno.ENODEV : driver.mmap(vma);
        if (result == 0) {
            return 0;
        }
        Mm mm = vma.mm();
        Vma below = mm.vmas().findLastBelow(vma.start());
        Vma above = mm.vmas().findFirst(vma.end());
        mm.services()
                .pageTables()
                .unmapRegion(mm, List.of(vma), below == null ? 0 : below.end(), above == null ? 0 : above.start());
        if (vma.tracking() != null) {
            vma.tracking().put();
        }
        file.put();
        return result;
    }

    private static long abandon(Mm mm, Munmap.Detached detached, long flags, long pages, long error) {
        Munmap.complete(mm, detached);
        if ((flags & VmaFlags.VM_ACCOUNT) != 0) {
            mm.services().overcommit().uncharge(pages);
        }
        return error;
    }
}
