package io.pagewalk.kernel.system;

import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;

/** User numbers: {@code kernel/sys.c}. They belong to the process here, as the C library makes it look. */
final class CredentialCalls {
    private CredentialCalls() {}

    static void register(SyscallDoor<Task> door) {
        door.register("getuid", (t, a) -> t.group().credentials().real());
        door.register("geteuid", (t, a) -> t.group().credentials().effective());
        door.register("setresuid", CredentialCalls::setresuid);
    }

    private static long setresuid(Task task, SyscallArgs args) {
        Credentials old = task.group().credentials();
        int real = (int) args.a0;
        int effective = (int) args.a1;
        int saved = (int) args.a2;
        long error = old.check(real, effective, saved);
        if (error != 0) {
            return error;
        }
        task.group().setCredentials(old.withUsers(real, effective, saved));
        task.mm().setPrivileged(task.group().credentials().has(Credentials.CAP_IPC_LOCK));
        return 0;
    }
}
