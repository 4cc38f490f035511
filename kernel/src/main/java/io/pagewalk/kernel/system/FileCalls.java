package io.pagewalk.kernel.system;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.FileIo;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.huge.HugePageFiles;
import io.pagewalk.kernel.ksm.KsmFiles;
import io.pagewalk.kernel.procfs.ProcFiles;
import io.pagewalk.kernel.procfs.TextFile;
import io.pagewalk.kernel.shmem.SeekHole;
import io.pagewalk.kernel.shmem.TmpfsMount;
import io.pagewalk.kernel.shmem.ZeroDevice;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.userfaultfd.UserfaultDevice;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** System calls on files: {@code fs/read_write.c}, {@code fs/open.c}, {@code fs/fcntl.c}. */
final class FileCalls {
    private static final int F_DUPFD = 0;
    private static final int F_GETFD = 1;
    private static final int F_SETFD = 2;
    private static final int F_GETFL = 3;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final String ROOT_DIRECTORY = "/";
    private static final int IOVEC_BYTES = 16;
    private static final int MAX_IOVECS = 1024;
    private static final int PATH_MAX = 4096;
    private static final int CREATE_NEW = OpenFile.O_CREAT | OpenFile.O_EXCL;
    private static final int PERMISSION_BITS = 0777;
    /** {@code MAX_RW_COUNT}: one call moves at most 2 GiB less a page. */
    private static final long MAX_RW_COUNT = 0x7ffff000L;

    private static final String KSM_DIRECTORY = "/sys/kernel/mm/ksm/";
    private static final String HUGE_PAGE_DIRECTORY = "/sys/kernel/mm/transparent_hugepage/";

    private final LinuxKernel kernel;
    private final FileSystem files;
    private final FileIo io;
    private final DeviceCalls deviceCalls;
    private final ProcFiles procFiles;

    FileCalls(LinuxKernel kernel) {
        this.kernel = kernel;
        this.files = kernel.files();
        this.io = new FileIo(files.cache(), kernel.folios(), kernel.machine().bus());
        this.deviceCalls = new DeviceCalls(kernel);
        this.procFiles = new ProcFiles(kernel.taskMmuServices(), files, new TaskNumbers(kernel));
    }

    void register(SyscallDoor<Task> door) {
        door.register("read", (t, a) -> read(t, a.a0, a.a1, a.a2, -1));
        door.register("pread64", (t, a) -> a.a3 < 0 ? -Errno.EINVAL : read(t, a.a0, a.a1, a.a2, a.a3));
        door.register("write", (t, a) -> write(t, a.a0, a.a1, a.a2, -1));
        door.register("pwrite64", (t, a) -> a.a3 < 0 ? -Errno.EINVAL : write(t, a.a0, a.a1, a.a2, a.a3));
        door.register("readv", (t, a) -> vector(t, a, Access.STORE, -1));
        door.register("writev", (t, a) -> vector(t, a, Access.LOAD, -1));
        door.register("preadv", (t, a) -> vector(t, a, Access.STORE, a.a3));
        door.register("pwritev", (t, a) -> vector(t, a, Access.LOAD, a.a3));
        door.register("open", (t, a) -> open(t, a, a.a0, (int) a.a1, a.a2));
        door.register("openat", (t, a) -> open(t, a, a.a1, (int) a.a2, a.a3));
        door.register(
                "creat", (t, a) -> open(t, a, a.a0, OpenFile.O_CREAT | OpenFile.O_WRONLY | OpenFile.O_TRUNC, a.a1));
        door.register("close", (t, a) -> t.files().close(a.a0) ? 0 : -Errno.EBADF);
        door.register("lseek", (t, a) -> lseek(t, a));
        door.register("dup", (t, a) -> dup(t, a.a0, 0, false));
        door.register("dup2", (t, a) -> dupTo(t, a.a0, a.a1, false));
        door.register(
                "dup3",
                (t, a) -> a.a0 == a.a1 ? -Errno.EINVAL : dupTo(t, a.a0, a.a1, (a.a2 & OpenFile.O_CLOEXEC) != 0));
        door.register("fcntl", (t, a) -> fcntl(t, a));
        door.register("ioctl", (t, a) -> DeviceCalls.ioctl(t, t.files().get(a.a0), (int) a.a1, a.a2));
        door.register("ftruncate", (t, a) -> ftruncate(t, a.a0, a.a1));
        door.register("truncate", (t, a) -> truncate(t, a));
        door.register("socketpair", (t, a) -> socketPair(t, a.a3, (int) a.a1));
        door.register("socket", (t, a) -> stream(t, "socket:", (int) a.a1));
        door.register("eventfd", (t, a) -> stream(t, "anon_inode:[eventfd]", 0));
        door.register("eventfd2", (t, a) -> stream(t, "anon_inode:[eventfd]", (int) a.a1));
        door.register("epoll_create", (t, a) -> stream(t, "anon_inode:[eventpoll]", 0));
        door.register("epoll_create1", (t, a) -> stream(t, "anon_inode:[eventpoll]", (int) a.a0));
        door.register("timerfd_create", (t, a) -> stream(t, "anon_inode:[timerfd]", (int) a.a1));
        door.register("inotify_init1", (t, a) -> stream(t, "anon_inode:inotify", (int) a.a0));
        door.register("unlink", (t, a) -> unlink(t, a, a.a0));
        door.register("unlinkat", (t, a) -> unlink(t, a, a.a1));
        door.register("fsync", (t, a) -> t.files().get(a.a0) == null ? -Errno.EBADF : 0);
        door.register("fdatasync", (t, a) -> t.files().get(a.a0) == null ? -Errno.EBADF : 0);
    }

