package io.pagewalk.kernel.system;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import org.jspecify.annotations.Nullable;

/** System calls on tasks, and calls that only fill or read a structure of fixed size in user memory, which may fault. */
final class ProcessCalls {
    private static final int WNOHANG = 1;

    private final LinuxKernel kernel;

    ProcessCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void register(SyscallDoor<Task> door) {
        door.register("getpid", (t, a) -> t.tgid());
        door.register("gettid", (t, a) -> t.tid());
        door.register("getppid", (t, a) -> {
            ThreadGroup parent = t.group().parent();
            return parent == null ? 0 : parent.tgid();
        });
        door.register("fork", (t, a) -> tidOf(kernel.fork(t)));
        door.register("vfork", (t, a) -> tidOf(kernel.vfork(t)));
        door.register("exit", (t, a) -> {
            kernel.exit(t, (int) a.a0);
            return 0;
        });
        door.register("exit_group", (t, a) -> {
            kernel.exitGroup(t, (int) a.a0);
            return 0;
        });
        door.register("membarrier", MembarrierCall::membarrier);
        door.register("wait4", (t, a) -> wait4(t, a));
        door.register("set_tid_address", (t, a) -> {
            t.setClearChildTid(a.a0);
            return t.tid();
        });
        for (String name : new String[] {
            "arch_prctl",
            "set_robust_list",
            "rseq",
            "sched_yield",
            "getgid",
            "getegid",
            "umask",
            "personality",
            "kill",
            "tgkill",
            "setpgid",
            "alarm"
        }) {
            door.register(name, (t, a) -> 0);
        }
        registerStructures(door);
    }

    /** Calls whose only effect on memory is a structure: which argument points at it, and how long it is. */
    private void registerStructures(SyscallDoor<Task> door) {
        fills(door, "stat", 1, 144);
        fills(door, "lstat", 1, 144);
        fills(door, "newfstatat", 2, 144);
        fills(door, "statx", 4, 256);
        fills(door, "uname", 0, 390);
        fills(door, "sysinfo", 0, 112);
        fills(door, "times", 0, 32);
        fills(door, "clock_gettime", 1, 16);
        fills(door, "clock_getres", 1, 16);
        fills(door, "gettimeofday", 0, 16);
        fills(door, "sigaltstack", 1, 24);
        fills(door, "rt_sigaction", 2, 32);
        fills(door, "rt_sigprocmask", 2, 8);
        door.register(
                "getrandom",
                (t, a) -> a.a1 < 0
                        ? -Errno.EINVAL
                        : kernel.copyToUser(t, a.a0, Math.min(a.a1, 0x1ffffffL)) == 0 ? a.a1 : -Errno.EFAULT);
        door.register("futex", (t, a) -> kernel.touchForKernel(t, a.a0, Access.LOAD) < 0 ? -Errno.EFAULT : 0);
        door.register("nanosleep", (t, a) -> kernel.copyFromUser(t, a.a0, 16) == 0 ? 0 : -Errno.EFAULT);
        door.register("clock_nanosleep", (t, a) -> kernel.copyFromUser(t, a.a2, 16) == 0 ? 0 : -Errno.EFAULT);
    }

    private void fills(SyscallDoor<Task> door, String name, int argument, int bytes) {
        door.register(name, (t, a) -> {
            long vaddr = switch (argument) {
                case 0 -> a.a0;
                case 1 -> a.a1;
                case 2 -> a.a2;
                default -> a.a4;
            };
            boolean isOptional = name.startsWith("rt_sig") || name.equals("sigaltstack") || name.equals("times");
            if (vaddr == 0 && isOptional) {
                return 0;
            }
            return kernel.copyToUser(t, vaddr, bytes) == 0 ? 0 : -Errno.EFAULT;
        });
    }

    private long wait4(Task task, SyscallArgs args) {
        ThreadGroup group = task.group();
        for (ThreadGroup child : group.children()) {
            boolean isWanted = args.a0 == -1 || (int) args.a0 == child.tgid();
            Task leader = kernel.task(child.tgid());
            if (isWanted && leader != null && leader.state() == Task.State.ZOMBIE) {
                if (args.a1 != 0 && task.userMemory().copyToUser(args.a1, bytesOf(leader.exitCode()), 0, 4) != 0) {
                    return -Errno.EFAULT;
                }
                kernel.processes().reap(group, child);
                return child.tgid();
            }
        }
        if (group.children().isEmpty()) {
            return -Errno.ECHILD;
        }
        return (args.a2 & WNOHANG) != 0 ? 0 : -Errno.EINTR;
    }

    private static long tidOf(@Nullable Task child) {
        return child == null ? -Errno.ENOMEM : child.tid();
    }

    private static byte[] bytesOf(int value) {
        return new byte[] {(byte) value, (byte) (value >>> 8), (byte) (value >>> 16), (byte) (value >>> 24)};
    }
}
