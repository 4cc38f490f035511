package io.pagewalk.kernel.system;

import io.pagewalk.kernel.ksm.Ksm;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.vma.AnonymousNames;
import io.pagewalk.kernel.vma.MmAttributes;
import java.nio.charset.StandardCharsets;

/** The part of {@code prctl()} that memory management knows: {@code kernel/sys.c}. Other options are taken and change nothing. */
final class PrctlCalls {
    private static final int PR_GET_DUMPABLE = 3;
    private static final int PR_SET_DUMPABLE = 4;
    private static final int PR_SET_MM = 35;
    private static final int PR_SET_THP_DISABLE = 41;
    private static final int PR_GET_THP_DISABLE = 42;
    private static final int PR_SET_MDWE = 65;
    private static final int PR_GET_MDWE = 66;
    private static final int PR_SET_MEMORY_MERGE = 67;
    private static final int PR_GET_MEMORY_MERGE = 68;
    private static final int PR_SET_VMA = 0x53564d41;
    private static final int PR_SET_VMA_ANON_NAME = 0;
    private static final int THP_DISABLE_EXCEPT_ADVISED = 2;
    private static final int THP_DISABLED = 1;

    private PrctlCalls() {}

    static void register(SyscallDoor<Task> door) {
        door.register("prctl", PrctlCalls::prctl);
    }

    private static long prctl(Task task, SyscallArgs args) {
        MmAttributes attributes = task.mm().attributes();
        switch ((int) args.a0) {
            case PR_GET_DUMPABLE -> {
                return task.group().credentials().isDumpable() ? 1 : 0;
            }
            case PR_SET_DUMPABLE -> {
                return setDumpable(task, args.a1);
            }
            case PR_SET_MM -> {
                return PrctlMm.set(task, args.a1, args.a2, args.a3, args.a4);
            }
            case PR_SET_THP_DISABLE -> {
                return setHugePagesDisabled(attributes, args);
            }
            case PR_GET_THP_DISABLE -> {
                return hasMore(args, 1) ? -Errno.EINVAL : attributes.hugePagesDisabled();
            }
            case PR_SET_MDWE -> {
                return setDenyWriteExec(attributes, args);
            }
            case PR_GET_MDWE -> {
                return hasMore(args, 1) ? -Errno.EINVAL : attributes.denyWriteExec();
            }
            case PR_SET_MEMORY_MERGE -> {
                return setMemoryMerge(task, args);
            }
            case PR_GET_MEMORY_MERGE -> {
                return hasMore(args, 1) ? -Errno.EINVAL : task.mm().ksm().mergesAny() ? 1 : 0;
            }
            case PR_SET_VMA -> {
                return setName(task, args);
            }
            default -> {
                return 0;
            }
        }
    }

    /** {@code prctl_set_vma()}: without a name the present ones go. */
    private static long setName(Task task, SyscallArgs args) {
        if (args.a1 != PR_SET_VMA_ANON_NAME || !task.mm().services().settings().hasAnonymousNames()) {
            return -Errno.EINVAL;
        }
        if (args.a4 == 0) {
            return AnonymousNames.set(task.mm(), args.a2, args.a3, null);
        }
        byte[] bytes = new byte[AnonymousNames.MAX_BYTES];
        int length = 0;
        while (length < bytes.length) {
            if (task.userMemory().copyFromUser(bytes, length, 1, args.a4 + length) != 0) {
                return -Errno.EFAULT;
            }
            if (bytes[length] == 0) {
                break;
            }
            length++;
        }
        String name = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
        if (length == bytes.length || !AnonymousNames.isValid(name)) {
            return -Errno.EINVAL;
        }
        return AnonymousNames.set(task.mm(), args.a2, args.a3, name);
    }

    /** Returns whether an argument from a number on is not 0, where 1 is the first after the option. */
    private static boolean hasMore(SyscallArgs args, int from) {
        long rest = args.a3 | args.a4;
        if (from <= 2) {
            rest |= args.a2;
        }
        if (from <= 1) {
            rest |= args.a1;
        }
        return rest != 0;
    }

    private static long setDumpable(Task task, long value) {
        if (value != 0 && value != 1) {
            return -Errno.EINVAL;
        }
        task.group().setCredentials(task.group().credentials().withDumpable(value == 1));
        return 0;
    }

    /** {@code prctl_set_thp_disable()}: any number that is not 0 disables. */
    private static long setHugePagesDisabled(MmAttributes attributes, SyscallArgs args) {
        boolean isDisabled = args.a1 != 0;
        boolean isFlagKnown = args.a2 == 0 || (isDisabled && args.a2 == THP_DISABLE_EXCEPT_ADVISED);
        if (hasMore(args, 3) || !isFlagKnown) {
            return -Errno.EINVAL;
        }
        attributes.setHugePagesDisabled(isDisabled ? THP_DISABLED | (int) args.a2 : 0);
        return 0;
    }

    private static long setMemoryMerge(Task task, SyscallArgs args) {
        if (hasMore(args, 2)) {
            return -Errno.EINVAL;
        }
        Ksm ksm = task.kernel().ksm();
        return args.a1 != 0 ? ksm.enableMergeAny(task.mm()) : ksm.disableMergeAny(task.mm());
    }

    /** {@code prctl_set_mdwe()}: what is once set can only be set again. */
    private static long setDenyWriteExec(MmAttributes attributes, SyscallArgs args) {
        long bits = args.a1;
        long all = MmAttributes.MDWE_REFUSE_EXEC_GAIN | MmAttributes.MDWE_NO_INHERIT;
        if (hasMore(args, 2) || (bits & ~all) != 0 || bits == MmAttributes.MDWE_NO_INHERIT) {
            return -Errno.EINVAL;
        }
        int old = attributes.denyWriteExec();
        if (old != 0 && old != bits) {
            return -Errno.EPERM;
        }
        attributes.setDenyWriteExec((int) bits);
        return 0;
    }
}