    private FileIo.UserBuffer bufferOf(Task task) {
        return new FileIo.UserBuffer() {
            @Override
            public long physical(long vaddr, boolean isWrite) {
                return kernel.touchForKernel(task, vaddr, isWrite ? Access.STORE : Access.LOAD);
            }

            @Override
            public long faults() {
                return task.minorFaults() + task.majorFaults();
            }
        };
    }

    /** A negative offset means the file's own position. */
    private long read(Task task, long fd, long vaddr, long count, long offset) {
        OpenFile file = task.files().get(fd);
        if (file == null || !file.isReadable()) {
            return -Errno.EBADF;
        }
        if (count < 0) {
            return -Errno.EINVAL;
        }
        long bytes = Math.min(count, MAX_RW_COUNT);
        switch (file.inodeObject().kind()) {
            case DIRECTORY -> {
                return -Errno.EISDIR;
            }
            case STREAM -> {
                return file.inodeObject().charDevice() != null
                        ? deviceCalls.read(task, file, vaddr, bytes, offset)
                        : readStream(task, file, vaddr, bytes);
            }
            case REGULAR, SHMEM, HUGETLB -> {}
        }
        long from = offset < 0 ? file.positionBytes() : offset;
        if (from + bytes < 0) {
            return -Errno.EINVAL;
        }
        long result = file.hugePageBytes() != 0
                ? HugetlbCalls.read(kernel, task, file, from, vaddr, bytes)
                : io.read(file, from, vaddr, bytes, bufferOf(task));
        if (result > 0) {
            chargeCopy(result);
            if (offset < 0 && !task.isAsleep()) {
                file.setPositionBytes(from + result);
            }
        }
        return result;
    }

    private long readStream(Task task, OpenFile file, long vaddr, long bytes) {
        return switch (file.inodeObject().path()) {
            case "/dev/zero", "/dev/urandom", "/dev/random" ->
                kernel.copyToUser(task, vaddr, bytes) == 0 ? bytes : -Errno.EFAULT;
            default -> 0;
        };
    }

    private long write(Task task, long fd, long vaddr, long count, long offset) {
        OpenFile file = task.files().get(fd);
        if (file == null || !file.isWritable()) {
            return -Errno.EBADF;
        }
        if (count < 0) {
            return -Errno.EINVAL;
        }
        long bytes = Math.min(count, MAX_RW_COUNT);
        switch (file.inodeObject().kind()) {
            case DIRECTORY -> {
                return -Errno.EISDIR;
            }
            case STREAM -> {
                return file.inodeObject().charDevice() != null
                        ? deviceCalls.write(task, file, vaddr, bytes, offset)
                        : kernel.copyFromUser(task, vaddr, bytes) == 0 ? bytes : -Errno.EFAULT;
            }
            case HUGETLB -> {
                // There is neither write() nor write_iter().
                return -Errno.EINVAL;
            }
            case REGULAR, SHMEM -> {}
        }
        // With O_APPEND a given offset does not matter: fs/read_write.c:generic_write_checks().
        boolean isAppend = (file.flags() & OpenFile.O_APPEND) != 0;
        long from = isAppend ? file.sizeBytes() : offset < 0 ? file.positionBytes() : offset;
        if (from + bytes < 0) {
            return -Errno.EINVAL;
        }
        long allowed = bytes == 0 ? 0 : task.group().limits().allowedWrite(from, bytes);
        if (allowed < 0) {
            return -Errno.EFBIG;
        }
        long result = io.write(file, from, vaddr, allowed, bufferOf(task));
        if (result > 0) {
            chargeCopy(result);
            if (offset < 0 && !task.isAsleep()) {
                file.setPositionBytes(from + result);
            }
        }
        return result;
    }

