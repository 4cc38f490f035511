package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.kernel.vma.Vma;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * {@code prctl(PR_SET_MM)}, which lets a checkpointed process find its borders again: {@code kernel/sys.c:prctl_set_mm()}. The auxiliary vector is checked and not kept; a
 * program file that somebody has open for writing is not refused.
 */
final class PrctlMm {
    private static final int START_CODE = 1;
    private static final int END_CODE = 2;
    private static final int START_DATA = 3;
    private static final int END_DATA = 4;
    private static final int START_STACK = 5;
    private static final int START_BRK = 6;
    private static final int BRK = 7;
    private static final int ARG_START = 8;
    private static final int ARG_END = 9;
    private static final int ENV_START = 10;
    private static final int ENV_END = 11;
    private static final int AUXV = 12;
    private static final int EXE_FILE = 13;
    private static final int MAP = 14;
    private static final int MAP_SIZE = 15;

    /** {@code sizeof(struct prctl_mm_map)}: eleven borders, the auxiliary vector and its length, a descriptor. */
    private static final int STRUCT_BYTES = 104;

    private static final int BORDERS = 11;
    private static final int EXECUTE_BITS = 0111;

    /** {@code sizeof(mm->saved_auxv)}. */
    private static final long MAX_AUXV_BYTES = 52 * 8;

    /* Where the borders stand in the structure, from 0. */
    private static final int AT_START_CODE = 0;
    private static final int AT_END_CODE = 1;
    private static final int AT_START_DATA = 2;
    private static final int AT_END_DATA = 3;
    private static final int AT_START_BRK = 4;
    private static final int AT_BRK = 5;
    private static final int AT_START_STACK = 6;
    private static final int AT_ARG_START = 7;
    private static final int AT_ARG_END = 8;
    private static final int AT_ENV_START = 9;
    private static final int AT_ENV_END = 10;

    private PrctlMm() {}

    static long set(Task task, long option, long value, long arg4, long arg5) {
        int what = (int) option;
        boolean takesLength = what == AUXV || what == MAP || what == MAP_SIZE;
        if (arg5 != 0 || (arg4 != 0 && !takesLength)) {
            return -Errno.EINVAL;
        }
        if (what == MAP || what == MAP_SIZE) {
            return setAll(task, what, value, (int) arg4);
        }
        if (!task.group().credentials().has(Credentials.CAP_SYS_RESOURCE)) {
            return -Errno.EPERM;
        }
        if (what == EXE_FILE) {
            return setExeFile(task, (int) value);
        }
        if (what == AUXV) {
            return checkAuxv(task, value, arg4);
        }
        Mm mm = task.mm();
        if (isOutside(mm, value)) {
            return -Errno.EINVAL;
        }
        int slot = slotOf(what);
        if (slot < 0) {
            return -Errno.EINVAL;
        }
        long[] borders = bordersOf(mm);
        borders[slot] = value;
        long error = check(task, borders);
        if (error != 0) {
            return error;
        }
        if (slot >= AT_START_STACK && mm.vmas().findFirst(value) == null) {
            return -Errno.EFAULT;
        }
        apply(mm, borders);
        return 0;
    }

