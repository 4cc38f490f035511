package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * {@code clone()} and {@code clone3()}: {@code kernel/fork.c}.
 *
 * <p>Differs from Linux: namespaces, signal handlers, cgroups and chosen process numbers are checked and not modelled, and the parent of {@code CLONE_VFORK} goes on at once.
 */
final class CloneCalls {
    private static final long CSIGNAL = 0xff;
    private static final long CLONE_NEWTIME = 0x80;
    private static final long CLONE_VM = 0x100;
    private static final long CLONE_FS = 0x200;
    private static final long CLONE_FILES = 0x400;
    private static final long CLONE_SIGHAND = 0x800;
    private static final long CLONE_PIDFD = 0x1000;
    private static final long CLONE_PARENT = 0x8000;
    private static final long CLONE_THREAD = 0x10000;
    private static final long CLONE_NEWNS = 0x20000;
    private static final long CLONE_PARENT_SETTID = 0x100000;
    private static final long CLONE_CHILD_CLEARTID = 0x200000;
    private static final long CLONE_DETACHED = 0x400000;
    private static final long CLONE_CHILD_SETTID = 0x1000000;
    private static final long CLONE_NEWUSER = 0x10000000;
    private static final long CLONE_NEWPID = 0x20000000;
    private static final long CLONE_LEGACY_FLAGS = 0xffffffffL;
    private static final long CLONE_CLEAR_SIGHAND = 1L << 32;
    private static final long CLONE_INTO_CGROUP = 1L << 33;
    private static final int SIGNALS = 64;

    /** {@code CLONE_ARGS_SIZE_VER0}, the shortest {@code struct clone_args}, and the longest that Linux 6.18 knows. */
    private static final int SHORTEST_BYTES = 64;

    private static final int STRUCT_BYTES = 88;
    private static final int PAGE_BYTES = 4096;
    private static final int MAX_PID_LEVELS = 32;

    private final LinuxKernel kernel;

    CloneCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void register(SyscallDoor<Task> door) {
        // The lowest byte of the flags is the signal; a descriptor of the process goes where the parent's number would.
        door.register("clone", (t, a) -> clone(t, a.a0 & CLONE_LEGACY_FLAGS & ~CSIGNAL, a.a2, a.a3, a.a2));
        door.register("clone3", this::clone3);
    }

    private long clone(Task task, long flags, long parentTid, long childTid, long pidfdAt) {
        long error = check(flags, parentTid, pidfdAt);
        if (error != 0) {
            return error;
        }
        byte[] number = new byte[4];
        if ((flags & CLONE_PIDFD) != 0 && task.userMemory().copyToUser(pidfdAt, number, 0, number.length) != 0) {
            return -Errno.EFAULT;
        }
        Task child = child(task, flags);
        if (child == null) {
            return -Errno.ENOMEM;
        }
        if ((flags & CLONE_PIDFD) != 0) {
            OpenFile file = kernel.files()
                    .openAnonymous("anon_inode:[pidfd]", OpenFile.O_RDWR, new PidFile(child.group(), child));
            put(task, pidfdAt, task.files().install(file, 0, true));
        }
        if ((flags & CLONE_CHILD_CLEARTID) != 0) {
            child.setClearChildTid(childTid);
        }
        if ((flags & CLONE_PARENT_SETTID) != 0) {
            put(task, parentTid, child.tid());
        }
        if ((flags & CLONE_CHILD_SETTID) != 0) {
            put(child, childTid, child.tid());
            kernel.schedule(task);
        }
        return child.tid();
    }

    private @Nullable Task child(Task task, long flags) {
        if ((flags & CLONE_THREAD) != 0) {
            return kernel.cloneThread(task);
        }
        return kernel.processes()
                .fork(
                        task,
                        (flags & CLONE_VM) != 0 ? Processes.Sharing.ADDRESS_SPACE : Processes.Sharing.NOTHING,
                        (flags & CLONE_FILES) != 0 ? Processes.Descriptors.SHARED : Processes.Descriptors.COPIED);
    }

