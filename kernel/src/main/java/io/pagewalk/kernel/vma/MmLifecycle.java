package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

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
     * Copies layout and areas into a new address space: {@code mm/mmap.c:dup_mmap()}. Locks are not inherited.
     *
     * @param child a new address space without areas
     * @param parent the address space to copy
     * @param copier copies what lies behind each area
     * @return 0 or a negative errno, after which the child must be taken down by {@link Munmap#exitMmap}
     */
    public static long dupMmap(Mm child, Mm parent, AreaCopier copier) {
        child.copyLayout(parent);
        for (Vma original : parent.vmas()) {
            if (original.has(VmaFlags.VM_DONTCOPY)) {
                continue;
            }
            if (original.has(VmaFlags.VM_ACCOUNT)
                    && parent.services().overcommit().charge(parent, original.pages()) != 0) {
                return -Errno.ENOMEM;
            }
            Vma copy = original.duplicate(child);
            if (!copy.takeObject()) {
                if (original.has(VmaFlags.VM_ACCOUNT)) {
                    parent.services().overcommit().uncharge(original.pages());
                }
                return -Errno.ENOMEM;
            }
            copy.setFlags(original.flags() & ~VmaFlags.VM_LOCKED_MASK);
            UserfaultContext userfault = original.userfault();
            if (userfault != null) {
                UserfaultContext own = userfault.forFork(child);
                if (own == null) {
                    UserfaultAreas.reset(copy);
                } else {
                    copy.setUserfault(own);
                }
            }
            MappedFile file = copy.file();
            if (file != null) {
                file.get();
            }
            VmaMerge.link(copy);
            copy.forked();
            copy.opened();
            child.account(copy.flags(), copy.pages());
            long error = copier.copy(copy, original, original.has(VmaFlags.VM_WIPEONFORK));
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    /**
     * Adds one area as {@code execve()} does for the stack and for {@code [vdso]}: {@code mm/vma.c:insert_vm_struct()}, with the
     * counting that its callers do in Linux.
     *
     * @param mm the address space
     * @param vma a detached area; its file reference must have been taken
     * @return 0, or {@code -ENOMEM} when something lies there or memory was refused
     */
    public static long insertVmStruct(Mm mm, Vma vma) {
        if (mm.vmas().findIntersection(vma.start(), vma.end()) != null) {
            return -Errno.ENOMEM;
        }
        if (vma.has(VmaFlags.VM_ACCOUNT) && mm.services().overcommit().charge(mm, vma.pages()) != 0) {
            return -Errno.ENOMEM;
        }
        if (vma.isAnonymous()) {
            vma.setRange(vma.start(), vma.end(), vma.start() >>> Vma.PAGE_SHIFT);
        }
        vma.markSoftDirty();
        VmaMerge.link(vma);
        mm.account(vma.flags(), vma.pages());
        if (vma.has(VmaFlags.VM_LOCKED)) {
            mm.addLockedVm(vma.pages());
        }
        return 0;
    }

    /**
     * Finds a neighbour whose anon_vma the first write to an area should share, so that the two can merge later:
     * {@code mm/vma.c:find_mergeable_anon_vma()}.
     *
     * @param vma an area without anon_vma
     * @return the anon_vma to use, or null to make a new one
     */
    public static @Nullable AnonVma findMergeableAnonVma(Vma vma) {
        return VmaMerge.findMergeableAnonVma(vma);
    }
}
