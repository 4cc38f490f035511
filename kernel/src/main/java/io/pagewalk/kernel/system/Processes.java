package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.fault.PageTableEditor;
import io.pagewalk.kernel.filemap.FdTable;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.Munmap;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Consumer;
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

    /** What becomes of the open files of the parent. */
    enum Descriptors {
        /** The child gets a table of its own: fork(). */
        COPIED,
        /** Both use one table: CLONE_FILES. */
        SHARED
    }

    private static final int SIGKILL = 9;

    private final LinuxKernel kernel;
    private final TaskTable tasks;
    private final ProgramLoading programs;

    Processes(LinuxKernel kernel, TaskTable tasks) {
        this.kernel = kernel;
        this.tasks = tasks;
        this.programs = new ProgramLoading(kernel);
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
        return execNew(image.comm(), task -> programs.load(task, image, false));
    }

    Task execNew(ElfProgram program) {
        return execNew(program.comm(), task -> programs.load(task, program, false));
    }

    private Task execNew(String comm, Consumer<Task> loading) {
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
        Task task = new Task(tid, tasks.cpuOf(tid), group, comm, null, files, kernel);
        if (!giveStack(task)) {
            throw new BadInput("exec " + comm, "no free memory", "a machine with more memory");
        }
        if (!kernel.objects().takeProcess(group)) {
            throw forget(group, task, KernelObjects.noMemory("process " + comm));
        }
        if (!kernel.objects().takeTask(task)) {
            kernel.objects().giveProcess(group);
            throw forget(group, task, KernelObjects.noMemory("process " + comm));
        }
        group.addThread(task);
        tasks.add(task);
        try {
            loading.accept(task);
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
        programs.load(task, image, dropProgram(task));
    }

    void execve(Task task, ElfProgram program) {
        programs.load(task, program, dropProgram(task));
    }

    /** The point of no return: {@code fs/exec.c:begin_new_exec()}. Returns whether the process had all its memory merged, which it keeps. */
    private boolean dropProgram(Task task) {
        for (Task other : task.group().threads()) {
            if (other != task) {
                exit(other, 0);
            }
        }
        boolean mergesAny = task.mm().ksm().mergesAny();
        task.setProgramAttributes(task.mm().attributes());
        task.group().setCredentials(task.group().credentials().withDumpable(true));
        leaveMm(task);
        task.files().closeOnExec();
        return mergesAny;
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
        thread.inheritPolicy(parent);
        thread.setPkru(parent.pkru());
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
        return fork(parent, sharing, Descriptors.COPIED);
    }

    @Nullable
    Task fork(Task parent, Sharing sharing, Descriptors descriptors) {
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
        FdTable files = parent.files();
        if (descriptors == Descriptors.SHARED) {
            files.share();
        } else {
            files = new FdTable(files);
        }
        Task child = new Task(tid, tasks.cpuOf(tid), group, parent.comm(), mm, files, kernel);
        child.inheritPolicy(parent);
        child.setPkru(parent.pkru());
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
        kernel.ksm().fork(copy, old);
        PageTableEditor tables = kernel.pageTables();
        long result = MmLifecycle.dupMmap(copy, old, (child, area, wipe) -> {
            if (wipe) {
                return 0;
            }
            kernel.anonVmas().fork(child, area);
            return area.has(VmaFlags.VM_HUGETLB) ? kernel.hugetlb().copy(child, area) : tables.copyRange(child, area);
        });
        kernel.addressSpaces().flushMm(old);
        if (result != 0) {
            destroy(copy);
            return null;
        }
        kernel.khugepaged().fork(copy, old);
        return copy;
    }

    /** {@code kernel/exit.c:do_exit()}. */
    void exit(Task task, int waitStatus) {
        if (task.state() != Task.State.RUNNABLE) {
            return;
        }
        KernelBug.on(task.isInit(), "init exits");
        task.setExiting();
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
        task.group().noteResidentPages(mm.hiwaterRss());
        task.setMm(null);
        kernel.unschedule(task);
        if (mm.addUsers(-1) == 0) {
            destroy(mm);
        }
    }

    /** {@code kernel/fork.c:__mmput()}. */
    private void destroy(Mm mm) {
        kernel.userfaults().forkFailed(mm);
        kernel.ksm().exit(mm);
        kernel.khugepaged().exit(mm);
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
