package io.pagewalk.kernel.system;

import io.pagewalk.kernel.gup.ProcessVm;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.vma.Mm;

/** {@code process_vm_readv()} and {@code process_vm_writev()}: {@code mm/process_vm_access.c:process_vm_rw()}. */
final class ProcessVmCalls {
    private final LinuxKernel kernel;
    private final ProcessVm copier;

    ProcessVmCalls(LinuxKernel kernel) {
        this.kernel = kernel;
        this.copier = new ProcessVm(kernel.gup());
    }

    void register(SyscallDoor<Task> door) {
        door.register("process_vm_readv", (t, a) -> copy(t, a, ProcessVm.Direction.READ));
        door.register("process_vm_writev", (t, a) -> copy(t, a, ProcessVm.Direction.WRITE));
    }

    private long copy(Task task, SyscallArgs args, ProcessVm.Direction direction) {
        if (args.a5 != 0) {
            return -Errno.EINVAL;
        }
        UserVector mine = new UserVector();
        long error = mine.read(task, args.a1, args.a2, kernel.taskSize());
        if (error != 0 || mine.totalBytes() == 0) {
            return error;
        }
        UserVector other = new UserVector();
        error = other.readOther(task, args.a3, args.a4);
        if (error != 0 || isEmpty(other)) {
            return error;
        }
        Task target = kernel.task((int) args.a0);
        Mm mm = target == null ? null : target.mmOrNull();
        if (target == null || mm == null) {
            return -Errno.ESRCH;
        }
        if (target.group() != task.group()
                && !mayAttach(task.group().credentials(), target.group().credentials())) {
            return -Errno.EPERM;
        }
        ProcessVm.Local local = ProcessVm.local(task.userMemory(), mine.bases(), mine.lengths());
        for (int i = 0; i < other.count() && local.left() > 0 && error == 0; i++) {
            error = copier.copy(task, mm, other.base(i), other.length(i), local, direction);
        }
        long done = mine.totalBytes() - local.left();
        return done > 0 ? done : error;
    }

    private static boolean isEmpty(UserVector vector) {
        for (int i = 0; i < vector.count(); i++) {
            if (vector.length(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** {@code kernel/ptrace.c:__ptrace_may_access()} with {@code PTRACE_MODE_ATTACH_REALCREDS}. */
    private static boolean mayAttach(Credentials mine, Credentials other) {
        if (mine.has(Credentials.CAP_SYS_PTRACE)) {
            return true;
        }
        int user = mine.real();
        return user == other.effective()
                && user == other.saved()
                && user == other.real()
                && other.isDumpable()
                && (other.permitted() & ~mine.permitted()) == 0;
    }
}
