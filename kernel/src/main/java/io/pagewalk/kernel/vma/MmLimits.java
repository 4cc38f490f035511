package io.pagewalk.kernel.vma;

/** The limits that a growing address space must keep. */
final class MmLimits {
    private MmLimits() {}

    /**
     * Returns whether an address space may grow: {@code mm/mmap.c:may_expand_vm()}, that is {@code RLIMIT_AS} and {@code RLIMIT_DATA}.
     *
     * @param mm the address space
     * @param flags {@link VmaFlags} bits of the new pages
     * @param pages how many
     */
    static boolean mayExpandVm(Mm mm, long flags, long pages) {
        ResourceLimits limits = mm.limits();
        if (isAbove(mm.totalVm() + pages, limits.soft(ResourceLimits.RLIMIT_AS) >>> Vma.PAGE_SHIFT)) {
            return false;
        }
        if (VmaFlags.isDataMapping(flags)
                && isAbove(mm.dataVm() + pages, limits.soft(ResourceLimits.RLIMIT_DATA) >>> Vma.PAGE_SHIFT)) {
            // A soft limit of zero is taken for the hard one, because valgrind sets it so.
            return limits.soft(ResourceLimits.RLIMIT_DATA) == 0
                    && !isAbove(mm.dataVm() + pages, limits.hard(ResourceLimits.RLIMIT_DATA) >>> Vma.PAGE_SHIFT);
        }
        return true;
    }

    /**
     * Returns whether more memory may be locked: {@code mm/mmap.c:mlock_future_ok()}.
     *
     * @param mm the address space
     * @param flags {@link VmaFlags} bits of the new memory
     * @param bytes how much
     */
    static boolean mlockFutureOk(Mm mm, long flags, long bytes) {
        if ((flags & VmaFlags.VM_LOCKED) == 0 || mm.isPrivileged()) {
            return true;
        }
        long limit = mm.limits().soft(ResourceLimits.RLIMIT_MEMLOCK) >>> Vma.PAGE_SHIFT;
        return !isAbove((bytes >>> Vma.PAGE_SHIFT) + mm.lockedVm(), limit);
    }

    /**
     * Returns whether a process may lock anything at all: {@code mm/mlock.c:can_do_mlock()}.
     *
     * @param mm the address space
     */
    static boolean canDoMlock(Mm mm) {
        return mm.limits().soft(ResourceLimits.RLIMIT_MEMLOCK) != 0 || mm.isPrivileged();
    }

    private static boolean isAbove(long value, long limit) {
        return Long.compareUnsigned(value, limit) > 0;
    }
}
