package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/** {@code munmap()}: {@code mm/vma.c:do_vmi_munmap()}. */
public final class Munmap {
    private Munmap() {}

    /**
     * Unmaps a range; holes in it do not matter.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @return 0 or a negative errno
     */
    public static long munmap(Mm mm, long start, long length) {
        return -Errno.ENOSYS;
    }

    /**
     * Unmaps everything when the last user is gone: {@code mm/mmap.c:exit_mmap()}.
     *
     * @param mm the address space
     */
    public static void exitMmap(Mm mm) {}
}
