package io.pagewalk.workload.replay;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.workload.trace.SyscallEvent;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The user memory that system calls read and write beside their mappings: the structures and buffers behind their
 * pointers, which the kernel touches and a recorder of user instructions does not see.
 *
 * <p>Sizes are those of x86-64. Vectors ({@code readv}, {@code sendmsg}) are not here: a trace does not hold the
 * addresses that lie in them.
 */
final class UserBuffers {
    /* A size that stands in the call: its result. */
    private static final int BY_RESULT = -1;

    private final Map<Integer, Buffer[]> buffersByNumber = new HashMap<>();
    private final SyscallNumbers numbers;
    private final AddressMap addresses;

    UserBuffers(SyscallNumbers numbers, AddressMap addresses) {
        this.numbers = numbers;
        this.addresses = addresses;
        for (String name : new String[] {"read", "pread64", "recvfrom", "getdents64", "readlink"}) {
            written(name, 1, BY_RESULT);
        }
        for (String name : new String[] {"write", "pwrite64", "sendto"}) {
            read(name, 1, BY_RESULT);
        }
        written("readlinkat", 2, BY_RESULT);
        written("getrandom", 0, BY_RESULT);
        written("getcwd", 0, BY_RESULT);
        for (String name : new String[] {"stat", "fstat", "lstat"}) {
            written(name, 1, 144);
        }
        written("newfstatat", 2, 144);
        written("statx", 4, 256);
        written("statfs", 1, 120);
        written("fstatfs", 1, 120);
        written("uname", 0, 390);
        written("sysinfo", 0, 112);
        written("times", 0, 32);
        written("gettimeofday", 0, 16);
        written("clock_gettime", 1, 16);
        written("clock_getres", 1, 16);
        written("getrusage", 1, 144);
        written("getrlimit", 1, 16);
        read("setrlimit", 1, 16);
        written("prlimit64", 3, 16);
        written("rt_sigprocmask", 2, 8);
        written("rt_sigaction", 2, 32);
        written("sigaltstack", 1, 24);
        written("pipe", 0, 8);
        written("pipe2", 0, 8);
        written("socketpair", 3, 8);
        written("wait4", 1, 4);
        written("sched_getaffinity", 2, BY_RESULT);
        read("nanosleep", 0, 16);
        read("clock_nanosleep", 2, 16);
        read("rseq", 0, 32);
        written("get_robust_list", 1, 8);
        /* A path is in one page nearly always, and where it ends in user memory the recording does not tell. */
        for (String name : new String[] {
            "open",
            "creat",
            "stat",
            "lstat",
            "access",
            "readlink",
            "chdir",
            "unlink",
            "mkdir",
            "rmdir",
            "statfs",
            "truncate"
        }) {
            read(name, 0, 1);
        }
        for (String name : new String[] {
            "openat", "newfstatat", "faccessat", "faccessat2", "readlinkat", "unlinkat", "mkdirat", "statx"
        }) {
            read(name, 1, 1);
        }
    }

    private void written(String name, int pointer, int size) {
        add(name, new Buffer(pointer, size, Direction.TO_USER));
    }

    private void read(String name, int pointer, int size) {
        add(name, new Buffer(pointer, size, Direction.FROM_USER));
    }

    private void add(String name, Buffer buffer) {
        Buffer @Nullable [] before = buffersByNumber.get(numbers.number(name));
        if (before == null) {
            buffersByNumber.put(numbers.number(name), new Buffer[] {buffer});
        } else {
            Buffer[] more = Arrays.copyOf(before, before.length + 1);
            more[before.length] = buffer;
            buffersByNumber.put(numbers.number(name), more);
        }
    }

    boolean knows(String name) {
        return buffersByNumber.containsKey(numbers.number(name));
    }

    /** Touches what a call that succeeded has read and written; returns a {@link UserAccess} outcome. */
    int touch(LinuxKernel kernel, Task task, SyscallEvent event) {
        Buffer @Nullable [] buffers = buffersByNumber.get(event.number());
        if (buffers == null) {
            return UserAccess.OK;
        }
        for (Buffer buffer : buffers) {
            long vaddr = addresses.toMachine(argument(event, buffer.pointer));
            long size = buffer.size == BY_RESULT ? event.result() : buffer.size;
            if (vaddr == 0 || size <= 0) {
                continue;
            }
            int outcome = buffer.direction == Direction.TO_USER
                    ? kernel.copyToUser(task, vaddr, size)
                    : kernel.copyFromUser(task, vaddr, size);
            if (outcome != UserAccess.OK) {
                return outcome;
            }
        }
        return UserAccess.OK;
    }

    private static long argument(SyscallEvent event, int index) {
        return switch (index) {
            case 0 -> event.a0();
            case 1 -> event.a1();
            case 2 -> event.a2();
            case 3 -> event.a3();
            case 4 -> event.a4();
            default -> event.a5();
        };
    }

    private enum Direction {
        TO_USER,
        FROM_USER
    }

    private record Buffer(int pointer, int size, Direction direction) {}
}
