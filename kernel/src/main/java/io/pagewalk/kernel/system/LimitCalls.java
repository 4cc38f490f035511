package io.pagewalk.kernel.system;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.ResourceLimits;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code getrlimit()}, {@code setrlimit()}, {@code prlimit64()} and {@code getrusage()}: {@code kernel/sys.c}. The limits that have an effect are those on address space, data,
 * stack, locked memory and the size of files.
 *
 * <p>Differs from Linux: the usage of processor time, context switches and writes is 0.
 */
final class LimitCalls {
    private static final int RLIMIT_BYTES = 16;
    /** {@code sysctl_nr_open}: nobody may have more descriptors. */
    private static final long MOST_DESCRIPTORS = 1 << 20;

    private static final int RUSAGE_SELF = 0;
    private static final int RUSAGE_CHILDREN = -1;
    private static final int RUSAGE_THREAD = 1;

    /* struct rusage: where its fields stand. */
    private static final int RUSAGE_BYTES = 144;
    private static final int AT_MAXRSS = 32;
    private static final int AT_MINFLT = 64;
    private static final int AT_MAJFLT = 72;
    private static final int AT_INBLOCK = 88;
    private static final int KIB_PER_PAGE = 4;

    private final LinuxKernel kernel;

    LimitCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void register(SyscallDoor<Task> door) {
        door.register("getrlimit", LimitCalls::getrlimit);
        door.register("setrlimit", LimitCalls::setrlimit);
        door.register("prlimit64", this::prlimit);
        door.register("getrusage", LimitCalls::getrusage);
    }

    private static long getrlimit(Task task, SyscallArgs args) {
        int resource = (int) args.a0;
        if (!isResource(resource)) {
            return -Errno.EINVAL;
        }
        return copyOut(task, args.a1, read(task.group().limits(), resource));
    }

    private static long setrlimit(Task task, SyscallArgs args) {
        byte[] wanted = new byte[RLIMIT_BYTES];
        if (task.userMemory().copyFromUser(wanted, 0, RLIMIT_BYTES, args.a1) != 0) {
            return -Errno.EFAULT;
        }
        return change(task, task.group(), (int) args.a0, wanted);
    }

    private long prlimit(Task task, SyscallArgs args) {
        int pid = (int) args.a0;
        int resource = (int) args.a1;
        byte[] wanted = new byte[RLIMIT_BYTES];
        if (args.a2 != 0 && task.userMemory().copyFromUser(wanted, 0, RLIMIT_BYTES, args.a2) != 0) {
            return -Errno.EFAULT;
        }
        Task target = pid == 0 ? task : kernel.task(pid);
        if (target == null) {
            return -Errno.ESRCH;
        }
        if (target != task
                && !mayChange(task.group().credentials(), target.group().credentials())) {
            return -Errno.EPERM;
        }
        if (!isResource(resource)) {
            return -Errno.EINVAL;
        }
        byte[] old = read(target.group().limits(), resource);
        if (args.a2 != 0) {
            long error = change(task, target.group(), resource, wanted);
            if (error != 0) {
                return error;
            }
        }
        return args.a3 == 0 ? 0 : copyOut(task, args.a3, old);
    }

    /** {@code check_prlimit_permission()}. */
    private static boolean mayChange(Credentials mine, Credentials other) {
        int user = mine.real();
        return (user == other.effective() && user == other.saved() && user == other.real())
                || mine.has(Credentials.CAP_SYS_RESOURCE);
    }

    /** {@code do_prlimit()}. */
    private static long change(Task task, ThreadGroup target, int resource, byte[] wanted) {
        if (!isResource(resource)) {
            return -Errno.EINVAL;
        }
        long soft = little(wanted).getLong(0);
        long hard = little(wanted).getLong(Long.BYTES);
        if (Long.compareUnsigned(soft, hard) > 0) {
            return -Errno.EINVAL;
        }
        if (resource == ResourceLimits.RLIMIT_NOFILE && Long.compareUnsigned(hard, MOST_DESCRIPTORS) > 0) {
            return -Errno.EPERM;
        }
        ResourceLimits limits = target.limits();
        if (Long.compareUnsigned(hard, limits.hard(resource)) > 0
                && !task.group().credentials().has(Credentials.CAP_SYS_RESOURCE)) {
            return -Errno.EPERM;
        }
        limits.set(resource, soft, hard);
        return 0;
    }

    private static boolean isResource(int resource) {
        return resource >= 0 && resource < ResourceLimits.COUNT;
    }

    private static byte[] read(ResourceLimits limits, int resource) {
        byte[] structure = new byte[RLIMIT_BYTES];
        little(structure).putLong(limits.soft(resource)).putLong(limits.hard(resource));
        return structure;
    }

    /** {@code getrusage()}: the largest resident size is that of the process, also for one thread. */
    private static long getrusage(Task task, SyscallArgs args) {
        ThreadGroup group = task.group();
        byte[] structure = new byte[RUSAGE_BYTES];
        ByteBuffer usage = little(structure);
        Mm mm = task.mm();
        long own = Math.max(group.maxResidentPages(), mm.hiwaterRss());
        switch ((int) args.a0) {
            case RUSAGE_SELF -> fill(usage, own, group.minorFaults(), group.majorFaults(), group.inBlocks());
            case RUSAGE_THREAD -> fill(usage, own, task.minorFaults(), task.majorFaults(), task.inBlocks());
            case RUSAGE_CHILDREN ->
                fill(
                        usage,
                        group.childMaxResidentPages(),
                        group.childMinorFaults(),
                        group.childMajorFaults(),
                        group.childInBlocks());
            default -> {
                return -Errno.EINVAL;
            }
        }
        return copyOut(task, args.a1, structure);
    }

    private static void fill(ByteBuffer usage, long maxPages, long minor, long major, long inBlocks) {
        usage.putLong(AT_MAXRSS, maxPages * KIB_PER_PAGE);
        usage.putLong(AT_MINFLT, minor);
        usage.putLong(AT_MAJFLT, major);
        usage.putLong(AT_INBLOCK, inBlocks);
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long copyOut(Task task, long vaddr, byte[] structure) {
        return task.userMemory().copyToUser(vaddr, structure, 0, structure.length) == 0 ? 0 : -Errno.EFAULT;
    }
}
