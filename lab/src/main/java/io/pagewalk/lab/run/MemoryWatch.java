package io.pagewalk.lab.run;

import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.NodeStat;
import org.jspecify.annotations.Nullable;

/** Looks at a program's address space now and then, since none is left to look at once the OOM killer took the program. */
final class MemoryWatch {
    private static final int KIB_PER_PAGE = 4;

    private final LinuxKernel kernel;
    private @Nullable Task program;
    private RunResult.Memory last = new RunResult.Memory(0, 0, 0, 0, 0, 0, 0);
    private int threads = 1;

    MemoryWatch(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    /** Tells which program to look at, and looks. */
    void follow(Task task) {
        program = task;
        look();
    }

    /** Remembers what there is; keeps the last sight when the address space is gone. */
    void look() {
        Task task = program;
        Mm mm = task == null ? null : task.mmOrNull();
        if (task == null || mm == null) {
            return;
        }
        threads = Math.max(threads, task.group().threads().size());
        last = new RunResult.Memory(
                mm.mapCount(),
                mm.hiwaterVm() * KIB_PER_PAGE,
                mm.hiwaterRss() * KIB_PER_PAGE,
                mm.rss(RssCounter.ANON) * KIB_PER_PAGE,
                (mm.rss(RssCounter.FILE) + mm.rss(RssCounter.SHMEM)) * KIB_PER_PAGE,
                Math.max(last.pageTableKb(), mm.pgtablesBytes() >> 10),
                kernel.vmstat().global(NodeStat.NR_FILE_PAGES) * KIB_PER_PAGE);
    }

    /** Returns the most threads seen at once. */
    int threads() {
        return threads;
    }

    /** Looks once more and returns the last sight. */
    RunResult.Memory result() {
        look();
        return last;
    }
}
