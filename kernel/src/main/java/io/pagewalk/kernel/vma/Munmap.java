package io.pagewalk.kernel.vma;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code munmap()}: {@code mm/vma.c:do_vmi_munmap()}. */
public final class Munmap {
    private Munmap() {}

    /**
     * Unmaps a range; holes in it do not matter.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @return 0, {@code -EINVAL} for a bad range, {@code -ENOMEM} when a split would make too many areas, {@code -EPERM} for a sealed area
     */
    public static long munmap(Mm mm, long start, long length) {
        long taskSize = mm.taskSize();
        if (Pages.offset(start) != 0 || Pages.above(start, taskSize) || Pages.above(length, taskSize - start)) {
            return -Errno.EINVAL;
        }
        long end = start + Pages.align(length);
        if (end == start) {
            return -Errno.EINVAL;
        }
        return unmapAligned(mm, start, end);
    }

    /**
     * Unmaps a range whose borders are known to be good: {@code mm/vma.c:do_vmi_align_munmap()}.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind
     * @return 0 or a negative errno
     */
    static long unmapAligned(Mm mm, long start, long end) {
        Detached detached = new Detached();
        long error = gather(mm, start, end, detached);
        if (error != 0) {
            return error;
        }
        detach(mm, detached);
        complete(mm, detached);
        return 0;
    }

    /**
     * Unmaps everything when the last user is gone: {@code mm/mmap.c:exit_mmap()}. The resident counters are the page tables' affair; the
     * sizes are zero afterwards.
     *
     * @param mm the address space
     */
    public static void exitMmap(Mm mm) {
        Detached detached = new Detached();
        for (Vma vma : mm.vmas()) {
            detached.add(vma);
        }
        detach(mm, detached);
        complete(mm, detached);
        mm.forgetLockedTwice();
    }

    /** The areas that a call takes out, and what they count for: {@code struct vma_munmap_struct}. */
    static final class Detached {
        private final List<Vma> vmas = new ArrayList<>();
        private @Nullable Vma previous;
        private @Nullable Vma next;
        private long pages;
        private long accountedPages;
        private boolean isClosed;

        /** Returns the pages of all areas. */
        long pages() {
            return pages;
        }

        /** Returns the pages that {@code Committed_AS} holds for them. */
        long accountedPages() {
            return accountedPages;
        }

        /** Leaves the commitment to the mapping that takes their place. */
        void keepCommitment() {
            accountedPages = 0;
        }

        private void add(Vma vma) {
            vmas.add(vma);
            pages += vma.pages();
            if (vma.has(VmaFlags.VM_ACCOUNT)) {
                accountedPages += vma.pages();
            }
        }
    }

    /**
     * Collects the areas of a range and splits those that stick out: {@code mm/vma.c:vms_gather_munmap_vmas()}. On failure splits that were made stay. {@code [vdso]} and its like are whole or gone:
     * {@code mm/mmap.c:special_mapping_split()}.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind
     * @param out receives the areas, which stay in the tree
     * @return 0 or a negative errno
     */
    static long gather(Mm mm, long start, long end, Detached out) {
        VmaTree tree = mm.vmas();
        Vma first = tree.findIntersection(start, end);
        if (first == null) {
            return 0;
        }
        if (start > first.start()) {
            // Afterwards there may be one area more than the limit only when this call removes one as well.
            if (end < first.end() && mm.mapCount() >= mm.services().settings().maxMapCount()) {
                return -Errno.ENOMEM;
            }
            if (first.has(VmaFlags.VM_SEALED)) {
                return -Errno.EPERM;
            }
            if (first.isSplitRefused(start, first.end())) {
                return -Errno.EINVAL;
            }
            VmaMerge.splitAlways(first, start, VmaMerge.NewPart.BELOW);
        }
        Vma vma = first;
        while (vma != null && vma.start() < end) {
            if (vma.has(VmaFlags.VM_SEALED)) {
                return -Errno.EPERM;
            }
            if (vma.end() > end) {
                if (vma.isSplitRefused(vma.start(), end)) {
                    return -Errno.EINVAL;
                }
                VmaMerge.splitAlways(vma, end, VmaMerge.NewPart.ABOVE);
            }
            out.add(vma);
            UserfaultContext userfault = vma.userfault();
            if (userfault != null) {
                userfault.noteUnmap(start, end);
            }
            vma = tree.next(vma);
        }
        return 0;
    }

    /**
     * Takes collected areas out of the tree and drops their pages and page tables: {@code mm/vma.c:vms_clear_ptes()}.
     *
     * @param mm the address space
     * @param detached what {@link #gather} collected
     */
    static void detach(Mm mm, Detached detached) {
        List<Vma> vmas = detached.vmas;
        if (vmas.isEmpty()) {
            return;
        }
        VmaTree tree = mm.vmas();
        detached.previous = tree.previous(vmas.getFirst());
        detached.next = tree.next(vmas.getLast());
        for (Vma vma : vmas) {
            tree.remove(vma);
        }
        mm.updateHiwaterRss();
        Vma previous = detached.previous;
        Vma next = detached.next;
        mm.services()
                .pageTables()
                .unmapRegion(mm, vmas, previous == null ? 0 : previous.end(), next == null ? 0 : next.start());
    }

    /**
     * Unlinks the areas that a call took out and tells drivers of their end, before the mapping that takes their place asks a driver: {@code mm/vma.c:vms_clean_up_area()}.
     * Their files are held until {@link #complete}.
     *
     * @param detached what {@link #detach} took out
     */
    static void close(Detached detached) {
        if (detached.isClosed) {
            return;
        }
        detached.isClosed = true;
        for (Vma vma : detached.vmas) {
            if (!vma.anonVmaChain().isEmpty()) {
                vma.mm().services().anonVmas().unlink(vma);
            }
            vma.closed();
            MappedFile file = vma.file();
            if (file != null) {
                file.vmaUnlinked(vma);
            }
        }
    }

    /**
     * Brings the counters up to date and lets go of files and anon_vmas: {@code mm/vma.c:vms_complete_munmap_vmas()}.
     *
     * @param mm the address space
     * @param detached what {@link #detach} took out
     */
    static void complete(Mm mm, Detached detached) {
        if (detached.vmas.isEmpty()) {
            return;
        }
        close(detached);
        mm.updateHiwaterVm();
        for (Vma vma : detached.vmas) {
            KernelBug.on(vma.isAttached(), "unmapped area is still in the tree");
            mm.account(vma.flags(), -vma.pages());
            if (vma.has(VmaFlags.VM_LOCKED)) {
                mm.addLockedVm(-vma.pages());
            }
            MappedFile file = vma.file();
            if (file != null) {
                file.put();
            }
        }
        mm.services().overcommit().uncharge(detached.accountedPages);
        detached.vmas.clear();
    }
}
