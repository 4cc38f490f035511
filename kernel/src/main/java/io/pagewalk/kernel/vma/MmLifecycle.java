package io.pagewalk.kernel.vma;

/** What {@code fork()} and {@code execve()} do to the areas of an address space. */
public final class MmLifecycle {
    private MmLifecycle() {}

    /** What fork does for each copied area beyond the area itself. */
    public interface AreaCopier {
        /**
         * Links the copy to the anon_vmas of its parent and copies page tables: {@code mm/rmap.c:anon_vma_fork()} and {@code mm/memory.c:copy_page_range()}.
         *
         * @param child the new area, in the child's tree
         * @param parent the area it is a copy of
         * @param wipe whether the child starts empty here ({@code MADV_WIPEONFORK}), so neither is copied
         * @return 0 or a negative errno
         */
        long copy(Vma child, Vma parent, boolean wipe);
    }

    /**
     * Copies all areas into a new address space: {@code mm/mmap.c:dup_mmap()}.
     *
     * @param child a new address space without areas
     * @param parent the address space to copy
     * @param copier copies what lies behind each area
     * @return 0 or a negative errno, after which the child must be taken down by {@link Munmap#exitMmap}
     */
    public static long dupMmap(Mm child, Mm parent, AreaCopier copier) {
        return 0;
    }

    /**
     * Adds one area as {@code execve()} does for the stack and for {@code [vdso]}: {@code mm/vma.c:insert_vm_struct()}.
     *
     * @param mm the address space
     * @param vma a detached area; its file reference must have been taken
     * @return 0, or {@code -ENOMEM} when something lies there or memory was refused
     */
    public static long insertVmStruct(Mm mm, Vma vma) {
        return 0;
    }
}
