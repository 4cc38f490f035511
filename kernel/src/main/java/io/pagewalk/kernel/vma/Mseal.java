package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code mseal()}: {@code mm/mseal.c:do_mseal()}. */
public final class Mseal {
    private Mseal() {}

    /**
     * Forbids further changes of a range's areas.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param flags must be 0
     * @return 0, {@code -EINVAL}, {@code -ENOMEM} for a hole or too many areas
     */
    public static long mseal(Mm mm, long start, long length, long flags) {
        long size = Pages.align(length);
        long end = start + size;
        if (flags != 0 || Pages.offset(start) != 0 || (length != 0 && size == 0) || Pages.above(start, end)) {
            return -Errno.EINVAL;
        }
        for (long at = start; Pages.above(end, at); ) {
            Vma vma = at < 0 ? null : mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            at = vma.end();
        }
        long at = start;
        while (at < end) {
            Vma vma = mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            long stop = Math.min(vma.end(), end);
            if (!vma.has(VmaFlags.VM_SEALED)) {
                Vma sealed = VmaMerge.modifyFlags(vma, at, stop, vma.flags() | VmaFlags.VM_SEALED);
                if (sealed == null) {
                    return -Errno.ENOMEM;
                }
                sealed.setFlags(sealed.flags() | VmaFlags.VM_SEALED);
            }
            at = stop;
        }
        return 0;
    }
}
