package io.pagewalk.kernel.system;

import io.pagewalk.kernel.vma.ResourceLimits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process: {@code struct signal_struct}, what the threads of one thread group share besides their address space. */
@SuppressWarnings("JavaLangClash") // the kernel's term; nobody needs java.lang.ThreadGroup here
public final class ThreadGroup {
    private final int tgid;
    private final @Nullable ThreadGroup parent;
    private final ResourceLimits limits;
    private final List<Task> threads = new ArrayList<>();
    private final List<ThreadGroup> children = new ArrayList<>();
    private int oomScoreAdj;
    private Credentials credentials = Credentials.ROOT;
    private long childMinorFaults;
    private long childMajorFaults;
    private long deadMinorFaults;
    private long deadMajorFaults;
    private long deadInBlocks;
    private long childInBlocks;
    private long maxResidentPages;
    private long childMaxResidentPages;
    private List<String> argv = List.of();
    private final long[] kernelObjects = new long[5];

    ThreadGroup(int tgid, @Nullable ThreadGroup parent, ResourceLimits limits) {
        this.tgid = tgid;
        this.parent = parent;
        this.limits = limits;
        if (parent != null) {
            parent.children.add(this);
            oomScoreAdj = parent.oomScoreAdj;
            credentials = parent.credentials;
        }
    }

    /** Returns the process number. */
    public int tgid() {
        return tgid;
    }

    /** Returns the parent process, null for init and for processes started from outside. */
    public @Nullable ThreadGroup parent() {
        return parent;
    }

    /** Returns the resource limits. */
    public ResourceLimits limits() {
        return limits;
    }

    /** Returns who it is and what it may do. */
    public Credentials credentials() {
        return credentials;
    }

    /**
     * Makes it somebody else. The address space learns of it where a call changes it.
     *
     * @param value who it is from now on
     */
    public void setCredentials(Credentials value) {
        credentials = value;
    }

    /** Returns the threads that have not exited, in the order of their creation; the leader stays while it is a zombie. */
    public List<Task> threads() {
        return List.copyOf(threads);
    }

    /** Returns the child processes that nobody has waited for, oldest first. */
    public List<ThreadGroup> children() {
        return List.copyOf(children);
    }

    /** Returns {@code /proc/PID/oom_score_adj}. */
    public int oomScoreAdj() {
        return oomScoreAdj;
    }

    /**
     * Sets {@code /proc/PID/oom_score_adj}.
     *
     * @param value -1000 to 1000
     */
    public void setOomScoreAdj(int value) {
        if (value < -1000 || value > 1000) {
            throw new IllegalArgumentException("oom_score_adj " + value);
        }
        oomScoreAdj = value;
    }

    /** Returns the addresses of what the process has one of, as {@link KernelObjects} orders them; 0 where there is none. */
    long[] kernelObjects() {
        return kernelObjects;
    }

    /** Returns the command line. */
    public List<String> argv() {
        return argv;
    }

    void setArgv(List<String> arguments) {
        argv = arguments;
    }

    /** Returns the minor faults of all threads, those that exited included ({@code getrusage(RUSAGE_SELF)}). */
    public long minorFaults() {
        return deadMinorFaults + threads.stream().mapToLong(Task::minorFaults).sum();
    }

    /** Returns the major faults of all threads, those that exited included. */
    public long majorFaults() {
        return deadMajorFaults + threads.stream().mapToLong(Task::majorFaults).sum();
    }

    /** Returns the minor faults of children that were waited for ({@code cmin_flt}). */
    public long childMinorFaults() {
        return childMinorFaults;
    }

    /** Returns the major faults of children that were waited for ({@code cmaj_flt}). */
    public long childMajorFaults() {
        return childMajorFaults;
    }

    /** Returns the blocks of 512 bytes that all threads read from devices, those that exited included ({@code ru_inblock}). */
    public long inBlocks() {
        return deadInBlocks + threads.stream().mapToLong(Task::inBlocks).sum();
    }

    /** Returns the blocks that children read that were waited for ({@code cinblock}). */
    public long childInBlocks() {
        return childInBlocks;
    }

    /** Returns the largest resident size, in pages, of address spaces that it has left ({@code signal->maxrss}). */
    public long maxResidentPages() {
        return maxResidentPages;
    }

    /** Returns the largest resident size, in pages, of a child that was waited for ({@code cmaxrss}). */
    public long childMaxResidentPages() {
        return childMaxResidentPages;
    }

    /** Notes the largest resident size of an address space that a thread leaves: {@code setmax_mm_hiwater_rss()}. */
    void noteResidentPages(long pages) {
        maxResidentPages = Math.max(maxResidentPages, pages);
    }

    void addThread(Task task) {
        threads.add(task);
    }

    void removeThread(Task task) {
        threads.remove(task);
        deadMinorFaults += task.minorFaults();
        deadMajorFaults += task.majorFaults();
        deadInBlocks += task.inBlocks();
    }

    void reap(ThreadGroup child) {
        children.remove(child);
        childMinorFaults += child.minorFaults() + child.childMinorFaults;
        childMajorFaults += child.majorFaults() + child.childMajorFaults;
        childInBlocks += child.inBlocks() + child.childInBlocks;
        childMaxResidentPages =
                Math.max(childMaxResidentPages, Math.max(child.maxResidentPages, child.childMaxResidentPages));
    }

    void forget(ThreadGroup child) {
        children.remove(child);
    }

    void addChildrenOf(ThreadGroup other) {
        children.addAll(other.children);
        other.children.clear();
    }
}
