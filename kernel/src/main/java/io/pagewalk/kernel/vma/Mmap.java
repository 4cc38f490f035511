package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** {@code mmap()}: {@code mm/mmap.c:do_mmap()}. */
public final class Mmap {
    private Mmap() {}

    /**
     * The system call.
     *
     * @param task who calls
     * @param addr where, or a hint
     * @param length bytes
     * @param prot {@code PROT_*}
     * @param flags {@code MAP_*}
     * @param fd descriptor, ignored with {@code MAP_ANONYMOUS}
     * @param offset byte offset in the file
     * @return the address, or a negative errno
     */
    public static long mmap(MmTask task, long addr, long length, long prot, long flags, int fd, long offset) {
        return -Errno.ENOSYS;
    }

    /**
     * Maps on the kernel's own behalf, as {@code execve()} does: {@code mm/util.c:vm_mmap_pgoff()}.
     *
     * @param mm the address space
     * @param file the file, null for anonymous memory
     * @param addr where, or a hint
     * @param length bytes
     * @param prot {@code PROT_*}
     * @param flags {@code MAP_*}
     * @param pgoff page offset in the file
     * @return the address, or a negative errno
     */
    public static long map(
            Mm mm, @Nullable MappedFile file, long addr, long length, long prot, long flags, long pgoff) {
        return -Errno.ENOSYS;
    }
}
