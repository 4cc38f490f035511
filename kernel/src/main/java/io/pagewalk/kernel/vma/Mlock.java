package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code mlock()}, {@code mlock2()}, {@code munlock()}, {@code mlockall()} and {@code munlockall()}: {@code mm/mlock.c}. */
public final class Mlock {
    /** {@code mlock2()}: lock pages when they are touched. */
    public static final int MLOCK_ONFAULT = 1;

    /** {@code mlockall()}: what is mapped now. */
    public static final int MCL_CURRENT = 1;

    /** {@code mlockall()}: what will be mapped. */
    public static final int MCL_FUTURE = 2;

    /** {@code mlockall()}: lock pages when they are touched. */
    public static final int MCL_ONFAULT = 4;

    private Mlock() {}

    /**
     * Locks a range and faults it in.
     *
     * @param mm the address space
     * @param start first address, rounded down to a page
     * @param length bytes
     * @param flags 0 or {@link #MLOCK_ONFAULT}
     * @return 0, {@code -EINVAL}, {@code -EPERM} without right, {@code -ENOMEM} for a hole or above {@code RLIMIT_MEMLOCK}, {@code -EAGAIN} when
     *     pages could not be had
     */
    public static long mlock2(Mm mm, long start, long length, int flags) {
        if ((flags & ~MLOCK_ONFAULT) != 0) {
            return -Errno.EINVAL;
        }
        if (!MmLimits.canDoMlock(mm)) {
            return -Errno.EPERM;
        }
        long size = Pages.align(length + Pages.offset(start));
        long from = Pages.floor(start);
        long limit = mm.limits().soft(ResourceLimits.RLIMIT_MEMLOCK) >>> Vma.PAGE_SHIFT;
        long locked = (size >>> Vma.PAGE_SHIFT) + mm.lockedVm();
        if (Pages.above(locked, limit) && !mm.isPrivileged()) {
            locked -= lockedPages(mm, from, size);
            if (Pages.above(locked, limit)) {
                return -Errno.ENOMEM;
            }
        }
        long vmFlags = VmaFlags.VM_LOCKED | ((flags & MLOCK_ONFAULT) != 0 ? VmaFlags.VM_LOCKONFAULT : 0);
        long error = apply(mm, from, size, vmFlags);
        if (error != 0) {
            return error;
        }
        error = Populate.populate(mm, from, size, Populate.OnError.STOP);
        if (error == -Errno.EFAULT || error == -Errno.EHWPOISON) {
            return -Errno.ENOMEM;
        }
        return error == -Errno.ENOMEM ? -Errno.EAGAIN : error;
    }

    /**
     * Unlocks a range.
     *
     * @param mm the address space
     * @param start first address, rounded down to a page
     * @param length bytes
     * @return 0, {@code -EINVAL}, {@code -ENOMEM} for a hole
     */
    public static long munlock(Mm mm, long start, long length) {
        return apply(mm, Pages.floor(start), Pages.align(length + Pages.offset(start)), 0);
    }

    /**
     * Locks everything.
     *
     * @param mm the address space
     * @param flags {@code MCL_*}
     * @return 0, {@code -EINVAL}, {@code -EPERM}, {@code -ENOMEM} above {@code RLIMIT_MEMLOCK}
     */
    public static long mlockall(Mm mm, int flags) {
        if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 || flags == MCL_ONFAULT) {
            return -Errno.EINVAL;
        }
        if (!MmLimits.canDoMlock(mm)) {
            return -Errno.EPERM;
        }
        long limit = mm.limits().soft(ResourceLimits.RLIMIT_MEMLOCK) >>> Vma.PAGE_SHIFT;
        if ((flags & MCL_CURRENT) != 0 && Pages.above(mm.totalVm(), limit) && !mm.isPrivileged()) {
            return -Errno.ENOMEM;
        }
        applyToAll(mm, flags);
        if ((flags & MCL_CURRENT) != 0) {
            Populate.populate(mm, 0, mm.taskSize(), Populate.OnError.SKIP_AREA);
        }
        return 0;
    }

    /**
     * Unlocks everything, and what will be mapped.
     *
     * @param mm the address space
     * @return 0
     */
    public static long munlockall(Mm mm) {
        applyToAll(mm, 0);
        return 0;
    }

    /** {@code apply_mlockall_flags()}. */
    private static void applyToAll(Mm mm, int flags) {
        long onFault = (flags & MCL_ONFAULT) != 0 ? VmaFlags.VM_LOCKONFAULT : 0;
        long defFlags = mm.defFlags() & ~VmaFlags.VM_LOCKED_MASK;
        if ((flags & MCL_FUTURE) != 0) {
            defFlags |= VmaFlags.VM_LOCKED | onFault;
        }
        mm.setDefFlags(defFlags);
        if ((flags & MCL_FUTURE) != 0 && (flags & MCL_CURRENT) == 0) {
            return;
        }
        long add = (flags & MCL_CURRENT) != 0 ? VmaFlags.VM_LOCKED | onFault : 0;
        Vma vma = mm.vmas().first();
        while (vma != null) {
            long end = vma.end();
            fixup(vma, vma.start(), end, (vma.flags() & ~VmaFlags.VM_LOCKED_MASK) | add);
            Vma changed = mm.vmas().find(end - 1);
            vma = changed == null ? mm.vmas().findFirst(end) : mm.vmas().next(changed);
        }
    }

    /** {@code apply_vma_lock_flags()}. */
    private static long apply(Mm mm, long start, long size, long flags) {
        long end = start + size;
        if (Pages.above(start, end)) {
            return -Errno.EINVAL;
        }
        long at = start;
        while (Pages.above(end, at)) {
            Vma vma = at < 0 ? null : mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            long error = fixup(vma, at, stop, (vma.flags() & ~VmaFlags.VM_LOCKED_MASK) | flags);
            if (error != 0) {
                return error;
            }
            Vma changed = mm.vmas().find(stop - 1);
            at = changed == null ? stop : changed.end();
        }
        return 0;
    }

    /** {@code mlock_fixup()}. */
    private static long fixup(Vma vma, long start, long end, long newFlags) {
        long oldFlags = vma.flags();
        if (newFlags == oldFlags || vma.has(VmaFlags.VM_SPECIAL | VmaFlags.VM_HUGETLB)) {
            return 0;
        }
        Vma changed = VmaMerge.modifyFlags(vma, start, end, newFlags);
        if (changed == null) {
            return -Errno.ENOMEM;
        }
        changed.replaceFlags(newFlags);
        long pages = (end - start) >>> Vma.PAGE_SHIFT;
        Mm mm = changed.mm();
        boolean wasLocked = (oldFlags & VmaFlags.VM_LOCKED) != 0;
        boolean isLocked = (newFlags & VmaFlags.VM_LOCKED) != 0;
        if (wasLocked != isLocked) {
            mm.addLockedVm(isLocked ? pages : -pages);
            mm.services().pageTables().lockChanged(changed, start, end);
        }
        return 0;
    }

    /** {@code count_mm_mlocked_page_nr()}. */
    private static long lockedPages(Mm mm, long start, long size) {
        long end = Pages.above(start, start + size) ? Long.MAX_VALUE : start + size;
        long bytes = 0;
        Vma vma = mm.vmas().findIntersection(start, end);
        while (vma != null && vma.start() < end) {
            if (vma.has(VmaFlags.VM_LOCKED)) {
                bytes += Math.min(vma.end(), end) - Math.max(vma.start(), start);
            }
            vma = mm.vmas().next(vma);
        }
        return bytes >>> Vma.PAGE_SHIFT;
    }
}
