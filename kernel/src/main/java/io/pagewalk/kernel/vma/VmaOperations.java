package io.pagewalk.kernel.vma;

/**
 * What a driver does for areas that map its device: {@code struct vm_operations_struct}. An area of a device without operations of its driver has {@link #NONE}: touching a page that is not there is a SIGBUS.
 */
public interface VmaOperations {
    /** Outcome of {@link #fault}: the driver has put an entry in place, or one was there ({@code VM_FAULT_NOPAGE}). */
    long NOPAGE = -1;

    /** Outcome of {@link #fault}: there is nothing at this offset ({@code VM_FAULT_SIGBUS}). */
    long SIGBUS = -2;

    /** Outcome of {@link #fault}: no memory ({@code VM_FAULT_OOM}). */
    long OOM = -3;

    /** A device whose driver does nothing for its areas. */
    VmaOperations NONE = new VmaOperations() {};

    /** Returns whether pages come from the file's page cache, as those of a System V segment do, and not from {@link #fault}. */
    default boolean hasFilePages() {
        return false;
    }

    /** Returns whether {@link #close} must be called for each area, so that none may vanish in a merge ({@code mm/vma.c:can_merge_remove_vma()}). */
    default boolean forbidsRemoval() {
        return false;
    }

    /**
     * Notes that there is one more area: after a split, a move or a fork.
     *
     * @param vma the new area
     */
    default void open(Vma vma) {}

    /**
     * Notes that an area has gone.
     *
     * @param vma the area, whose pages are gone already
     */
    default void close(Vma vma) {}

    /**
     * Decides whether an area may be cut in two: {@code may_split()}.
     *
     * @param vma the area
     * @param vaddr where, a page border inside it
     */
    default boolean maySplit(Vma vma, long vaddr) {
        return true;
    }

    /**
     * Notes that what an area holds has moved to a copy of it, and that it will go: {@code mm/vma.c:fixup_hugetlb_reservations()}.
     *
     * @param vma the area that stays behind
     */
    default void moved(Vma vma) {}

    /**
     * Notes that an area is the copy of fork, before it is opened: {@code hugetlb_dup_vma_private()}.
     *
     * @param vma the area of the child
     */
    default void forked(Vma vma) {}

    /**
     * Provides a page.
     *
     * @param vma the area
     * @param vaddr address of the page
     * @param isWrite whether the access is a store
     * @return a frame with one reference more for the new entry, or {@link #NOPAGE}, {@link #SIGBUS}, {@link #OOM}
     */
    default long fault(Vma vma, long vaddr, boolean isWrite) {
        return SIGBUS;
    }
}