    private void chargeCopy(long bytes) {
        kernel.time().charge(Cause.COPY, (bytes * kernel.options().costs().copyNanosPerKib()) >>> 10);
    }

    private long vector(Task task, SyscallArgs args, int kind, long offset) {
        OpenFile file = task.files().get(args.a0);
        long before = file == null ? 0 : file.positionBytes();
        long result = pieces(task, args, kind, offset);
        if (file != null && task.isAsleep()) {
            file.setPositionBytes(before);
        }
        return result;
    }

    private long pieces(Task task, SyscallArgs args, int kind, long offset) {
        if (args.a2 < 0 || args.a2 > MAX_IOVECS) {
            return -Errno.EINVAL;
        }
        long total = 0;
        byte[] entry = new byte[IOVEC_BYTES];
        for (int i = 0; i < args.a2; i++) {
            if (task.userMemory().copyFromUser(entry, 0, IOVEC_BYTES, args.a1 + (long) i * IOVEC_BYTES) != 0) {
                return total > 0 ? total : -Errno.EFAULT;
            }
            long base = little(entry, 0);
            long length = little(entry, 8);
            long at = offset < 0 ? -1 : offset + total;
            long result = kind == Access.STORE
                    ? read(task, args.a0, base, length, at)
                    : write(task, args.a0, base, length, at);
            if (result < 0) {
                return total > 0 ? total : result;
            }
            total += result;
            if (result < length) {
                break;
            }
        }
        return total;
    }

    private static long little(byte[] bytes, int at) {
        long value = 0;
        for (int i = 7; i >= 0; i--) {
            value = (value << 8) | (bytes[at + i] & 0xff);
        }
        return value;
    }

    private long open(Task task, SyscallArgs args, long pathAddress, int flags, long mode) {
        String path = pathOf(task, args.path, pathAddress);
        if (path == null) {
            return -Errno.EFAULT;
        }
        Inode inode = files.lookup(path);
        if (inode == null) {
            if (path.equals(ROOT_DIRECTORY)) {
                inode = files.registerSpecial(path, Inode.Kind.DIRECTORY);
            } else if (path.equals(ZeroDevice.PATH)) {
                ZeroDevice driver = new ZeroDevice(kernel.sharedMemory().files());
                inode = files.registerDevice(path, ZeroDevice.MAJOR, ZeroDevice.MINOR, driver);
                if (inode == null) {
                    return -Errno.ENXIO;
                }
            } else if (path.equals(UserfaultDevice.PATH)) {
                CharDevice driver = kernel.userfaults().device();
                inode = files.registerDevice(path, UserfaultDevice.MAJOR, UserfaultDevice.MINOR, driver);
                if (inode == null) {
                    return -Errno.ENXIO;
                }
            } else if (path.startsWith("/dev/") && !path.startsWith("/dev/shm/")) {
                inode = files.registerSpecial(path, Inode.Kind.STREAM);
            } else if (path.startsWith("/proc/")) {
                return openProc(task, path, flags);
            } else if (kernel.hugetlb().pools().hasFile(path)) {
                return HugetlbCalls.openPool(kernel, task, path, flags);
            } else if (path.startsWith(KSM_DIRECTORY)) {
                return openAttribute(task, path, flags, ksmAttribute(path.substring(KSM_DIRECTORY.length())));
            } else if (path.startsWith(HUGE_PAGE_DIRECTORY)) {
                String name = path.substring(HUGE_PAGE_DIRECTORY.length());
                return openAttribute(task, path, flags, hugePageAttribute(name));
            } else if ((flags & OpenFile.O_CREAT) != 0) {
                TmpfsMount mount = kernel.sharedMemory().files().mountOf(path);
                inode = mount == null
                        ? HugetlbCalls.create(kernel, path, (int) mode & PERMISSION_BITS)
                        : kernel.sharedMemory().files().createFile(mount, path, (int) mode & PERMISSION_BITS);
                if (inode == null) {
                    return -Errno.ENOSPC;
                }
            } else {
                return -Errno.ENOENT;
            }
        } else if ((flags & CREATE_NEW) == CREATE_NEW) {
            return -Errno.EEXIST;
        }
        if ((flags & OpenFile.O_DIRECTORY) != 0 && inode.kind() != Inode.Kind.DIRECTORY) {
            return -Errno.ENOTDIR;
        }
        if (inode.charDevice() != null) {
            return DeviceCalls.open(task, files.open(inode, flags));
        }
        if ((flags & OpenFile.O_TRUNC) != 0 && (flags & OpenFile.O_ACCMODE) != 0) {
            long error = files.truncate(inode, 0);
            if (error != 0) {
                return error;
            }
        }
        return task.files().install(files.open(inode, flags), 0, (flags & OpenFile.O_CLOEXEC) != 0);
    }

