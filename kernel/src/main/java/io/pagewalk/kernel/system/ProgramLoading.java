package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.exec.ElfLoader;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmAttributes;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.Mmap;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gives a task the address space of a program: one that was recorded area by area, or an ELF file. */
final class ProgramLoading {
    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private final LinuxKernel kernel;

    ProgramLoading(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    /** {@code fs/binfmt_elf.c:load_elf_binary()} from the point where the old program is gone. */
    void load(Task task, ExecImage image, boolean mergesAny) {
        Mm mm = begin(task, image.comm(), image.argv(), mergesAny);
        for (ExecImage.Mapping mapping : image.mappings()) {
            map(mm, mapping, image);
        }
        setBorders(mm, image);
        writeStack(task, mm, image);
    }

    /** Loads an ELF file: {@code fs/binfmt_elf.c:load_elf_binary()}. */
    void load(Task task, ElfProgram program, boolean mergesAny) {
        Mm mm = begin(task, program.comm(), program.argv(), mergesAny);
        long entry = ElfLoader.load(mm, program, this::open, task.userMemory());
        if (Errno.isError(entry)) {
            throw new BadInput(
                    "exec " + program.name(),
                    "refused with " + Errno.name((int) -entry),
                    "a program that fits into the machine's address space and memory");
        }
    }

    private @Nullable MappedFile open(String path) {
        Inode inode = kernel.files().lookup(path);
        return inode == null ? null : kernel.files().open(inode, 0);
    }

    /** Gives the task an empty address space and its new name: {@code begin_new_exec()} behind the point of no return. */
    private Mm begin(Task task, String comm, List<String> argv, boolean mergesAny) {
        kernel.time().charge(Cause.PROCESS, kernel.options().costs().execNanos());
        Mm mm = newMm(task);
        kernel.ksm().execve(mm, mergesAny);
        task.setComm(comm);
        task.group().setArgv(argv);
        task.setMm(mm);
        kernel.keys().reset(task);
        kernel.schedule(task);
        return mm;
    }

    private Mm newMm(Task task) {
        Mm mm = new Mm(kernel.mmServices(), kernel.layout(), task.group().limits());
        mm.setOwnerPid(task.tgid());
        MmAttributes old = task.programAttributes();
        if (old != null) {
            mm.attributes().copyForExec(old);
        }
        mm.setPrivileged(task.group().credentials().has(Credentials.CAP_IPC_LOCK));
        boolean hasMm = kernel.objects().takeMm(mm);
        if (!hasMm || !kernel.pageTables().makeRoot(mm)) {
            if (hasMm) {
                kernel.objects().giveMm(mm);
            }
            throw new BadInput("exec " + task.comm(), "no free memory", "a machine with more memory");
        }
        kernel.addressSpaces().add(mm);
        return mm;
    }

    private void map(Mm mm, ExecImage.Mapping mapping, ExecImage image) {
        String name = mapping.name() == null ? "" : mapping.name();
        long result;
        if (name.equals("[vsyscall]")) {
            return;
        } else if (name.equals("[stack]")) {
            Vma stack = new Vma(
                    mm,
                    mapping.start(),
                    mapping.end(),
                    VmaFlags.VM_STACK_FLAGS | ((mapping.prot() & 4) != 0 ? VmaFlags.VM_EXEC : 0),
                    mapping.start() >>> 12,
                    null);
            result = MmLifecycle.insertVmStruct(mm, stack);
        } else if (name.startsWith("[v")) {
            Vma special = new Vma(
                    mm,
                    mapping.start(),
                    mapping.end(),
                    name.equals("[vdso]") ? ElfLoader.VDSO_FLAGS : ElfLoader.VVAR_FLAGS,
                    0,
                    null);
            special.setSpecialName(name);
            result = MmLifecycle.insertVmStruct(mm, special);
        } else {
            result = mapOrdinary(mm, mapping);
        }
        if (Errno.isError(result)) {
            throw new BadInput(
                    "initial mapping of " + image.comm(),
                    Bits.hex(mapping.start()) + "-" + Bits.hex(mapping.end()) + " " + mapping.permissions()
                            + ", which Linux refuses with " + Errno.name((int) -result),
                    "a range of the user half that is still free");
        }
    }

    private long mapOrdinary(Mm mm, ExecImage.Mapping mapping) {
        long length = mapping.end() - mapping.start();
        int flags = MAP_FIXED | (mapping.isShared() ? MAP_SHARED : MAP_PRIVATE);
        String path = mapping.path();
        if (path == null) {
            return Mmap.map(mm, null, mapping.start(), length, mapping.prot(), flags | MAP_ANONYMOUS, 0);
        }
        Inode inode = kernel.files().lookup(path);
        if (inode == null) {
            inode = kernel.files().register(path, mapping.fileOffset() + length, 0, 0, 0);
        }
        OpenFile file = kernel.files().open(inode, mapping.isShared() ? OpenFile.O_RDWR : 0);
        long result = Mmap.map(mm, file, mapping.start(), length, mapping.prot(), flags, mapping.fileOffset() >>> 12);
        if (!Errno.isError(result) && mm.exeFile() == null && (mapping.prot() & 4) != 0) {
            file.get();
            mm.setExeFile(file);
            mm.setCode(mapping.start(), mapping.end());
        }
        if (!Errno.isError(result) && (mapping.prot() & 2) != 0 && mm.endData() == 0) {
            mm.setData(mapping.start(), mapping.end());
        }
        file.put();
        return result;
    }

    private static void setBorders(Mm mm, ExecImage image) {
        long brk = image.brkStart();
        long heapEnd = brk;
        for (ExecImage.Mapping mapping : image.mappings()) {
            if ("[heap]".equals(mapping.name())) {
                brk = brk == 0 ? mapping.start() : brk;
                heapEnd = mapping.end();
            }
        }
        mm.setBrk(brk, Math.max(heapEnd, brk));
    }

    /** Writes arguments, environment and auxiliary vector, page by page from the top: {@code copy_strings()} and {@code create_elf_tables()}. */
    private void writeStack(Task task, Mm mm, ExecImage image) {
        Vma stack = null;
        for (Vma vma : mm.vmas()) {
            if (vma.has(VmaFlags.VM_GROWSDOWN)) {
                stack = vma;
            }
        }
        if (stack == null) {
            return;
        }
        long pointer = image.stackTop() == 0 ? (stack.end() - image.argsBytes()) & -16L : image.stackTop();
        pointer = Math.max(stack.start(), Math.min(pointer, stack.end() - 16));
        mm.setStartStack(pointer);
        mm.setArgs(pointer, pointer);
        mm.setEnv(pointer, stack.end());
        for (long page = (stack.end() - 1) & -4096L; page >= (pointer & -4096L); page -= 4096) {
            int outcome = kernel.faultHandler().handleMmFault(task, mm, stack, page, true);
            KernelBug.on(outcome == FaultOutcome.NO_AREA, "the stack has no area");
        }
    }
}
