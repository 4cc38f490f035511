package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** The growth of stacks at a fault below them: {@code mm/vma.c:expand_downwards()}. */
public final class StackGrowth {
    private StackGrowth() {}

    /**
     * Finds the area of a faulting address, growing a stack down to it when that is allowed: {@code mm/mmap_lock.c:lock_mm_and_find_vma()}.
     *
     * @param mm the address space
     * @param vaddr the address
     * @return the area that now holds the address, or null: the access is a {@code SIGSEGV} with {@code SEGV_MAPERR}
     */
    public static @Nullable Vma findOrGrow(Mm mm, long vaddr) {
        Vma vma = mm.vmas().findFirst(vaddr);
        if (vma == null || vma.start() <= vaddr) {
            return vma;
        }
        if (!vma.has(VmaFlags.VM_GROWSDOWN) || expandDownwards(mm, vma, vaddr) != 0) {
            return null;
        }
        return vma;
    }

    /**
     * Grows a stack, keeping the guard gap below it free and {@code RLIMIT_STACK}.
     *
     * @param mm the address space
     * @param vma a {@code VM_GROWSDOWN} area above the address
     * @param vaddr what must lie in it
     * @return 0, {@code -ENOMEM}, {@code -EPERM} or {@code -EFAULT}
     */
    public static long expandDownwards(Mm mm, Vma vma, long vaddr) {
        if (!vma.has(VmaFlags.VM_GROWSDOWN)) {
            return -Errno.EFAULT;
        }
        long start = Pages.floor(vaddr);
        if (start < mm.services().settings().mmapMinAddr()) {
            return -Errno.EPERM;
        }
        Vma previous = mm.vmas().previous(vma);
        if (previous != null
                && !previous.has(VmaFlags.VM_GROWSDOWN)
                && previous.has(VmaFlags.VM_ACCESS_FLAGS)
                && start - previous.end() < mm.layout().stackGuardGapBytes()) {
            return -Errno.ENOMEM;
        }
        mm.services().anonVmas().prepare(vma);
        if (start >= vma.start()) {
            return 0;
        }
        long pages = (vma.start() - start) >>> Vma.PAGE_SHIFT;
        if (pages > vma.pgoff()) {
            return -Errno.ENOMEM;
        }
        long error = accountGrowth(mm, vma, vma.end() - start, pages);
        if (error != 0) {
            return error;
        }
        if (vma.has(VmaFlags.VM_LOCKED)) {
            mm.addLockedVm(pages);
        }
        mm.account(vma.flags(), pages);
        VmaMerge.adjust(vma, start, vma.end(), vma.pgoff() - pages);
        return 0;
    }

    /** {@code mm/vma.c:acct_stack_growth()}. */
    private static long accountGrowth(Mm mm, Vma vma, long sizeBytes, long pages) {
        if (!MmLimits.mayExpandVm(mm, vma.flags(), pages)
                || Pages.above(sizeBytes, mm.limits().soft(ResourceLimits.RLIMIT_STACK))
                || !MmLimits.mlockFutureOk(mm, vma.flags(), pages << Vma.PAGE_SHIFT)) {
            return -Errno.ENOMEM;
        }
        Overcommit overcommit = mm.services().overcommit();
        long error = overcommit.charge(mm, pages);
        if (error == 0 && !vma.has(VmaFlags.VM_ACCOUNT)) {
            // Linux charges it all the same, and never gives it back.
            overcommit.noteLost(pages);
        }
        return error;
    }
}
