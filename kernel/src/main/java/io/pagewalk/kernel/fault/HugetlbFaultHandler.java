package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.vma.Vma;

/** Handles faults in areas of hugetlbfs; implemented by the hugetlb package. */
public interface HugetlbFaultHandler {
    /** A kernel without hugetlbfs. */
    HugetlbFaultHandler NONE = new HugetlbFaultHandler() {
        @Override
        public int fault(FaultTask task, Vma vma, long vaddr, boolean isWrite, boolean isUser) {
            return FaultOutcome.BEYOND_END;
        }

        @Override
        public int unshare(Vma vma, long vaddr) {
            return FaultOutcome.BEYOND_END;
        }
    };

    /**
     * Makes a huge page usable: {@code mm/hugetlb.c:hugetlb_fault()}.
     *
     * @param task who is charged, and waits where userfaultfd is told
     * @param vma an area of hugetlbfs, which allows the access
     * @param vaddr an address in it
     * @param isWrite whether the page must be writable
     * @param isUser whether the program itself makes the access, and not the kernel for it
     * @return a {@link FaultOutcome}
     */
    int fault(FaultTask task, Vma vma, long vaddr, boolean isWrite, boolean isUser);

    /**
     * Gives an entry that many share a page of its own without making it writable: a fault with {@code FAULT_FLAG_UNSHARE}.
     *
     * @param vma an area of hugetlbfs
     * @param vaddr an address in it whose entry is present
     * @return a {@link FaultOutcome}
     */
    int unshare(Vma vma, long vaddr);
}