    /** A file of sysfs. */
    private record Attribute(TextFile operations, boolean isWritable) {}

    private @Nullable Attribute ksmAttribute(String name) {
        KsmFiles ksm = kernel.ksmFiles();
        return ksm.texts().containsKey(name)
                ? new Attribute(
                        new TextFile(() -> ksm.texts().getOrDefault(name, ""), text -> ksm.write(name, text)),
                        KsmFiles.isWritable(name))
                : null;
    }

    private @Nullable Attribute hugePageAttribute(String name) {
        HugePageFiles huge = kernel.hugePageFiles();
        return huge.text(name) != null
                ? new Attribute(
                        new TextFile(
                                () -> Objects.requireNonNullElse(huge.text(name), ""), text -> huge.write(name, text)),
                        huge.isWritable(name))
                : null;
    }

    /** {@code fs/kernfs/file.c:kernfs_fop_open()}, which asks for the rights of the attribute whoever opens it. */
    private long openAttribute(Task task, String path, int flags, @Nullable Attribute attribute) {
        if (attribute == null) {
            return (flags & OpenFile.O_CREAT) != 0 ? -Errno.EACCES : -Errno.ENOENT;
        }
        if ((flags & OpenFile.O_ACCMODE) != 0 && !attribute.isWritable()) {
            return -Errno.EACCES;
        }
        OpenFile file = files.openAnonymous(path, flags, attribute.operations());
        return task.files().install(file, 0, (flags & OpenFile.O_CLOEXEC) != 0);
    }

    private long openProc(Task task, String path, int flags) {
        boolean isCloseOnExec = (flags & OpenFile.O_CLOEXEC) != 0;
        boolean isPrivileged = task.mm().isPrivileged();
        return procFiles.open(
                path, flags, task.tid(), isPrivileged, file -> task.files().install(file, 0, isCloseOnExec));
    }

    /** Returns the path a call names: the trace's, or the string in user memory. */
    static @Nullable String pathOf(Task task, @Nullable String known, long vaddr) {
        if (known != null) {
            return known;
        }
        byte[] bytes = new byte[PATH_MAX];
        for (int i = 0; i < PATH_MAX; i++) {
            if (task.userMemory().copyFromUser(bytes, i, 1, vaddr + i) != 0) {
                return null;
            }
            if (bytes[i] == 0) {
                return new String(bytes, 0, i, StandardCharsets.UTF_8);
            }
        }
        return null;
    }

    private long lseek(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        CharDevice device = file.inodeObject().charDevice();
        if (device != null && device.hasOwnSeek()) {
            return device.seek(file, args.a1, (int) args.a2);
        }
        boolean hasPositions =
                device == null ? file.inodeObject().kind() != Inode.Kind.STREAM : device.sizeBytes() >= 0;
        if (!hasPositions) {
            return -Errno.ESPIPE;
        }
        long target;
        switch ((int) args.a2) {
            case 0 -> target = args.a1;
            case 1 -> target = file.positionBytes() + args.a1;
            case 2 -> target = (device == null ? file.sizeBytes() : device.sizeBytes()) + args.a1;
            case SeekHole.SEEK_DATA, SeekHole.SEEK_HOLE -> {
                if (!file.canMmap() || device != null) {
                    return -Errno.EINVAL;
                }
                target = SeekHole.seek(files.cache(), file.inodeObject(), args.a1, (int) args.a2);
                if (target < 0) {
                    return target;
                }
            }
            default -> {
                return -Errno.EINVAL;
            }
        }
        if (target < 0) {
            return -Errno.EINVAL;
        }
        file.setPositionBytes(target);
        return target;
    }

