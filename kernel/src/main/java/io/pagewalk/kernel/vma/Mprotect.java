package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code mprotect()} and {@code pkey_mprotect()}: {@code mm/mprotect.c:do_mprotect_pkey()}. */
public final class Mprotect {
    private Mprotect() {}

    /**
     * Changes what a range allows. Areas before one that refuses keep their new protection.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param prot {@code PROT_*}
     * @return 0, {@code -EINVAL} for bad arguments, {@code -ENOMEM} for a hole or too many areas, {@code -EACCES} when the mapping can never allow this or no memory may become executable,
     *     {@code -EPERM} for a sealed area
     */
    public static long mprotect(Mm mm, long start, long length, long prot) {
        return mprotect(mm, start, length, prot, ProtectionKeys.NONE);
    }

    /**
     * As {@link #mprotect(Mm, long, long, long)} and gives the range a protection key.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param prot {@code PROT_*}
     * @param key an allocated key, or -1 to leave keys alone
     * @return as mprotect, also {@code -EINVAL} for a key that is not allocated
     */
    public static long mprotect(Mm mm, long start, long length, long prot, int key) {
        long grows = prot & (MapFlags.PROT_GROWSDOWN | MapFlags.PROT_GROWSUP);
        long access = prot & ~grows;
        if (grows == (MapFlags.PROT_GROWSDOWN | MapFlags.PROT_GROWSUP) || Pages.offset(start) != 0) {
            return -Errno.EINVAL;
        }
        if (length == 0) {
            return 0;
        }
        long end = start + Pages.align(length);
        if (!Pages.above(end, start)) {
            return -Errno.ENOMEM;
        }
        long known = MapFlags.PROT_READ | MapFlags.PROT_WRITE | MapFlags.PROT_EXEC | MapFlags.PROT_SEM;
        if ((access & ~known) != 0) {
            return -Errno.EINVAL;
        }
        if (key != ProtectionKeys.NONE && !ProtectionKeys.isAllocated(mm, key)) {
            return -Errno.EINVAL;
        }
        Vma vma = start < 0 ? null : mm.vmas().findFirst(start);
        if (vma == null || Pages.above(vma.start(), end - 1)) {
            return -Errno.ENOMEM;
        }
        long from = start;
        if ((grows & MapFlags.PROT_GROWSDOWN) != 0) {
            if (!vma.has(VmaFlags.VM_GROWSDOWN)) {
                return -Errno.EINVAL;
            }
            from = vma.start();
        } else if (vma.start() > start) {
            return -Errno.ENOMEM;
        } else if (grows != 0) {
            return -Errno.EINVAL;
        }
        return applyTo(mm, from, end, access, key);
    }

    private static long applyTo(Mm mm, long start, long end, long access, int key) {
        long at = start;
        while (Pages.above(end, at)) {
            Vma vma = at < 0 ? null : mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            long keep = vma.flags() & ~(VmaFlags.VM_ACCESS_FLAGS | VmaFlags.VM_PKEY_MASK);
            long newFlags = Protection.flags(access, ProtectionKeys.ofChanged(vma, access, key)) | keep;
            // The MAY bits lie four above the bits they permit.
            if ((newFlags & ~(newFlags >>> 4) & VmaFlags.VM_ACCESS_FLAGS) != 0) {
                return -Errno.EACCES;
            }
            if (mm.attributes().refusesExec(vma.flags(), newFlags)) {
                return -Errno.EACCES;
            }
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            long error = fixup(mm, vma, at, stop, newFlags);
            if (error != 0) {
                return error;
            }
            Vma changed = mm.vmas().find(stop - 1);
            at = changed == null ? stop : changed.end();
        }
        return 0;
    }

    /** {@code mm/mprotect.c:mprotect_fixup()}. */
    private static long fixup(Mm mm, Vma vma, long start, long end, long wanted) {
        long oldFlags = vma.flags();
        long newFlags = wanted;
        long pages = (end - start) >>> Vma.PAGE_SHIFT;
        long charged = 0;
        if (vma.has(VmaFlags.VM_SEALED)) {
            return -Errno.EPERM;
        }
        if (newFlags == oldFlags) {
            return 0;
        }
        Overcommit overcommit = mm.services().overcommit();
        if ((newFlags & VmaFlags.VM_WRITE) != 0) {
            if (!MmLimits.mayExpandVm(mm, newFlags, pages) && MmLimits.mayExpandVm(mm, oldFlags, pages)) {
                return -Errno.ENOMEM;
            }
            long paidOrFree = VmaFlags.VM_ACCOUNT
                    | VmaFlags.VM_WRITE
                    | VmaFlags.VM_HUGETLB
                    | VmaFlags.VM_SHARED
                    | VmaFlags.VM_NORESERVE;
            if ((oldFlags & paidOrFree) == 0) {
                if (overcommit.charge(mm, pages) != 0) {
                    return -Errno.ENOMEM;
                }
                charged = pages;
                newFlags |= VmaFlags.VM_ACCOUNT;
            }
        } else if ((oldFlags & VmaFlags.VM_ACCOUNT) != 0 && vma.isAnonymous() && vma.anonVma() == null) {
            newFlags &= ~VmaFlags.VM_ACCOUNT;
        }
        boolean isSplitRefused = VmaMerge.isSplitRefused(vma, start, end);
        Vma changed = isSplitRefused ? null : VmaMerge.modifyFlags(vma, start, end, newFlags);
        if (changed == null) {
            overcommit.uncharge(charged);
            return isSplitRefused ? -Errno.EINVAL : -Errno.ENOMEM;
        }
        changed.replaceFlags(newFlags);
        mm.services().pageTables().changeProtection(changed, start, end, oldFlags);
        if ((oldFlags & VmaFlags.VM_ACCOUNT) != 0 && (newFlags & VmaFlags.VM_ACCOUNT) == 0) {
            overcommit.uncharge(pages);
        }
        long lockedPrivate = VmaFlags.VM_WRITE | VmaFlags.VM_SHARED | VmaFlags.VM_LOCKED;
        if ((oldFlags & lockedPrivate) == VmaFlags.VM_LOCKED && (newFlags & VmaFlags.VM_WRITE) != 0) {
            Populate.populateAtOnce(changed, start, end);
        }
        mm.account(oldFlags, -pages);
        mm.account(newFlags, pages);
        return 0;
    }
}
