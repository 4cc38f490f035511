package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** Faulting in whole ranges before they are touched: {@code mm/gup.c:__mm_populate()}. */
final class Populate {
    private Populate() {}

    /** What to do when a page cannot be had. */
    enum OnError {
        /** Go on with the next area, as {@code mmap(MAP_POPULATE)} does. */
        SKIP_AREA,
        /** Stop, as {@code mlock()} does. */
        STOP
    }

    /**
     * Faults in a range.
     *
     * @param mm the address space
     * @param start first address
     * @param length bytes
     * @param onError what to do when a page cannot be had
     * @return 0, or a negative errno with {@link OnError#STOP}
     */
    static long populate(Mm mm, long start, long length, OnError onError) {
        long end = start + length;
        if (length == 0) {
            return 0;
        }
        Vma vma = mm.vmas().findIntersection(start, end);
        while (vma != null) {
            long from = Math.max(start, vma.start());
            long to = Math.min(end, vma.end());
            if (!vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP)) {
                long error = populateVma(vma, from, to);
                if (error < 0 && onError == OnError.STOP) {
                    return error;
                }
            }
            if (to >= end) {
                return 0;
            }
            vma = mm.vmas().findIntersection(to, end);
        }
        return 0;
    }

    /**
     * Faults in a part of one area: {@code mm/gup.c:populate_vma_page_range()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @return 0 or a negative errno
     */
    static long populateVma(Vma vma, long start, long end) {
        if (vma.has(VmaFlags.VM_LOCKONFAULT)) {
            return 0;
        }
        if (!vma.has(VmaFlags.VM_ACCESS_FLAGS)) {
            return -Errno.EFAULT;
        }
        boolean write = (vma.flags() & (VmaFlags.VM_WRITE | VmaFlags.VM_SHARED)) == VmaFlags.VM_WRITE;
        if (!ProtectionKeys.permits(vma, write)) {
            return -Errno.EFAULT;
        }
        return vma.mm().services().pageTables().populate(vma, start, end, write);
    }

    /**
     * Faults in a writable private part of one area without letting go of it meanwhile, so that a page which must be read counts as a major fault:
     * {@code populate_vma_page_range()} without {@code locked}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     */
    static void populateAtOnce(Vma vma, long start, long end) {
        if (!vma.has(VmaFlags.VM_LOCKONFAULT) && ProtectionKeys.permits(vma, true)) {
            vma.mm().services().pageTables().faultIn(vma, start, end, true);
        }
    }
}
