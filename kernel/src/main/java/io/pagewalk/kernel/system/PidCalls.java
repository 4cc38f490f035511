package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.vma.Madvise;
import io.pagewalk.kernel.vma.Mm;

/** Descriptors of processes, and advice about the memory of another process: {@code kernel/pid.c} and {@code mm/madvise.c:SYSCALL_DEFINE5(process_madvise)}. */
final class PidCalls {
    private static final int PIDFD_NONBLOCK = 0x800;
    private static final int PIDFD_THREAD = 0x80;

    private final LinuxKernel kernel;

    PidCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void register(SyscallDoor<Task> door) {
        door.register("pidfd_open", this::pidfdOpen);
        door.register("process_madvise", this::processMadvise);
    }

    private long pidfdOpen(Task task, SyscallArgs args) {
        int pid = (int) args.a0;
        int flags = (int) args.a1;
        if ((flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD)) != 0 || pid <= 0) {
            return -Errno.EINVAL;
        }
        Task found = kernel.task(pid);
        if (found == null) {
            return -Errno.ESRCH;
        }
        if ((flags & PIDFD_THREAD) == 0 && found.tid() != found.tgid()) {
            return -Errno.ENOENT;
        }
        OpenFile file = kernel.files()
                .openAnonymous("anon_inode:[pidfd]", OpenFile.O_RDWR | flags, new PidFile(found.group(), found));
        return task.files().install(file, 0, true);
    }

    private long processMadvise(Task task, SyscallArgs args) {
        if ((int) args.a4 != 0) {
            return -Errno.EINVAL;
        }
        UserVector vector = new UserVector();
        long error = vector.read(task, args.a1, args.a2, kernel.taskSize());
        if (error != 0) {
            return error;
        }
        PidFile.Found found = PidFile.find(task, (int) args.a0);
        Task target = found.task();
        if (target == null) {
            return found.error();
        }
        Mm mm = target.mmOrNull();
        if (mm == null) {
            return -Errno.ESRCH;
        }
        int advice = (int) args.a3;
        if (mm != task.mmOrNull()) {
            Credentials mine = task.group().credentials();
            if (!mayRead(mine, mine.effective(), target.group().credentials())) {
                return -Errno.EACCES;
            }
            if (!isForOthers(advice)) {
                return -Errno.EINVAL;
            }
            if (!mine.has(Credentials.CAP_SYS_NICE)) {
                return -Errno.EPERM;
            }
        }
        return adviseAll(mm, vector, advice);
    }

    /** {@code vector_madvise()}: the first range that fails ends it, and what was done before counts. */
    private static long adviseAll(Mm mm, UserVector vector, int advice) {
        long done = 0;
        for (int i = 0; i < vector.count() && done < vector.totalBytes(); i++) {
            long error = Madvise.madvise(mm, vector.base(i), vector.length(i), advice);
            if (error != 0) {
                return done > 0 ? done : error;
            }
            done += vector.length(i);
        }
        return done;
    }

    /** {@code kernel/ptrace.c:__ptrace_may_access()} with {@code PTRACE_MODE_READ_FSCREDS} or {@code _REALCREDS}: {@code user} is the effective or the real one. */
    static boolean mayRead(Credentials mine, int user, Credentials other) {
        if (mine.has(Credentials.CAP_SYS_PTRACE)) {
            return true;
        }
        return user == other.effective()
                && user == other.saved()
                && user == other.real()
                && other.isDumpable()
                && (other.permitted() & ~mine.capabilities()) == 0;
    }

    /** {@code process_madvise_remote_valid()}. */
    private static boolean isForOthers(int advice) {
        return switch (advice) {
            case Madvise.MADV_COLD, Madvise.MADV_PAGEOUT, Madvise.MADV_WILLNEED, Madvise.MADV_COLLAPSE -> true;
            default -> false;
        };
    }
}
