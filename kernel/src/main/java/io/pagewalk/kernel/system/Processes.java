package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.PageTableEditor;
import io.pagewalk.kernel.filemap.FdTable;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.Mmap;
import io.pagewalk.kernel.vma.Munmap;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Making and ending tasks: {@code kernel/fork.c}, {@code fs/exec.c}, {@code kernel/exit.c}. */
final class Processes {
    /** What a new process shares with its parent besides nothing. */
    enum Sharing {
        /** Everything is copied: fork(). */
        NOTHING,
        /** The address space is the parent's: vfork(), posix_spawn(). */
        ADDRESS_SPACE
    }

    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int SIGKILL = 9;
    /** What {@code mm/vma.c:_install_special_mapping()} adds; it makes the areas special, so that they are never locked. */
    private static final long ALL_SPECIAL_FLAGS = VmaFlags.VM_READ | VmaFlags.VM_MAYREAD | VmaFlags.VM_DONTEXPAND;

    private static final long VDSO_FLAGS =
            ALL_SPECIAL_FLAGS | VmaFlags.VM_EXEC | VmaFlags.VM_MAYWRITE | VmaFlags.VM_MAYEXEC;
    private static final long VVAR_FLAGS =
            ALL_SPECIAL_FLAGS | VmaFlags.VM_IO | VmaFlags.VM_DONTDUMP | VmaFlags.VM_PFNMAP;

    private final LinuxKernel kernel;
    private final TaskTable tasks;

    Processes(LinuxKernel kernel, TaskTable tasks) {
        this.kernel = kernel;
        this.tasks = tasks;
    }

    /** Makes init, process 1, which owns orphans and has no address space of its own here. */
    void startInit() {
        ThreadGroup group = new ThreadGroup(1, null, new ResourceLimits());
        Task init = new Task(1, tasks.cpuOf(1), group, "init", null, new FdTable(), kernel);
        KernelBug.on(!giveStack(init), "no memory for the stack of init");
        takeAll(group, init);
        group.addThread(init);
        tasks.add(init);
    }

    /** Takes the memory of a process that must be there. */
    private void takeAll(ThreadGroup group, Task first) {
        if (!kernel.objects().takeProcess(group) || !kernel.objects().takeTask(first)) {
            throw KernelObjects.noMemory("process " + first.comm());
        }
    }

    private Task init() {
        Task init = tasks.find(1);
        if (init == null) {
            throw new KernelBug("init is gone");
        }
        return init;
    }

    Task execNew(ExecImage image) {
        int tid = tasks.nextTid();
        ThreadGroup group = new ThreadGroup(tid, init().group(), new ResourceLimits());
        FdTable files = new FdTable();
        for (int fd = 0; fd < 3; fd++) {
            files.install(
                    kernel.files()
                            .open(kernel.files().registerSpecial("/dev/pts/0", Inode.Kind.STREAM), OpenFile.O_RDWR),
                    fd,
                    false);
        }
        Task task = new Task(tid, tasks.cpuOf(tid), group, image.comm(), null, files, kernel);
        if (!giveStack(task)) {
            throw new BadInput("exec " + image.comm(), "no free memory", "a machine with more memory");
        }
        if (!kernel.objects().takeProcess(group)) {
            throw forget(group, task, KernelObjects.noMemory("process " + image.comm()));
        }
        if (!kernel.objects().takeTask(task)) {
            kernel.objects().giveProcess(group);
            throw forget(group, task, KernelObjects.noMemory("process " + image.comm()));
        }
        group.addThread(task);
        tasks.add(task);
        try {
            load(task, image);
        } catch (BadInput e) {
            exit(task, SIGKILL);
            reap(init().group(), group);
            throw e;
        }
        return task;
    }

    /** Drops what a process has that never ran. */
    private BadInput forget(ThreadGroup group, Task task, BadInput reason) {
        takeStack(task);
        task.files().release();
        init().group().forget(group);
        return reason;
    }

    void execve(Task task, ExecImage image) {
        for (Task other : task.group().threads()) {
            if (other != task) {
                exit(other, 0);
            }
        }
        leaveMm(task);
        task.files().closeOnExec();
        load(task, image);
    }

    /** {@code fs/binfmt_elf.c:load_elf_binary()} from the point where the old program is gone. */
    private void load(Task task, ExecImage image) {
        kernel.time().charge(Cause.PROCESS, kernel.options().costs().execNanos());
        Mm mm = newMm(task);
        task.setComm(image.comm());
        task.group().setArgv(image.argv());
        task.setMm(mm);
        kernel.schedule(task);
        for (ExecImage.Mapping mapping : image.mappings()) {
            map(mm, mapping, image);
        }
        setBorders(mm, image);
        writeStack(task, mm, image);
    }

