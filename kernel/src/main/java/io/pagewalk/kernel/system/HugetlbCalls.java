package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.HugetlbInodeInfo;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.hugetlb.Hugetlb;
import io.pagewalk.kernel.hugetlb.HugetlbInode;
import io.pagewalk.kernel.hugetlb.HugetlbMount;
import io.pagewalk.kernel.procfs.TextFile;
import io.pagewalk.kernel.shmem.Memfd;
import io.pagewalk.kernel.shmem.Seals;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** What file calls do to files of huge pages. */
final class HugetlbCalls {
    private static final int PAGE_BYTES = 4096;
    private static final int EXECUTE_BITS = 0111;

    private HugetlbCalls() {}

    /** {@code hugetlbfs_read_iter()}: returns the bytes read, or {@code -EFAULT} when it was none. */
    static long read(LinuxKernel kernel, Task task, OpenFile file, long position, long vaddr, long count) {
        HugetlbInodeInfo info = file.inodeObject().hugetlb();
        long end = Math.min(position + count, file.sizeBytes());
        long at = position;
        byte[] page = new byte[PAGE_BYTES];
        while (info != null && at < end) {
            int offset = (int) at & (PAGE_BYTES - 1);
            int bytes = (int) Math.min(PAGE_BYTES - offset, end - at);
            long pfn = info.frameAt(at);
            for (int i = 0; i < bytes; i++) {
                page[i] = pfn < 0 ? 0 : (byte) kernel.machine().bus().read((pfn << 12) + offset + i, 1);
            }
            long left = task.userMemory().copyToUser(vaddr + at - position, page, 0, bytes);
            at += bytes - left;
            if (left != 0) {
                return at > position ? at - position : -Errno.EFAULT;
            }
        }
        return at - position;
    }

    /** Makes a file with a name on the file system that its path leads to: huge pages, or the disk. */
    static @Nullable Inode create(LinuxKernel kernel, String path, int mode) {
        HugetlbMount mount = kernel.hugetlb().mountOf(path);
        return mount == null
                ? kernel.files().register(path, 0, 0, 0, 0)
                : kernel.hugetlb().createFile(mount, path, mode);
    }

    /** {@code memfd_create()} with {@code MFD_HUGETLB}. */
    static long memfd(LinuxKernel kernel, Task task, String name, int flags) {
        int shift = Memfd.hugePageShift(flags);
        if (kernel.hugetlb().pageBytes(shift) == 0) {
            return -Errno.ENODEV;
        }
        OpenFile file = kernel.hugetlb().setup("/memfd:" + name, 0, VmaFlags.VM_NORESERVE, shift);
        HugetlbInode info = file == null ? null : Hugetlb.inodeOf(file);
        if (file == null || info == null) {
            return -Errno.ENOMEM;
        }
        if ((flags & Memfd.MFD_NOEXEC_SEAL) != 0) {
            info.setMode(info.mode() & ~EXECUTE_BITS);
            info.setSeals((info.seals() & ~Seals.F_SEAL_SEAL) | Seals.F_SEAL_EXEC);
        } else if ((flags & Memfd.MFD_ALLOW_SEALING) != 0) {
            info.setSeals(info.seals() & ~Seals.F_SEAL_SEAL);
        }
        return task.files().install(file, 0, (flags & Memfd.MFD_CLOEXEC) != 0);
    }

    /** Opens a file below {@code /sys/kernel/mm/hugepages}. */
    static long openPool(LinuxKernel kernel, Task task, String path, int flags) {
        boolean isReadOnly = path.endsWith("/free_hugepages")
                || path.endsWith("/resv_hugepages")
                || path.endsWith("/surplus_hugepages");
        if (isReadOnly && (flags & OpenFile.O_ACCMODE) != 0) {
            return -Errno.EACCES;
        }
        TextFile operations = new TextFile(
                () -> {
                    String text = kernel.hugetlb().pools().read(path);
                    return text == null ? "" : text;
                },
                text -> kernel.hugetlb().pools().write(path, text) ? 0 : -Errno.EINVAL);
        OpenFile file = kernel.files().openAnonymous(path, flags, operations);
        return task.files().install(file, 0, (flags & OpenFile.O_CLOEXEC) != 0);
    }

    /** {@code F_ADD_SEALS}: {@code memfd_add_seals()}. */
    static long addSeals(LinuxKernel kernel, OpenFile file, int seals) {
        HugetlbInode info = Hugetlb.inodeOf(file);
        if (info == null) {
            return Memfd.addSeals(file, seals, kernel.memmap());
        }
        return Memfd.addSeals(file, seals, info.seals(), info.mode(), info.hasHeldPages(), info::setSeals);
    }

    /** {@code F_GET_SEALS}: {@code memfd_get_seals()}. */
    static long getSeals(OpenFile file) {
        HugetlbInode info = Hugetlb.inodeOf(file);
        return info == null ? Memfd.getSeals(file) : info.seals();
    }
}
