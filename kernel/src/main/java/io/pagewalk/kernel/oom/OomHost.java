package io.pagewalk.kernel.oom;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the OOM killer needs from the packages above: the tasks, and the means to kill one. */
public interface OomHost {
    /** Returns all processes in the order of their creation ({@code for_each_process}). */
    List<? extends OomTask> processes();

    /** Returns the running task, or null during boot. */
    @Nullable
    OomTask currentTask();

    /** Returns the number of the running CPU. */
    int currentCpu();

    /** Returns RAM that the allocator manages plus swap, in pages ({@code totalram_pages() + total_swap_pages}). */
    long totalPages();

    /** Returns the machine's name. */
    String machineName();

    /**
     * Kills a process and takes its memory: SIGKILL and the OOM reaper.
     *
     * @param victim one of {@link #processes()}
     */
    void kill(OomTask victim);

    /**
     * Stops the machine: {@code panic()}.
     *
     * @param message what it says
     */
    void panic(String message);

    /**
     * Adds a line to the kernel's log: {@code printk()}.
     *
     * @param line text without a line end
     */
    void print(String line);
}