    /** {@code prctl_set_mm_map()}. */
    private static long setAll(Task task, int what, long vaddr, int bytes) {
        ByteBuffer map = ByteBuffer.allocate(STRUCT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        if (what == MAP_SIZE) {
            map.putInt(0, STRUCT_BYTES);
            return task.userMemory().copyToUser(vaddr, map.array(), 0, Integer.BYTES) == 0 ? 0 : -Errno.EFAULT;
        }
        if (bytes != STRUCT_BYTES) {
            return -Errno.EINVAL;
        }
        if (task.userMemory().copyFromUser(map.array(), 0, STRUCT_BYTES, vaddr) != 0) {
            return -Errno.EFAULT;
        }
        long[] borders = new long[BORDERS];
        map.asLongBuffer().get(borders);
        long error = check(task, borders);
        if (error != 0) {
            return error;
        }
        long auxv = map.getLong(BORDERS * Long.BYTES);
        long auxvBytes = Integer.toUnsignedLong(map.getInt((BORDERS + 1) * Long.BYTES));
        int file = map.getInt(STRUCT_BYTES - Integer.BYTES);
        if (auxvBytes != 0) {
            error = auxv == 0 ? -Errno.EINVAL : checkAuxv(task, auxv, auxvBytes);
            if (error != 0) {
                return error;
            }
        }
        if (file != -1) {
            if (!task.group().credentials().has(Credentials.CAP_CHECKPOINT_RESTORE)) {
                return -Errno.EPERM;
            }
            error = setExeFile(task, file);
            if (error != 0) {
                return error;
            }
        }
        apply(task.mm(), borders);
        return 0;
    }

    private static long checkAuxv(Task task, long vaddr, long bytes) {
        if (bytes < 0 || bytes > MAX_AUXV_BYTES) {
            return -Errno.EINVAL;
        }
        return task.userMemory().copyFromUser(new byte[(int) bytes], 0, (int) bytes, vaddr) == 0 ? 0 : -Errno.EFAULT;
    }

    /** {@code prctl_set_mm_exe_file()} and {@code kernel/fork.c:replace_mm_exe_file()}: the old program must not be mapped any more. */
    private static long setExeFile(Task task, int fd) {
        OpenFile file = task.files().get(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        boolean isRegular = file.canMmap() && file.inodeObject().charDevice() == null;
        if (!isRegular || file.isNoExec() || !mayExecute(file)) {
            return -Errno.EACCES;
        }
        Mm mm = task.mm();
        MappedFile old = mm.exeFile();
        if (old != null) {
            for (Vma vma : mm.vmas()) {
                MappedFile mapped = vma.file();
                if (mapped != null
                        && mapped.inode() == old.inode()
                        && mapped.path().equals(old.path())) {
                    return -Errno.EBUSY;
                }
            }
        }
        file.get();
        mm.setExeFile(file);
        if (old != null) {
            old.put();
        }
        return 0;
    }

    /** Even root needs one of the three rights to execute. */
    private static boolean mayExecute(OpenFile file) {
        return !file.isShmem() || (Shmem.infoOf(file.inodeObject()).mode() & EXECUTE_BITS) != 0;
    }

    private static int slotOf(int option) {
        return switch (option) {
            case START_CODE -> AT_START_CODE;
            case END_CODE -> AT_END_CODE;
            case START_DATA -> AT_START_DATA;
            case END_DATA -> AT_END_DATA;
            case START_STACK -> AT_START_STACK;
            case START_BRK -> AT_START_BRK;
            case BRK -> AT_BRK;
            case ARG_START -> AT_ARG_START;
            case ARG_END -> AT_ARG_END;
            case ENV_START -> AT_ENV_START;
            case ENV_END -> AT_ENV_END;
            default -> -1;
        };
    }

    private static long[] bordersOf(Mm mm) {
        return new long[] {
            mm.startCode(),
            mm.endCode(),
            mm.startData(),
            mm.endData(),
            mm.startBrk(),
            mm.brk(),
            mm.startStack(),
            mm.argStart(),
            mm.argEnd(),
            mm.envStart(),
            mm.envEnd()
        };
    }

    /** {@code validate_prctl_map_addr()}. */
    private static long check(Task task, long[] borders) {
        Mm mm = task.mm();
        for (long border : borders) {
            if (isOutside(mm, border)) {
                return -Errno.EINVAL;
            }
        }
        boolean isOrdered = borders[AT_START_CODE] < borders[AT_END_CODE]
                && borders[AT_START_DATA] <= borders[AT_END_DATA]
                && borders[AT_START_BRK] <= borders[AT_BRK]
                && borders[AT_ARG_START] <= borders[AT_ARG_END]
                && borders[AT_ENV_START] <= borders[AT_ENV_END];
        long dataBytes = borders[AT_BRK] - borders[AT_START_BRK] + borders[AT_END_DATA] - borders[AT_START_DATA];
        long limit = task.group().limits().soft(ResourceLimits.RLIMIT_DATA);
        return isOrdered && Long.compareUnsigned(dataBytes, limit) <= 0 ? 0 : -Errno.EINVAL;
    }

    private static boolean isOutside(Mm mm, long vaddr) {
        return vaddr < mm.services().settings().mmapMinAddr() || Long.compareUnsigned(vaddr, mm.taskSize()) >= 0;
    }

    private static void apply(Mm mm, long[] borders) {
        mm.setCode(borders[AT_START_CODE], borders[AT_END_CODE]);
        mm.setData(borders[AT_START_DATA], borders[AT_END_DATA]);
        mm.setBrk(borders[AT_START_BRK], borders[AT_BRK]);
        mm.setStartStack(borders[AT_START_STACK]);
        mm.setArgs(borders[AT_ARG_START], borders[AT_ARG_END]);
        mm.setEnv(borders[AT_ENV_START], borders[AT_ENV_END]);
    }
}
