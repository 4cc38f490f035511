package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code madvise()}: {@code mm/madvise.c:do_madvise()}. */
public final class Madvise {
    /** No advice: undoes {@link #MADV_RANDOM} and {@link #MADV_SEQUENTIAL}. */
    public static final int MADV_NORMAL = 0;

    /** Read at random. */
    public static final int MADV_RANDOM = 1;

    /** Read in sequence. */
    public static final int MADV_SEQUENTIAL = 2;

    /** Read ahead now. */
    public static final int MADV_WILLNEED = 3;

    /** Drop the pages now. */
    public static final int MADV_DONTNEED = 4;

    /** Drop the pages when memory is short. */
    public static final int MADV_FREE = 8;

    /** Punch a hole into the file. */
    public static final int MADV_REMOVE = 9;

    /** Not for children. */
    public static final int MADV_DONTFORK = 10;

    /** Undoes {@link #MADV_DONTFORK}. */
    public static final int MADV_DOFORK = 11;

    /** KSM may merge pages. */
    public static final int MADV_MERGEABLE = 12;

    /** Undoes {@link #MADV_MERGEABLE}. */
    public static final int MADV_UNMERGEABLE = 13;

    /** Use huge pages. */
    public static final int MADV_HUGEPAGE = 14;

    /** Use no huge pages. */
    public static final int MADV_NOHUGEPAGE = 15;

    /** Not for core dumps. */
    public static final int MADV_DONTDUMP = 16;

    /** Undoes {@link #MADV_DONTDUMP}. */
    public static final int MADV_DODUMP = 17;

    /** Children see zeros. */
    public static final int MADV_WIPEONFORK = 18;

    /** Undoes {@link #MADV_WIPEONFORK}. */
    public static final int MADV_KEEPONFORK = 19;

    /** Deactivate the pages. */
    public static final int MADV_COLD = 20;

    /** Reclaim the pages. */
    public static final int MADV_PAGEOUT = 21;

    /** Fault pages in as by reading. */
    public static final int MADV_POPULATE_READ = 22;

    /** Fault pages in as by writing. */
    public static final int MADV_POPULATE_WRITE = 23;

    /** Like {@link #MADV_DONTNEED}, also in locked areas. */
    public static final int MADV_DONTNEED_LOCKED = 24;

    /** Collapse into huge pages. */
    public static final int MADV_COLLAPSE = 25;

    /** Make accesses fail without splitting the area. */
    public static final int MADV_GUARD_INSTALL = 102;

    /** Undoes {@link #MADV_GUARD_INSTALL}. */
    public static final int MADV_GUARD_REMOVE = 103;

    /** What {@link #walk} does with the part of an area that lies in its range. */
    @FunctionalInterface
    interface Visit {
        /**
         * Visits a part of an area.
         *
         * @param vma the area
         * @param start first address of the part
         * @param end first address behind it
         * @param hole 0, or {@code -ENOMEM} when the walk met a hole before
         * @return 0 to go on, {@link #STOP}, or a negative errno
         */
        long visit(Vma vma, long start, long end, long hole);
    }

    /** The walk ends here with 0: somebody else goes on with the rest. */
    static final long STOP = 1;

    private Madvise() {}

