package io.pagewalk.kernel.exec;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The stack that a program starts with: {@code fs/exec.c:setup_arg_pages()} and {@code fs/binfmt_elf.c:create_elf_tables()}.
 *
 * <pre>
 *   end of the stack   eight bytes of zero
 *                      path of the program, environment, arguments, each with a zero byte     writeStrings
 *                      "x86_64", 16 random bytes                                              writeTables
 *                      auxiliary vector, pointers to the environment and the arguments, argc
 *   stack pointer
 *                      128 KiB of empty stack
 * </pre>
 */
final class FirstStack {
    private static final long PAGE = 4096;
    private static final long EXPAND_BYTES = 128 * 1024;
    private static final int WORD = 8;
    private static final byte[] PLATFORM = "x86_64\0".getBytes(StandardCharsets.US_ASCII);

    /** What {@code AT_RANDOM} points to. The model's programs see the same bytes every time. */
    private static final byte[] RANDOM = {
        0x50, 0x61, 0x67, 0x65, 0x77, 0x61, 0x6c, 0x6b, 0x3a, 0x31, 0x36, 0x62, 0x79, 0x74, 0x65, 0x73
    };

    /* CPUID leaf 1 edx of every x86-64 of today, and FSGSBASE. */
    private static final long HWCAP = 0x178bfbff;
    private static final long HWCAP2 = 2;
    private static final long MINSIGSTKSZ = 3376;
    private static final long CLOCKS_PER_SECOND = 100;
    private static final long RSEQ_FEATURE_SIZE = 0x1c;
    private static final long RSEQ_ALIGN = 0x20;

    private static final int AT_PHDR = 3;
    private static final int AT_PHENT = 4;
    private static final int AT_PHNUM = 5;
    private static final int AT_PAGESZ = 6;
    private static final int AT_BASE = 7;
    private static final int AT_FLAGS = 8;
    private static final int AT_ENTRY = 9;
    private static final int AT_UID = 11;
    private static final int AT_EUID = 12;
    private static final int AT_GID = 13;
    private static final int AT_EGID = 14;
    private static final int AT_PLATFORM = 15;
    private static final int AT_HWCAP = 16;
    private static final int AT_CLKTCK = 17;
    private static final int AT_SECURE = 23;
    private static final int AT_RANDOM = 25;
    private static final int AT_HWCAP2 = 26;
    private static final int AT_RSEQ_FEATURE_SIZE = 27;
    private static final int AT_RSEQ_ALIGN = 28;
    private static final int AT_EXECFN = 31;
    private static final int AT_SYSINFO_EHDR = 33;
    private static final int AT_MINSIGSTKSZ = 51;

    private final Mm mm;
    private final ElfProgram program;
    private final UserMemory memory;
    private final List<Long> argv = new ArrayList<>();
    private final List<Long> envp = new ArrayList<>();
    private long pointer;
    private long pathAddress;

    FirstStack(Mm mm, ElfProgram program, UserMemory memory) {
        this.mm = mm;
        this.program = program;
        this.memory = memory;
    }

    /** Makes the area and stores the strings; returns 0 or a negative errno. */
    long writeStrings() {
        long end = mm.layout().stackTop();
        byte[] path = string(program.name());
        List<byte[]> environment =
                program.envp().stream().map(FirstStack::string).toList();
        List<byte[]> arguments = program.argv().stream().map(FirstStack::string).toList();
        long bytes = WORD + path.length + total(environment) + total(arguments);
        long limit = mm.limits().soft(ResourceLimits.RLIMIT_STACK);
        if (Long.compareUnsigned(bytes, Long.divideUnsigned(limit, 4)) > 0) {
            return -Errno.E2BIG;
        }
        long used = (bytes + PAGE - 1) & -PAGE;
        long room = used + EXPAND_BYTES;
        room = Long.compareUnsigned(limit & -PAGE, room) < 0 ? Math.max(used, limit & -PAGE) : room;
        long flags = VmaFlags.VM_STACK_FLAGS | (program.file().hasExecutableStack() ? VmaFlags.VM_EXEC : 0);
        Vma stack = new Vma(mm, end - room, end, flags, (end - room) >>> 12, null);
        long error = MmLifecycle.insertVmStruct(mm, stack);
        if (error != 0) {
            return error;
        }
        pointer = end - WORD;
        error = push(path);
        pathAddress = pointer;
        error = error == 0 ? pushAll(environment, envp) : error;
        long envStart = pointer;
        error = error == 0 ? pushAll(arguments, argv) : error;
        mm.setArgs(pointer, envStart);
        mm.setEnv(envStart, pathAddress);
        return error;
    }

    private long pushAll(List<byte[]> strings, List<Long> addresses) {
        for (byte[] text : strings.reversed()) {
            long error = push(text);
            if (error != 0) {
                return error;
            }
            addresses.addFirst(pointer);
        }
        return 0;
    }

    /**
     * Stores what lies between the strings and the stack pointer.
     *
     * @param vdso address of {@code [vdso]}
     * @param headers address of the program's headers
     * @param linkerBase load bias of the dynamic linker, 0 without one
     * @param entry first instruction of the program itself
     * @return 0 or a negative errno
     */
    long writeTables(long vdso, long headers, long linkerBase, long entry) {
        pointer &= -16L;
        long error = push(PLATFORM);
        long platform = pointer;
        error = error == 0 ? push(RANDOM) : error;
        if (error != 0) {
            return error;
        }
        long[] vector = {
            AT_SYSINFO_EHDR,
            vdso,
            AT_MINSIGSTKSZ,
            MINSIGSTKSZ,
            AT_HWCAP,
            HWCAP,
            AT_PAGESZ,
            PAGE,
            AT_CLKTCK,
            CLOCKS_PER_SECOND,
            AT_PHDR,
            headers,
            AT_PHENT,
            ElfFile.PROGRAM_HEADER_BYTES,
            AT_PHNUM,
            program.file().headers(),
            AT_BASE,
            linkerBase,
            AT_FLAGS,
            0,
            AT_ENTRY,
            entry,
            AT_UID,
            0,
            AT_EUID,
            0,
            AT_GID,
            0,
            AT_EGID,
            0,
            AT_SECURE,
            0,
            AT_RANDOM,
            pointer,
            AT_HWCAP2,
            HWCAP2,
            AT_EXECFN,
            pathAddress,
            AT_PLATFORM,
            platform,
            AT_RSEQ_FEATURE_SIZE,
            RSEQ_FEATURE_SIZE,
            AT_RSEQ_ALIGN,
            RSEQ_ALIGN,
            0,
            0
        };
        int words = 1 + argv.size() + 1 + envp.size() + 1;
        pointer = (pointer - (long) vector.length * WORD - (long) words * WORD) & -16L;
        ByteBuffer table = ByteBuffer.allocate((words + vector.length) * WORD).order(ByteOrder.LITTLE_ENDIAN);
        table.putLong(argv.size());
        argv.forEach(table::putLong);
        table.putLong(0);
        envp.forEach(table::putLong);
        table.putLong(0);
        for (long word : vector) {
            table.putLong(word);
        }
        mm.setStartStack(pointer);
        return memory.copyToUser(pointer, table.array(), 0, table.capacity()) == 0 ? 0 : -Errno.EFAULT;
    }

    private long push(byte[] bytes) {
        pointer -= bytes.length;
        return memory.copyToUser(pointer, bytes, 0, bytes.length) == 0 ? 0 : -Errno.EFAULT;
    }

    private static byte[] string(String text) {
        return (text + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private static long total(List<byte[]> strings) {
        return strings.stream().mapToLong(text -> text.length).sum();
    }
}
