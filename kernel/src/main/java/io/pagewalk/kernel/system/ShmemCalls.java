package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.hugetlb.Hugetlb;
import io.pagewalk.kernel.hugetlb.HugetlbInode;
import io.pagewalk.kernel.hugetlb.HugetlbMount;
import io.pagewalk.kernel.ipc.ShmControl;
import io.pagewalk.kernel.ipc.SysvShm;
import io.pagewalk.kernel.shmem.Fallocate;
import io.pagewalk.kernel.shmem.Memfd;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.shmem.TmpfsMount;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;

/** System calls on files in memory: {@code memfd_create()}, {@code fallocate()}, what asks for their state, and those of System V shared memory. */
final class ShmemCalls {
    private static final int MODE_BITS = 07777;

    private final LinuxKernel kernel;

    ShmemCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void register(SyscallDoor<Task> door) {
        door.register("memfd_create", this::memfdCreate);
        door.register("fallocate", this::fallocate);
        door.register("fstat", this::fstat);
        door.register("statfs", this::statfs);
        door.register("fstatfs", this::fstatfs);
        door.register("fchmod", this::fchmod);
        SysvShm shm = kernel.sharedMemory().segments();
        door.register("shmget", (t, a) -> shm.get((int) a.a0, a.a1, (int) a.a2));
        door.register("shmat", (t, a) -> shm.attach(t.mm(), (int) a.a0, a.a1, (int) a.a2));
        door.register("shmdt", (t, a) -> shm.detach(t.mm(), a.a0));
        door.register("shmctl", (t, a) -> ShmControl.control(shm, t.userMemory(), (int) a.a0, (int) a.a1, a.a2));
    }

    /** {@code mm/memfd.c:SYSCALL_DEFINE2(memfd_create)}. */
    private long memfdCreate(Task task, SyscallArgs args) {
        int flags = (int) args.a1;
        long error = Memfd.checkFlags(flags);
        if (error != 0) {
            return error;
        }
        long complete = Memfd.completeFlags(flags, kernel.sysctls().get("memfd_noexec"));
        if (complete < 0) {
            return complete;
        }
        flags = (int) complete;
        String name = FileCalls.pathOf(task, args.path, args.a0);
        if (name == null) {
            return -Errno.EFAULT;
        }
        if (name.length() > Memfd.MAX_NAME_BYTES) {
            return -Errno.EINVAL;
        }
        if ((flags & Memfd.MFD_HUGETLB) != 0) {
            return HugetlbCalls.memfd(kernel, task, name, flags);
        }
        OpenFile file = Memfd.create(kernel.sharedMemory().files(), name, flags);
        return file == null ? -Errno.ENOMEM : task.files().install(file, 0, (flags & Memfd.MFD_CLOEXEC) != 0);
    }

    /** The structures of other files are touched and stay as they are. */
    private long fstat(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        HugetlbInode huge = file == null ? null : Hugetlb.inodeOf(file);
        if (file != null && huge != null) {
            return copied(task, args.a1, ShmemStat.stat(file.inodeObject(), huge));
        }
        if (file == null || !file.isShmem()) {
            return touched(task, args.a1, ShmemStat.STAT_BYTES);
        }
        return copied(task, args.a1, ShmemStat.stat(file.inodeObject()));
    }

    private long fstatfs(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        HugetlbInode huge = file == null ? null : Hugetlb.inodeOf(file);
        if (huge != null) {
            return copied(task, args.a1, ShmemStat.statfs(huge.mount()));
        }
        if (file == null || !file.isShmem()) {
            return touched(task, args.a1, ShmemStat.STATFS_BYTES);
        }
        return copied(
                task, args.a1, ShmemStat.statfs(Shmem.infoOf(file.inodeObject()).mount()));
    }

    private long statfs(Task task, SyscallArgs args) {
        String path = FileCalls.pathOf(task, args.path, args.a0);
        if (path == null) {
            return -Errno.EFAULT;
        }
        HugetlbMount huge = kernel.hugetlb().mountOf(path);
        if (huge != null) {
            return copied(task, args.a1, ShmemStat.statfs(huge));
        }
        TmpfsMount mount = kernel.sharedMemory().files().mountOf(path);
        return mount == null
                ? touched(task, args.a1, ShmemStat.STATFS_BYTES)
                : copied(task, args.a1, ShmemStat.statfs(mount));
    }

    private long touched(Task task, long vaddr, int bytes) {
        return kernel.copyToUser(task, vaddr, bytes) == 0 ? 0 : -Errno.EFAULT;
    }

    private static long copied(Task task, long vaddr, byte[] structure) {
        return task.userMemory().copyToUser(vaddr, structure, 0, structure.length) == 0 ? 0 : -Errno.EFAULT;
    }

    /** {@code fs/open.c:chmod_common()}, which matters for the seal on execution. */
    private long fchmod(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        return file.isShmem() ? Shmem.infoOf(file.inodeObject()).changeMode((int) args.a1 & MODE_BITS) : 0;
    }

    private long fallocate(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        return file == null
                ? -Errno.EBADF
                : Fallocate.fallocate(
                        kernel.files(),
                        file,
                        (int) args.a1,
                        args.a2,
                        args.a3,
                        task.group().limits());
    }
}
