package io.pagewalk.kernel.system;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.vma.MmAttributes;

/**
 * {@code membarrier()}: {@code kernel/sched/membarrier.c}. The commands order memory accesses of other CPUs, which one thread of simulation always has in order; what can be
 * seen are registrations and errors.
 */
final class MembarrierCall {
    private static final int QUERY = 0;
    private static final int GLOBAL = 1;
    private static final int GLOBAL_EXPEDITED = 1 << 1;
    private static final int REGISTER_GLOBAL_EXPEDITED = 1 << 2;
    private static final int PRIVATE_EXPEDITED = 1 << 3;
    private static final int REGISTER_PRIVATE_EXPEDITED = 1 << 4;
    private static final int PRIVATE_EXPEDITED_SYNC_CORE = 1 << 5;
    private static final int REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 6;
    private static final int PRIVATE_EXPEDITED_RSEQ = 1 << 7;
    private static final int REGISTER_PRIVATE_EXPEDITED_RSEQ = 1 << 8;
    private static final int GET_REGISTRATIONS = 1 << 9;
    private static final int ALL = (1 << 10) - 1;
    private static final int FLAG_CPU = 1;

    private MembarrierCall() {}

    static long membarrier(Task task, SyscallArgs args) {
        int command = (int) args.a0;
        int flags = (int) args.a1;
        boolean isFlagKnown = command == PRIVATE_EXPEDITED_RSEQ && flags == FLAG_CPU;
        if (flags != 0 && !isFlagKnown) {
            return -Errno.EINVAL;
        }
        MmAttributes attributes = task.mm().attributes();
        switch (command) {
            case QUERY -> {
                return ALL;
            }
            case GLOBAL, GLOBAL_EXPEDITED -> {
                return 0;
            }
            case REGISTER_GLOBAL_EXPEDITED,
                    REGISTER_PRIVATE_EXPEDITED,
                    REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
                    REGISTER_PRIVATE_EXPEDITED_RSEQ -> {
                attributes.registerMembarrier(command);
                return 0;
            }
            case PRIVATE_EXPEDITED, PRIVATE_EXPEDITED_SYNC_CORE, PRIVATE_EXPEDITED_RSEQ -> {
                // Each command's registration is the next higher bit.
                return (attributes.membarrier() & command << 1) != 0 ? 0 : -Errno.EPERM;
            }
            case GET_REGISTRATIONS -> {
                return attributes.membarrier();
            }
            default -> {
                return -Errno.EINVAL;
            }
        }
    }
}
