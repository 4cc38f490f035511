package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;

/** A userfaultfd as the fault handler meets it. */
public interface UserfaultSource extends UserfaultContext {
    /**
     * Tells that a page is needed, and lets the task wait: {@code fs/userfaultfd.c:handle_userfault()}.
     *
     * @param task who needs it; nothing is told when it waits already
     * @param vma the area, registered with this context
     * @param vaddr the address, not rounded
     * @param isWrite whether it is a store
     * @param reason one of {@code VM_UFFD_MISSING}, {@code VM_UFFD_WP}, {@code VM_UFFD_MINOR}
     * @param isUser whether the program itself makes the access, and not the kernel for it
     * @return {@link FaultOutcome#WAITS}, or {@link FaultOutcome#BEYOND_END} when the task gets SIGBUS instead
     */
    int handle(FaultTask task, Vma vma, long vaddr, boolean isWrite, long reason, boolean isUser);
}
