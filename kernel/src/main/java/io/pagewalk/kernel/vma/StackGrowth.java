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
        return mm.vmas().find(vaddr);
    }

    /**
     * Grows a stack.
     *
     * @param mm the address space
     * @param vma a {@code VM_GROWSDOWN} area above the address
     * @param vaddr what must lie in it
     * @return 0, {@code -ENOMEM}, {@code -EPERM} or {@code -EFAULT}
     */
    public static long expandDownwards(Mm mm, Vma vma, long vaddr) {
        return -Errno.ENOMEM;
    }
}
