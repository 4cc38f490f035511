package io.pagewalk.kernel.vma;

/** What calls on areas ask of the merging of equal pages; implemented by the ksm package. A kernel without it ignores the advice. */
public interface KsmOps {
    /** Nothing is merged. */
    KsmOps NONE = new KsmOps() {};

    /** Bits of areas whose pages are never merged: {@code mm/ksm.c:ksm_compatible()}. */
    long UNFIT = VmaFlags.VM_SHARED
            | VmaFlags.VM_MAYSHARE
            | VmaFlags.VM_SPECIAL
            | VmaFlags.VM_HUGETLB
            | VmaFlags.VM_DROPPABLE;

    /**
     * Puts an address space on ksmd's list: {@code mm/ksm.c:__ksm_enter()}. Called when {@link MmKsm#isMergeable} is false.
     *
     * @param mm the address space
     * @return 0 or {@code -ENOMEM}
     */
    default long enter(Mm mm) {
        return 0;
    }

    /**
     * Gives each merged page of a range a copy of its own again: {@code mm/ksm.c:unmerge_ksm_pages()}.
     *
     * @param vma an area with an anon_vma
     * @param start first address
     * @param end first address behind
     * @return 0 or {@code -ENOMEM}
     */
    default long unmerge(Vma vma, long start, long end) {
        return 0;
    }

    /**
     * Returns the flags that a new area gets in an address space that merges all it can: {@code mm/ksm.c:ksm_vma_flags()}.
     *
     * @param mm the address space
     * @param flags {@link VmaFlags} bits
     */
    static long flagsOfNewArea(Mm mm, long flags) {
        return mm.ksm().mergesAny() && (flags & UNFIT) == 0 ? flags | VmaFlags.VM_MERGEABLE : flags;
    }
}