    private static long dup(Task task, long fd, int from, boolean isCloseOnExec) {
        OpenFile file = task.files().get(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        file.get();
        return task.files().install(file, from, isCloseOnExec);
    }

    private static long dupTo(Task task, long fd, long target, boolean isCloseOnExec) {
        OpenFile file = task.files().get(fd);
        if (file == null || target < 0 || target > Short.MAX_VALUE * 32) {
            return -Errno.EBADF;
        }
        if (fd != target) {
            file.get();
            task.files().installAt(file, (int) target, isCloseOnExec);
        }
        return target;
    }

    private long fcntl(Task task, SyscallArgs args) {
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        switch ((int) args.a1) {
            case F_DUPFD -> {
                return dup(task, args.a0, (int) args.a2, false);
            }
            case F_DUPFD_CLOEXEC -> {
                return dup(task, args.a0, (int) args.a2, true);
            }
            case F_GETFD -> {
                return task.files().isCloseOnExec((int) args.a0) ? 1 : 0;
            }
            case F_SETFD -> {
                task.files().setCloseOnExec((int) args.a0, (args.a2 & 1) != 0);
                return 0;
            }
            case F_ADD_SEALS -> {
                return HugetlbCalls.addSeals(kernel, file, (int) args.a2);
            }
            case F_GET_SEALS -> {
                return HugetlbCalls.getSeals(file);
            }
            case PipeCalls.F_SETPIPE_SZ, PipeCalls.F_GETPIPE_SZ -> {
                return PipeCalls.fcntl(task, file, (int) args.a1, (int) args.a2);
            }
            case F_GETFL -> {
                return file.flags() & ~(OpenFile.O_CLOEXEC | OpenFile.O_CREAT | OpenFile.O_TRUNC);
            }
            default -> {
                return 0;
            }
        }
    }

    private long ftruncate(Task task, long fd, long length) {
        OpenFile file = task.files().get(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        if (length < 0
                || !file.canMmap()
                || !file.isWritable()
                || file.inodeObject().charDevice() != null) {
            return -Errno.EINVAL;
        }
        return resize(task, file.inodeObject(), length);
    }

    private long truncate(Task task, SyscallArgs args) {
        String path = pathOf(task, args.path, args.a0);
        Inode inode = path == null ? null : files.lookup(path);
        if (inode == null) {
            return path == null ? -Errno.EFAULT : -Errno.ENOENT;
        }
        if (args.a1 < 0) {
            return -Errno.EINVAL;
        }
        return resize(task, inode, args.a1);
    }

    private long resize(Task task, Inode inode, long length) {
        return task.group().limits().allowsFileSize(inode.sizeBytes(), length)
                ? files.truncate(inode, length)
                : -Errno.EFBIG;
    }

    private long socketPair(Task task, long vaddr, int type) {
        OpenFile first = files.openAnonymous("socket:", OpenFile.O_RDWR);
        OpenFile second = files.openAnonymous("socket:", OpenFile.O_RDWR);
        return installPair(task, vaddr, first, second, (type & OpenFile.O_CLOEXEC) != 0);
    }

    /** Gives two files descriptors and stores these; returns 0 or {@code -EFAULT}, after which neither is open. */
    static long installPair(Task task, long vaddr, OpenFile one, OpenFile other, boolean isCloseOnExec) {
        int first = task.files().install(one, 0, isCloseOnExec);
        int second = task.files().install(other, 0, isCloseOnExec);
        byte[] numbers = new byte[8];
        for (int i = 0; i < 4; i++) {
            numbers[i] = (byte) (first >>> (8 * i));
            numbers[4 + i] = (byte) (second >>> (8 * i));
        }
        if (task.userMemory().copyToUser(vaddr, numbers, 0, numbers.length) != 0) {
            task.files().close(first);
            task.files().close(second);
            return -Errno.EFAULT;
        }
        return 0;
    }

    private long stream(Task task, String name, int flags) {
        return task.files().install(files.openAnonymous(name, OpenFile.O_RDWR), 0, (flags & OpenFile.O_CLOEXEC) != 0);
    }

    private long unlink(Task task, SyscallArgs args, long pathAddress) {
        String path = pathOf(task, args.path, pathAddress);
        if (path == null) {
            return -Errno.EFAULT;
        }
        return files.unlink(path) ? 0 : -Errno.ENOENT;
    }
}
