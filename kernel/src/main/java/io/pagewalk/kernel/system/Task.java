package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.filemap.FdTable;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.mempolicy.PolicyTask;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.PolicyMode;
import io.pagewalk.kernel.numa.TaskPolicy;
import io.pagewalk.kernel.oom.OomTask;
import io.pagewalk.kernel.syscall.Sleeper.Sleep;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.userfaultfd.UserfaultTask;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmAttributes;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A thread: {@code struct task_struct}. Threads of one process share their {@link ThreadGroup}. */
public final class Task implements PolicyTask, UserfaultTask, OomTask {
    /** What a task is doing. */
    public enum State {
        /** It can run. */
        RUNNABLE,
        /** It has exited and its parent has not yet asked. */
        ZOMBIE,
        /** It is gone. */
        DEAD
    }

    private final int tid;
    private final int cpu;
    private final ThreadGroup group;
    private final LinuxKernel kernel;
    private final UserMemory userMemory;
    private TaskPolicy policy = new TaskPolicy();
    private String comm;
    private @Nullable Mm mm;
    private FdTable files;
    private State state = State.RUNNABLE;
    private final TaskSleep sleep = new TaskSleep();
    private boolean isKilled;
    private boolean isExiting;
    private int exitCode;
    private long minorFaults;
    private long majorFaults;
    private long inBlocks;
    private @Nullable MmAttributes programAttributes;
    private long clearChildTid;
    private int pkru;
    private long taskObject;
    private long pidObject;
    private long kernelStack;

    Task(int tid, int cpu, ThreadGroup group, String comm, @Nullable Mm mm, FdTable files, LinuxKernel kernel) {
        this.tid = tid;
        this.cpu = cpu;
        this.group = group;
        this.comm = comm;
        this.mm = mm;
        this.files = files;
        this.kernel = kernel;
        this.userMemory = new TaskMemory(this, kernel);
    }

    @Override
    public int tid() {
        return tid;
    }

    @Override
    public int tgid() {
        return group.tgid();
    }

    @Override
    public int uid() {
        return group.credentials().real();
    }

    /** Returns the CPU it runs on. */
    public int cpu() {
        return cpu;
    }

    /** Returns its process. */
    public ThreadGroup group() {
        return group;
    }

    @Override
    public String comm() {
        return comm;
    }

    void setComm(String name) {
        comm = name;
    }

    @Override
    public Mm mm() {
        Mm present = mm;
        if (present == null) {
            throw new KernelBug("task " + tid + " has no address space");
        }
        return present;
    }

    @Override
    public @Nullable Mm mmOrNull() {
        return mm;
    }

    void setMm(@Nullable Mm value) {
        mm = value;
    }

    @Override
    public UserMemory userMemory() {
        return userMemory;
    }

    @Override
    public TaskPolicy policy() {
        return policy;
    }

    /** Takes over the memory policy of the task that makes this one. */
    void inheritPolicy(Task parent) {
        policy = new TaskPolicy(parent.policy);
    }

    @Override
    public FdTable files() {
        return files;
    }

    void setFiles(FdTable table) {
        files = table;
    }

    @Override
    public @Nullable OpenFile file(int fd) {
        OpenFile open = files.get(fd);
        return open != null && open.isPathOnly() ? null : open;
    }

    /** Returns what it is doing. */
    public State state() {
        return state;
    }

    void setState(State value) {
        state = value;
    }

    @Override
    public boolean isKilled() {
        return isKilled;
    }

    void setKilled() {
        isKilled = true;
    }

    @Override
    public boolean isExiting() {
        return isExiting;
    }

    /** Begins its end; nobody hears of its faults from now on, and it waits for nothing more. */
    void setExiting() {
        isExiting = true;
        sleep.abandon();
    }

    TaskSleep sleep() {
        return sleep;
    }

    /** Returns whether it waits for a userfaultfd: then it makes neither accesses nor calls. */
    @Override
    public boolean isAsleep() {
        return sleep.isAsleep();
    }

    @Override
    public void sleep(Sleep why) {
        sleep.begin(why);
    }

    @Override
    public void wake() {
        if (sleep.end()) {
            kernel.userfaults().woken(this);
        }
    }

    @Override
    public void wakeAndGoOn(LongSupplier rest) {
        sleep.goOnWith(rest);
        sleep.end();
        kernel.userfaults().woken(this);
    }

    /** Returns what the system call came to in which it slept; {@link LinuxKernel#WAITS} when it must be made again. */
    public long callResult() {
        return sleep.callResult();
    }

    @Override
    public boolean isInit() {
        return group.tgid() == 1;
    }

    @Override
    public boolean usesNodes(IntPredicate nodes) {
        for (Task thread : group.threads()) {
            Mempolicy bound = thread.policy.policy();
            if (bound == null
                    || bound.mode() != PolicyMode.BIND
                    || bound.nodes().anyMatch(nodes)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public int oomScoreAdj() {
        return group.oomScoreAdj();
    }

    /** Returns the exit code as {@code wait4()} reports it: status in bits 15..8, or a signal in bits 6..0. */
    public int exitCode() {
        return exitCode;
    }

    void setExitCode(int code) {
        exitCode = code;
    }

    /** Returns {@code current->min_flt}: faults that needed no input. */
    public long minorFaults() {
        return minorFaults;
    }

    /** Returns {@code current->maj_flt}: faults that read from a device. */
    public long majorFaults() {
        return majorFaults;
    }

    @Override
    public void countMinorFault() {
        minorFaults++;
    }

    @Override
    public void countMajorFault() {
        majorFaults++;
    }

    /** Returns the blocks of 512 bytes that it read from devices: {@code task_io_get_inblock()}. */
    public long inBlocks() {
        return inBlocks;
    }

    void countInBlocks(long blocks) {
        inBlocks += blocks;
    }

    /** Returns what the address space of the program before had set, null for the first program. */
    @Nullable
    MmAttributes programAttributes() {
        return programAttributes;
    }

    void setProgramAttributes(MmAttributes value) {
        programAttributes = value;
    }

    /** Returns the address that exit clears and wakes ({@code set_tid_address}), 0 when there is none. */
    public long clearChildTid() {
        return clearChildTid;
    }

    void setClearChildTid(long vaddr) {
        clearChildTid = vaddr;
    }

    /** Returns its register of protection keys ({@code thread.pkru}); see {@link io.pagewalk.hardware.paging.Pkru}. 0 on machines without keys. */
    public int pkru() {
        return pkru;
    }

    void setPkru(int register) {
        pkru = register;
    }

    /** Returns the address of its {@code struct task_struct}, 0 when it has none. */
    public long taskObject() {
        return taskObject;
    }

    long pidObject() {
        return pidObject;
    }

    void setKernelObjects(long task, long pid) {
        taskObject = task;
        pidObject = pid;
    }

    /** Returns the kernel it runs on. */
    public LinuxKernel kernel() {
        return kernel;
    }

    /** Returns the lowest address of the kernel stack, 0 once the thread has ended: {@code task_stack_page()}. */
    public long kernelStack() {
        return kernelStack;
    }

    void setKernelStack(long vaddr) {
        kernelStack = vaddr;
    }

    void addToDigest(Digest digest) {
        digest.add(kernelStack);
        digest.add(tid);
        digest.add(group.tgid());
        digest.add(comm);
        digest.add(state.name());
        digest.add(exitCode);
        digest.add(minorFaults);
        digest.add(majorFaults);
        digest.add(pkru);
        policy.addToDigest(digest);
    }
}