    /**
     * Takes advice about a range. Holes do not stop it, but make it return {@code -ENOMEM} at the end.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param advice one of the constants of this class
     * @return 0, {@code -EINVAL}, {@code -ENOMEM}, {@code -EAGAIN} when there would be too many areas, {@code -EPERM}, {@code -EACCES}, {@code -EFAULT}
     */
    public static long madvise(Mm mm, long start, long length, int advice) {
        if (!isKnown(advice) || Pages.offset(start) != 0) {
            return -Errno.EINVAL;
        }
        long size = Pages.align(length);
        long end = start + size;
        if ((length != 0 && size == 0) || Pages.above(start, end)) {
            return -Errno.EINVAL;
        }
        if (end == start) {
            return 0;
        }
        if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
            return populate(mm, start, end, advice == MADV_POPULATE_WRITE);
        }
        return advise(mm, start, end, advice, 0);
    }

    private static long advise(Mm mm, long start, long end, int advice, long holeBefore) {
        return walk(
                mm,
                start,
                end,
                holeBefore,
                (vma, from, to, hole) ->
                        waitsForUserfault(vma, from, to, end, advice, hole) ? STOP : advise(vma, from, to, advice));
    }

    /**
     * Visits all areas of a range: {@code madvise_walk_vmas()}. A visit may change, split and merge the area that it was given.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind the range
     * @param holeBefore {@code -ENOMEM} when a hole was met before this walk, or 0
     * @param action what happens to each part
     * @return 0, the negative errno that ended the walk, or {@code -ENOMEM} for a hole on the way
     */
    static long walk(Mm mm, long start, long end, long holeBefore, Visit action) {
        long hole = holeBefore;
        long at = start;
        while (Pages.above(end, at)) {
            Vma vma = at < 0 ? null : mm.vmas().findFirst(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            if (at < vma.start()) {
                hole = -Errno.ENOMEM;
                at = vma.start();
                if (!Pages.above(end, at)) {
                    break;
                }
            }
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            long outcome = action.visit(vma, at, stop, hole);
            if (outcome != 0) {
                return outcome == STOP ? 0 : outcome;
            }
            Vma visited = mm.vmas().find(stop - 1);
            at = visited == null ? stop : visited.end();
        }
        return hole;
    }

    /** Pages of an area that userfaultfd watches go after its reader has heard of it; the walk then goes on from there. Returns whether it must stop now. */
    private static boolean waitsForUserfault(Vma vma, long start, long stop, long end, int advice, long hole) {
        UserfaultContext userfault = vma.userfault();
        if (userfault == null || !dropsPages(advice) || refusal(vma, advice) != 0) {
            return false;
        }
        long bytes = advice == MADV_REMOVE ? 1L << Vma.PAGE_SHIFT : vma.kernelPageBytes();
        long told = stop & -bytes;
        if ((start & (bytes - 1)) != 0 || told <= start) {
            return false;
        }
        Mm mm = vma.mm();
        return userfault.beforeRemove(start, told, () -> {
            Vma again = mm.vmas().find(start);
            if (again == null) {
                return -Errno.ENOMEM;
            }
            long error = advise(again, start, Math.min(stop, again.end()), advice);
            return error != 0 ? error : advise(mm, Math.min(stop, again.end()), end, advice, hole);
        });
    }

    private static boolean dropsPages(int advice) {
        return switch (advice) {
            case MADV_DONTNEED, MADV_DONTNEED_LOCKED, MADV_FREE, MADV_REMOVE -> true;
            default -> false;
        };
    }

    /** Returns why pages of an area may not be dropped, or 0: the checks of {@code madvise_remove()} and {@code madvise_dontneed_free_valid_vma()}. */
    private static long refusal(Vma vma, int advice) {
        return advice == MADV_REMOVE ? refusalOfHole(vma) : refusalOfDiscard(vma, advice);
    }

    private static long refusalOfDiscard(Vma vma, int advice) {
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            return advice == MADV_FREE ? -Errno.EINVAL : 0;
        }
        long forbidden = VmaFlags.VM_PFNMAP | (advice == MADV_DONTNEED_LOCKED ? 0 : VmaFlags.VM_LOCKED);
        return vma.has(forbidden) ? -Errno.EINVAL : 0;
    }

    private static long refusalOfHole(Vma vma) {
        if (vma.has(VmaFlags.VM_LOCKED) || vma.file() == null) {
            return -Errno.EINVAL;
        }
        long sharedMayWrite = VmaFlags.VM_SHARED | VmaFlags.VM_MAYWRITE;
        return (vma.flags() & sharedMayWrite) != sharedMayWrite ? -Errno.EACCES : 0;
    }

    /** {@code madvise_vma_behavior()}. */
    private static long advise(Vma vma, long start, long end, int advice) {
        if (isDiscard(advice) && vma.has(VmaFlags.VM_SEALED) && vma.isAnonymous() && !mayWrite(vma)) {
            return -Errno.EPERM;
        }
        PageTableOps pageTables = vma.mm().services().pageTables();
        switch (advice) {
            case MADV_REMOVE -> {
                return remove(vma, start, end);
            }
            case MADV_WILLNEED -> {
                pageTables.willNeed(vma, start, end);
                return 0;
            }
            case MADV_COLD, MADV_PAGEOUT -> {
                if (vma.has(VmaFlags.VM_LOCKED | VmaFlags.VM_PFNMAP | VmaFlags.VM_HUGETLB)) {
                    return -Errno.EINVAL;
                }
                pageTables.deactivate(vma, start, end, advice == MADV_PAGEOUT);
                return 0;
            }
            case MADV_FREE, MADV_DONTNEED, MADV_DONTNEED_LOCKED -> {
                return discard(vma, start, end, advice);
            }
            case MADV_GUARD_INSTALL, MADV_GUARD_REMOVE -> {
                return guard(vma, start, end, advice);
            }
            case MADV_COLLAPSE -> {
                return pageTables.collapse(vma, start, end);
            }
            default -> {
                return changeFlags(vma, start, end, advice);
            }
        }
    }

    private static long remove(Vma vma, long start, long end) {
        long error = refusal(vma, MADV_REMOVE);
        if (error != 0) {
            return error;
        }
        return vma.mm().services().pageTables().removeFromFile(vma, start, end);
    }

    /** {@code is_valid_guard_vma()}: a locked area takes no new guards, but lets those go that it has. */
    private static long guard(Vma vma, long start, long end, int advice) {
        boolean isInstall = advice == MADV_GUARD_INSTALL;
        long forbidden = VmaFlags.VM_SPECIAL | VmaFlags.VM_HUGETLB | (isInstall ? VmaFlags.VM_LOCKED : 0);
        if (vma.has(forbidden)) {
            return -Errno.EINVAL;
        }
        PageTableOps pageTables = vma.mm().services().pageTables();
        if (isInstall) {
            vma.setFlags(vma.flags() | VmaFlags.VM_MAYBE_GUARD);
            return pageTables.installGuards(vma, start, end);
        }
        pageTables.removeGuards(vma, start, end);
        return 0;
    }

    /** {@code madvise_dontneed_free()}. */
    private static long discard(Vma vma, long start, long end, int advice) {
        if (refusal(vma, advice) != 0 || (advice == MADV_FREE && !vma.isAnonymous())) {
            return -Errno.EINVAL;
        }
        PageTableOps pageTables = vma.mm().services().pageTables();
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            long bytes = vma.kernelPageBytes();
            if ((start & (bytes - 1)) != 0) {
                return -Errno.EINVAL;
            }
            // The length was rounded to small pages by a caller who need not know about huge ones.
            pageTables.discard(vma, start, end & -bytes);
            return 0;
        }
        if (advice == MADV_FREE) {
            pageTables.lazyFree(vma, start, end);
        } else {
            pageTables.discard(vma, start, end);
        }
        return 0;
    }

    private static long changeFlags(Vma vma, long start, long end, int advice) {
        long flags = vma.flags();
        long newFlags;
        switch (advice) {
            case MADV_NORMAL -> newFlags = flags & ~(VmaFlags.VM_RAND_READ | VmaFlags.VM_SEQ_READ);
            case MADV_SEQUENTIAL -> newFlags = (flags & ~VmaFlags.VM_RAND_READ) | VmaFlags.VM_SEQ_READ;
            case MADV_RANDOM -> newFlags = (flags & ~VmaFlags.VM_SEQ_READ) | VmaFlags.VM_RAND_READ;
            case MADV_DONTFORK -> newFlags = flags | VmaFlags.VM_DONTCOPY;
            case MADV_DOFORK -> {
                if (vma.has(VmaFlags.VM_IO)) {
                    return -Errno.EINVAL;
                }
                newFlags = flags & ~VmaFlags.VM_DONTCOPY;
            }
            case MADV_WIPEONFORK -> {
                if (vma.file() != null || vma.has(VmaFlags.VM_SHARED)) {
                    return -Errno.EINVAL;
                }
                newFlags = flags | VmaFlags.VM_WIPEONFORK;
            }
            case MADV_KEEPONFORK -> {
                if (vma.has(VmaFlags.VM_DROPPABLE)) {
                    return -Errno.EINVAL;
                }
                newFlags = flags & ~VmaFlags.VM_WIPEONFORK;
            }
            case MADV_DONTDUMP -> newFlags = flags | VmaFlags.VM_DONTDUMP;
            case MADV_DODUMP -> {
                boolean isSpecial = !vma.has(VmaFlags.VM_HUGETLB) && vma.has(VmaFlags.VM_SPECIAL);
                if (isSpecial || vma.has(VmaFlags.VM_DROPPABLE)) {
                    return -Errno.EINVAL;
                }
                newFlags = flags & ~VmaFlags.VM_DONTDUMP;
            }
            case MADV_MERGEABLE, MADV_UNMERGEABLE -> {
                long error = advice == MADV_MERGEABLE ? prepareMerging(vma) : endMerging(vma, start, end);
                if (error != 0) {
                    return error;
                }
                newFlags = advice == MADV_UNMERGEABLE
                        ? flags & ~VmaFlags.VM_MERGEABLE
                        : vma.has(KsmOps.UNFIT) ? flags : flags | VmaFlags.VM_MERGEABLE;
            }
            case MADV_HUGEPAGE -> {
                newFlags = (flags & ~VmaFlags.VM_NOHUGEPAGE) | VmaFlags.VM_HUGEPAGE;
                vma.mm().services().khugepaged().enter(vma, newFlags);
            }
            case MADV_NOHUGEPAGE -> newFlags = (flags & ~VmaFlags.VM_HUGEPAGE) | VmaFlags.VM_NOHUGEPAGE;
            default -> {
                return -Errno.EINVAL;
            }
        }
        if (newFlags == flags) {
            return 0;
        }
        if (VmaMerge.isSplitRefused(vma, start, end)) {
            return -Errno.EINVAL;
        }
        Vma changed = VmaMerge.modifyFlags(vma, start, end, newFlags);
        if (changed == null) {
            return -Errno.EAGAIN;
        }
        changed.replaceFlags(newFlags);
        return 0;
    }

    /** {@code mm/ksm.c:ksm_madvise()} for {@code MADV_MERGEABLE}. */
    private static long prepareMerging(Vma vma) {
        Mm mm = vma.mm();
        boolean isEntered =
                vma.has(VmaFlags.VM_MERGEABLE | KsmOps.UNFIT) || mm.ksm().isMergeable();
        return isEntered ? 0 : mm.services().ksm().enter(mm);
    }

    /** {@code mm/ksm.c:ksm_madvise()} for {@code MADV_UNMERGEABLE}. */
    private static long endMerging(Vma vma, long start, long end) {
        boolean hasPages = vma.has(VmaFlags.VM_MERGEABLE) && vma.anonVma() != null;
        return hasPages ? vma.mm().services().ksm().unmerge(vma, start, end) : 0;
    }

    /** {@code madvise_populate()}: the first page that cannot be had ends it; what was faulted in stays. */
    private static long populate(Mm mm, long start, long end, boolean write) {
        long at = start;
        while (Pages.above(end, at)) {
            Vma vma = at < 0 ? null : mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            if (vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP)
                    || !vma.has(write ? VmaFlags.VM_WRITE : VmaFlags.VM_READ)
                    || !ProtectionKeys.permits(vma, write)) {
                return -Errno.EINVAL;
            }
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            long error = mm.services().pageTables().faultIn(vma, at, stop, write);
            if (error < 0) {
                return error;
            }
            at = stop;
        }
        return 0;
    }

    private static boolean mayWrite(Vma vma) {
        return vma.has(VmaFlags.VM_WRITE) && ProtectionKeys.permits(vma, true);
    }

    private static boolean isDiscard(int advice) {
        return switch (advice) {
            case MADV_FREE,
                    MADV_DONTNEED,
                    MADV_DONTNEED_LOCKED,
                    MADV_REMOVE,
                    MADV_DONTFORK,
                    MADV_WIPEONFORK,
                    MADV_GUARD_INSTALL -> true;
            default -> false;
        };
    }

    private static boolean isKnown(int advice) {
        return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED)
                || (advice >= MADV_FREE && advice <= MADV_COLLAPSE)
                || advice == MADV_GUARD_INSTALL
                || advice == MADV_GUARD_REMOVE;
    }
}
