package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code brk()}: {@code mm/mmap.c:SYSCALL_DEFINE1(brk)}. */
public final class Brk {
    private Brk() {}

    /**
     * Moves the end of the heap.
     *
     * @param mm the address space
     * @param brk the new end
     * @return the new end, or the old one when the heap could not be changed
     */
    public static long brk(Mm mm, long brk) {
        long old = mm.brk();
        if (Pages.above(mm.startBrk(), brk) || breaksDataLimit(mm, brk)) {
            return old;
        }
        long newEnd = Pages.align(brk);
        long oldEnd = Pages.align(old);
        if (newEnd == oldEnd) {
            mm.setBrk(mm.startBrk(), brk);
            return brk;
        }
        if (!Pages.above(brk, old)) {
            Vma vma = mm.vmas().findIntersection(newEnd, oldEnd);
            if (vma == null || Munmap.unmapAligned(mm, newEnd, oldEnd) != 0) {
                return old;
            }
            mm.setBrk(mm.startBrk(), brk);
            return brk;
        }
        if (Errno.isError(UnmappedArea.get(mm, null, oldEnd, newEnd - oldEnd, 0, MapFlags.MAP_FIXED))
                || !MmLimits.mlockFutureOk(mm, mm.defFlags(), newEnd - oldEnd)) {
            return old;
        }
        // One page, and the guard gap of a stack, must stay free above the heap.
        long guarded = newEnd + Pages.SIZE + mm.layout().stackGuardGapBytes();
        Vma next = mm.vmas().findIntersection(oldEnd, guarded);
        if (next != null && newEnd + Pages.SIZE > next.startWithGap()) {
            return old;
        }
        if (extend(mm, oldEnd, newEnd - oldEnd) != 0) {
            return old;
        }
        mm.setBrk(mm.startBrk(), brk);
        if ((mm.defFlags() & VmaFlags.VM_LOCKED) != 0) {
            Populate.populate(mm, oldEnd, newEnd - oldEnd, Populate.OnError.SKIP_AREA);
        }
        return brk;
    }

    /**
     * Maps zeroed private memory, merging it only with the heap below: {@code mm/vma.c:do_brk_flags()}.
     *
     * @param mm the address space
     * @param start first address, a hole of the wanted length
     * @param length bytes, a multiple of the page size
     * @return 0 or {@code -ENOMEM}
     */
    static long extend(Mm mm, long start, long length) {
        long pages = length >>> Vma.PAGE_SHIFT;
        long flags = KsmOps.flagsOfNewArea(mm, VmaFlags.VM_DATA_DEFAULT_FLAGS | VmaFlags.VM_ACCOUNT | mm.defFlags());
        if (!MmLimits.mayExpandVm(mm, flags, pages)
                || mm.mapCount() > mm.services().settings().maxMapCount()
                || mm.services().overcommit().charge(mm, pages) != 0) {
            return -Errno.ENOMEM;
        }
        Vma below = mm.vmas().findLastBelow(start);
        Vma heap = below != null && below.end() > mm.startBrk() ? below : null;
        long pgoff = start >>> Vma.PAGE_SHIFT;
        Vma grown = VmaMerge.mergeNew(VmaMerge.Range.fresh(mm, start, start + length, pgoff, flags, null), heap, null);
        if (grown == null) {
            grown = new Vma(mm, start, start + length, flags, pgoff, null);
            if (!grown.takeObject()) {
                mm.services().overcommit().uncharge(pages);
                return -Errno.ENOMEM;
            }
            VmaMerge.link(grown);
        }
        grown.markSoftDirty();
        mm.account(flags, pages);
        if ((flags & VmaFlags.VM_LOCKED) != 0) {
            mm.addLockedVm(pages);
        }
        return 0;
    }

    /** {@code include/linux/mm.h:check_data_rlimit()}. */
    private static boolean breaksDataLimit(Mm mm, long brk) {
        long limit = mm.limits().soft(ResourceLimits.RLIMIT_DATA);
        return Pages.above(brk - mm.startBrk() + mm.endData() - mm.startData(), limit);
    }
}