    private Mm newMm(Task task) {
        Mm mm = new Mm(kernel.mmServices(), kernel.layout(), task.group().limits());
        mm.setOwnerPid(task.tgid());
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
                    mm, mapping.start(), mapping.end(), name.equals("[vdso]") ? VDSO_FLAGS : VVAR_FLAGS, 0, null);
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

    /** Gives a new task its kernel stack: the first thing of {@code kernel/fork.c:dup_task_struct()}. Returns false when memory ran out. */
    private boolean giveStack(Task task) {
        long stack = kernel.kernelStacks().allocate();
        task.setKernelStack(stack);
        return stack != 0;
    }

    /** {@code put_task_stack()}: the stack goes when the thread leaves its CPU for good, before anybody waits for it. */
    private void takeStack(Task task) {
        kernel.kernelStacks().free(task.kernelStack());
        task.setKernelStack(0);
    }

    @Nullable
    Task cloneThread(Task parent) {
        int tid = tasks.nextTid();
        Mm mm = parent.mm();
        Task thread = new Task(tid, tasks.cpuOf(tid), parent.group(), parent.comm(), mm, parent.files(), kernel);
        if (!kernel.objects().takeTask(thread)) {
            return null;
        }
        if (!giveStack(thread)) {
            kernel.objects().giveTask(thread);
            return null;
        }
        parent.files().share();
        mm.addUsers(1);
        parent.group().addThread(thread);
        tasks.add(thread);
        kernel.time().charge(Cause.PROCESS, kernel.options().costs().forkNanos());
        return thread;
    }

    @Nullable
    Task fork(Task parent, Sharing sharing) {
        kernel.schedule(parent);
        kernel.time().charge(Cause.PROCESS, kernel.options().costs().forkNanos());
        long stack = kernel.kernelStacks().allocate();
        if (stack == 0) {
            return null;
        }
        int tid = tasks.nextTid();
        ThreadGroup group = new ThreadGroup(
                tid, parent.group(), new ResourceLimits(parent.group().limits()));
        group.setArgv(parent.group().argv());
        if (!kernel.objects().takeProcess(group)) {
            parent.group().forget(group);
            kernel.kernelStacks().free(stack);
            return null;
        }
        Mm mm = parent.mm();
        if (sharing == Sharing.ADDRESS_SPACE) {
            mm.addUsers(1);
        } else {
            Mm copy = copyMm(parent, group, tid);
            if (copy == null) {
                kernel.objects().giveProcess(group);
                parent.group().forget(group);
                kernel.kernelStacks().free(stack);
                return null;
            }
            mm = copy;
        }
        Task child = new Task(tid, tasks.cpuOf(tid), group, parent.comm(), mm, new FdTable(parent.files()), kernel);
        child.setKernelStack(stack);
        if (!kernel.objects().takeTask(child)) {
            child.setKernelStack(0);
            leaveMm(child);
            child.files().release();
            kernel.objects().giveProcess(group);
            parent.group().forget(group);
            kernel.kernelStacks().free(stack);
            return null;
        }
        group.addThread(child);
        tasks.add(child);
        return child;
    }

    /** {@code kernel/fork.c:dup_mm()}. */
    private @Nullable Mm copyMm(Task parent, ThreadGroup group, int tid) {
        Mm old = parent.mm();
        Mm copy = new Mm(kernel.mmServices(), kernel.layout(), group.limits());
        copy.setOwnerPid(tid);
        if (!kernel.objects().takeMm(copy)) {
            return null;
        }
        if (!kernel.pageTables().makeRoot(copy)) {
            kernel.objects().giveMm(copy);
            return null;
        }
        kernel.addressSpaces().add(copy);
        if (old.exeFile() != null) {
            old.exeFile().get();
            copy.setExeFile(old.exeFile());
        }
        PageTableEditor tables = kernel.pageTables();
        long result = MmLifecycle.dupMmap(copy, old, (child, area, wipe) -> {
            if (wipe) {
                return 0;
            }
            kernel.anonVmas().fork(child, area);
            return tables.copyRange(child, area);
        });
        kernel.addressSpaces().flushMm(old);
        if (result != 0) {
            destroy(copy);
            return null;
        }
        return copy;
    }

