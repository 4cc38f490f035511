package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code mincore()}: {@code mm/mincore.c}. */
public final class Mincore {
    private static final int PAGES_AT_ONCE = 4096;

    private Mincore() {}

    /**
     * Tells which pages of a range are in memory.
     *
     * @param task who asks
     * @param start first address, page aligned
     * @param length bytes
     * @param vec user address of one byte a page
     * @return 0, {@code -EINVAL}, {@code -ENOMEM} for a hole or a range outside user space, {@code -EFAULT} for a bad {@code vec}
     */
    public static long mincore(MmTask task, long start, long length, long vec) {
        Mm mm = task.mm();
        if (Pages.offset(start) != 0) {
            return -Errno.EINVAL;
        }
        if (!isUserRange(mm, start, length)) {
            return -Errno.ENOMEM;
        }
        long pages = (length >>> Vma.PAGE_SHIFT) + (Pages.offset(length) != 0 ? 1 : 0);
        if (!isUserRange(mm, vec, pages)) {
            return -Errno.EFAULT;
        }
        byte[] bytes = new byte[(int) Math.min(pages, PAGES_AT_ONCE)];
        long at = start;
        long to = vec;
        while (pages > 0) {
            Vma vma = mm.vmas().find(at);
            if (vma == null) {
                return -Errno.ENOMEM;
            }
            int count = (int) Math.min(Math.min(pages, PAGES_AT_ONCE), (vma.end() - at) >>> Vma.PAGE_SHIFT);
            for (int i = 0; i < count; i++) {
                long vaddr = at + ((long) i << Vma.PAGE_SHIFT);
                bytes[i] = (byte) (mm.services().pageTables().isInCore(vma, vaddr) ? 1 : 0);
            }
            if (task.userMemory().copyToUser(to, bytes, 0, count) != 0) {
                return -Errno.EFAULT;
            }
            pages -= count;
            to += count;
            at += (long) count << Vma.PAGE_SHIFT;
        }
        return 0;
    }

    /** {@code access_ok()}. */
    private static boolean isUserRange(Mm mm, long start, long length) {
        long end = start + length;
        return !Pages.above(start, end) && !Pages.above(end, mm.taskSize());
    }
}