    /** An address that cannot be written changes nothing, as in Linux. */
    private static void put(Task task, long vaddr, int value) {
        byte[] bytes = new byte[] {(byte) value, (byte) (value >>> 8), (byte) (value >>> 16), (byte) (value >>> 24)};
        task.userMemory().copyToUser(vaddr, bytes, 0, bytes.length);
    }

    /** The combinations that {@code kernel_clone()} and {@code copy_process()} refuse. */
    private static long check(long flags, long parentTid, long pidfdAt) {
        boolean isOnePlace = has(flags, CLONE_PIDFD | CLONE_PARENT_SETTID) && parentTid == pidfdAt;
        boolean isBad = isOnePlace
                || has(flags, CLONE_NEWNS | CLONE_FS)
                || has(flags, CLONE_NEWUSER | CLONE_FS)
                || (has(flags, CLONE_THREAD) && !has(flags, CLONE_SIGHAND))
                || (has(flags, CLONE_SIGHAND) && !has(flags, CLONE_VM))
                || (has(flags, CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)) != 0)
                || has(flags, CLONE_PIDFD | CLONE_DETACHED);
        return isBad ? -Errno.EINVAL : 0;
    }

    private static boolean has(long flags, long wanted) {
        return (flags & wanted) == wanted;
    }

    private long clone3(Task task, SyscallArgs args) {
        if (Long.compareUnsigned(args.a1, PAGE_BYTES) > 0) {
            return -Errno.E2BIG;
        }
        if (args.a1 < SHORTEST_BYTES) {
            return -Errno.EINVAL;
        }
        byte[] bytes = new byte[Math.max((int) args.a1, STRUCT_BYTES)];
        if (task.userMemory().copyFromUser(bytes, 0, (int) args.a1, args.a0) != 0) {
            return -Errno.EFAULT;
        }
        for (int i = STRUCT_BYTES; i < bytes.length; i++) {
            if (bytes[i] != 0) {
                return -Errno.E2BIG;
            }
        }
        long[] fields = new long[STRUCT_BYTES / Long.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(fields);
        long flags = fields[0];
        long error = checkFields(task, fields, args.a1);
        return error != 0 ? error : clone(task, flags, fields[3], fields[2], fields[1]);
    }

    /*
     * Fields of struct clone_args, from 0: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup.
     */
    private long checkFields(Task task, long[] fields, long bytes) {
        long flags = fields[0];
        long signal = fields[4];
        long stack = fields[5];
        long stackBytes = fields[6];
        long numbers = fields[8];
        long numberCount = fields[9];
        boolean isBad = Long.compareUnsigned(numberCount, MAX_PID_LEVELS) > 0
                || (numbers == 0) != (numberCount == 0)
                || signal < 0
                || signal > SIGNALS
                || (has(flags, CLONE_INTO_CGROUP)
                        && (Long.compareUnsigned(fields[10], Integer.MAX_VALUE) > 0 || bytes < STRUCT_BYTES));
        if (isBad) {
            return -Errno.EINVAL;
        }
        if (numbers != 0
                && task.userMemory().copyFromUser(new byte[4 * MAX_PID_LEVELS], 0, 4 * (int) numberCount, numbers)
                        != 0) {
            return -Errno.EFAULT;
        }
        isBad = (flags & ~(CLONE_LEGACY_FLAGS | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)) != 0
                || (flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) != 0
                || has(flags, CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)
                || ((flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && signal != 0)
                || !isStackValid(stack, stackBytes);
        return isBad ? -Errno.EINVAL : 0;
    }

    /** {@code clone3_stack_valid()}: both or neither, and inside user space. */
    private boolean isStackValid(long stack, long bytes) {
        if (stack == 0) {
            return bytes == 0;
        }
        long end = stack + bytes;
        return bytes != 0 && Long.compareUnsigned(end, stack) >= 0 && Long.compareUnsigned(end, kernel.taskSize()) <= 0;
    }
}
