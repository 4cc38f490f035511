package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code msync()}: {@code mm/msync.c}. */
public final class Msync {
    /** Write later; nothing to do. */
    public static final int MS_ASYNC = 1;

    /** Refuse locked memory. */
    public static final int MS_INVALIDATE = 2;

    /** Write now. */
    public static final int MS_SYNC = 4;

    private Msync() {}

    /**
     * Writes the dirty pages of shared file mappings.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param flags {@code MS_*}
     * @return 0, {@code -EINVAL}, {@code -ENOMEM} for a hole, {@code -EBUSY} for a locked area, or what writing gave
     */
    public static long msync(Mm mm, long start, long length, int flags) {
        if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0
                || Pages.offset(start) != 0
                || ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0)) {
            return -Errno.EINVAL;
        }
        long end = start + Pages.align(length);
        if (Pages.above(start, end)) {
            return -Errno.ENOMEM;
        }
        long hole = 0;
        long at = start;
        while (Pages.above(end, at)) {
            Vma vma = at < 0 ? null : mm.vmas().findFirst(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            if (at < vma.start()) {
                if (flags == MS_ASYNC) {
                    return -Errno.ENOMEM;
                }
                at = vma.start();
                if (!Pages.above(end, at)) {
                    return -Errno.ENOMEM;
                }
                hole = -Errno.ENOMEM;
            }
            if ((flags & MS_INVALIDATE) != 0 && vma.has(VmaFlags.VM_LOCKED)) {
                return -Errno.EBUSY;
            }
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            if ((flags & MS_SYNC) != 0 && vma.file() != null && vma.has(VmaFlags.VM_SHARED)) {
                long error = mm.services().pageTables().sync(vma, at, stop);
                if (error != 0) {
                    return error;
                }
            }
            at = vma.end();
        }
        return hole;
    }
}