    /** {@code kernel/exit.c:do_exit()}. */
    void exit(Task task, int waitStatus) {
        if (task.state() != Task.State.RUNNABLE) {
            return;
        }
        KernelBug.on(task.isInit(), "init exits");
        ThreadGroup group = task.group();
        if (task.clearChildTid() != 0 && task.mmOrNull() != null && task.mm().users() > 1 && !task.isKilled()) {
            task.userMemory().copyToUser(task.clearChildTid(), new byte[4], 0, 4);
        }
        leaveMm(task);
        kernel.sharedMemory().segments().exit(task.tid());
        task.files().release();
        task.setFiles(new FdTable());
        task.setExitCode(waitStatus);
        takeStack(task);
        kernel.unschedule(task);
        boolean isLast = group.threads().stream().noneMatch(t -> t != task && t.state() == Task.State.RUNNABLE);
        if (task.tid() != task.tgid()) {
            task.setState(Task.State.DEAD);
            kernel.objects().giveTask(task);
            group.removeThread(task);
            tasks.remove(task);
        } else {
            task.setState(Task.State.ZOMBIE);
        }
        if (isLast) {
            finishGroup(group, waitStatus);
        }
    }

    private void finishGroup(ThreadGroup group, int waitStatus) {
        kernel.objects().giveFiles(group);
        init().group().addChildrenOf(group);
        Task leader = tasks.find(group.tgid());
        if (leader != null) {
            leader.setExitCode(waitStatus);
        }
        ThreadGroup parent = group.parent();
        Task parentLeader = parent == null ? null : tasks.find(parent.tgid());
        boolean isOrphan = parentLeader == null || parentLeader.state() != Task.State.RUNNABLE;
        if (isOrphan && parent != null && parent.tgid() != 1) {
            reap(init().group(), group);
        }
    }

    /** Removes a zombie: {@code kernel/exit.c:release_task()}. */
    void reap(ThreadGroup parent, ThreadGroup child) {
        Task leader = tasks.find(child.tgid());
        if (leader != null) {
            leader.setState(Task.State.DEAD);
            kernel.objects().giveTask(leader);
            tasks.remove(leader);
        }
        kernel.objects().giveProcess(child);
        parent.reap(child);
    }

    void exitGroup(ThreadGroup group, int waitStatus) {
        List<Task> threads = new ArrayList<>(group.threads());
        for (Task thread : threads.reversed()) {
            exit(thread, waitStatus);
        }
    }

    /** Drops a task's use of its address space: {@code exit_mm()}, {@code mmput()}. */
    private void leaveMm(Task task) {
        Mm mm = task.mmOrNull();
        if (mm == null) {
            return;
        }
        task.setMm(null);
        kernel.unschedule(task);
        if (mm.addUsers(-1) == 0) {
            destroy(mm);
        }
    }

    /** {@code kernel/fork.c:__mmput()}. */
    private void destroy(Mm mm) {
        Munmap.exitMmap(mm);
        if (mm.exeFile() != null) {
            mm.exeFile().put();
            mm.setExeFile(null);
        }
        kernel.addressSpaces().remove(mm);
        KernelBug.on(mm.rssPages() != 0, "an address space ends with " + mm.rssPages() + " pages");
        KernelBug.on(mm.pgtablesBytes() != 0, "an address space ends with " + mm.pgtablesBytes() + " bytes of tables");
        kernel.pageTables().freeRoot(mm);
        kernel.objects().giveMm(mm);
    }

    /** Kills for want of memory. The running process only loses its pages now; it ends when it leaves the kernel. */
    void oomKill(Task victim) {
        Mm mm = victim.mm();
        Task current = kernel.currentTask();
        TreeSet<Integer> others = new TreeSet<>();
        boolean isCurrent = false;
        for (Task task : tasks.all()) {
            if (task.mmOrNull() == mm) {
                task.setKilled();
                isCurrent |= current != null && task.group() == current.group();
                if (current == null || task.group() != current.group()) {
                    others.add(task.tgid());
                }
            }
        }
        kernel.pageTables().reap(mm);
        kernel.log()
                .print("oom_reaper: reaped process " + victim.tid() + " (" + victim.comm() + "), now anon-rss:"
                        + mm.rss(RssCounter.ANON) * 4 + "kB, file-rss:" + mm.rss(RssCounter.FILE) * 4 + "kB, shmem-rss:"
                        + mm.rss(RssCounter.SHMEM) * 4 + "kB");
        if (!isCurrent) {
            for (int tgid : others) {
                Task leader = tasks.find(tgid);
                if (leader != null) {
                    exitGroup(leader.group(), SIGKILL);
                }
            }
        }
    }
}
