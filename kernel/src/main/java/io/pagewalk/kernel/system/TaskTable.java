package io.pagewalk.kernel.system;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** All tasks by number. Numbers are given in order and never used twice, so a run is the same every time. */
final class TaskTable {
    /** The first number of a task that is not part of the system, as on a machine that has been up for a while. */
    static final int FIRST_USER_TID = 1000;

    private final TreeMap<Integer, Task> byTid = new TreeMap<>();
    private final @Nullable Task[] runningOn;
    private int nextTid = FIRST_USER_TID;

    TaskTable(int cpus) {
        runningOn = new Task[cpus];
    }

    int nextTid() {
        return nextTid++;
    }

    /** Returns the CPU that a new task gets: its number modulo the CPUs. */
    int cpuOf(int tid) {
        return tid % runningOn.length;
    }

    void add(Task task) {
        byTid.put(task.tid(), task);
    }

    void remove(Task task) {
        byTid.remove(task.tid());
    }

    @Nullable
    Task find(int tid) {
        return byTid.get(tid);
    }

    List<Task> all() {
        return new ArrayList<>(byTid.values());
    }

    /** Notes that a task runs on its CPU; returns whether another one ran there before. */
    boolean runOn(Task task) {
        Task before = runningOn[task.cpu()];
        runningOn[task.cpu()] = task;
        return before != null && before != task;
    }

    void stopped(Task task) {
        if (runningOn[task.cpu()] == task) {
            runningOn[task.cpu()] = null;
        }
    }

    /** Returns the first living thread of each process, in the order of their numbers. */
    List<Task> processes() {
        List<Task> result = new ArrayList<>();
        for (Task task : byTid.values()) {
            if (task.tid() == task.tgid()) {
                result.add(leader(task));
            }
        }
        return result;
    }

    private static Task leader(Task first) {
        if (first.mmOrNull() != null) {
            return first;
        }
        for (Task thread : first.group().threads()) {
            if (thread.mmOrNull() != null) {
                return thread;
            }
        }
        return first;
    }
}
