package io.pagewalk.kernel.oom;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.OutOfMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Chooses and kills a process when memory has run out: {@code mm/oom_kill.c:out_of_memory()}. */
public final class OomKiller implements OutOfMemory {
    /** A process with this adjustment is never chosen ({@code OOM_SCORE_ADJ_MIN}). */
    public static final int OOM_SCORE_ADJ_MIN = -1000;

    /** Badness of a process that must not be chosen. */
    public static final long NOT_ELIGIBLE = Long.MIN_VALUE;

    private static final int KIB_PER_PAGE = 4;

    private final OomHost host;
    private final PageAllocator allocator;
    private final Sysctls sysctls;
    private final MemoryReport report;
    private long kills;
    /** The nodes that the present request is bound to by a memory policy, null without. */
    private @Nullable Zonelist constraint;

    /**
     * Creates the killer of one machine.
     *
     * @param host tasks and log
     * @param allocator zones for the report
     * @param sysctls {@code vm.panic_on_oom} and its relatives
     * @param paging paging mode, on which the sizes of huge pages in the report depend
     */
    public OomKiller(OomHost host, PageAllocator allocator, Sysctls sysctls, PagingMode paging) {
        this.host = host;
        this.allocator = allocator;
        this.sysctls = sysctls;
        this.report = new MemoryReport(allocator, paging, host::print);
    }

    /** Returns how many processes were killed. */
    public long kills() {
        return kills;
    }

    @Override
    public boolean outOfMemory(int gfp, int order, Zonelist zonelist) {
        constraint = zonelist.isConstrained() ? zonelist : null;
        boolean isHelped = outOfMemory(gfp, order);
        constraint = null;
        return isHelped;
    }

    private boolean outOfMemory(int gfp, int order) {
        OomTask current = host.currentTask();
        if (current != null && current.isKilled() && current.mmOrNull() != null) {
            return true;
        }
        if ((gfp & Gfp.FS) == 0) {
            return true;
        }
        if (sysctls.get("panic_on_oom") == 2 || (sysctls.get("panic_on_oom") == 1 && constraint == null)) {
            header(gfp, order, current);
            host.panic("Out of memory: " + (sysctls.get("panic_on_oom") == 2 ? "compulsory" : "system-wide")
                    + " panic_on_oom is enabled");
            return false;
        }
        if (sysctls.get("oom_kill_allocating_task") != 0
                && current != null
                && current.mmOrNull() != null
                && !current.isInit()
                && current.oomScoreAdj() != OOM_SCORE_ADJ_MIN
                && isEligible(current)) {
            kill(gfp, order, current, current, "Out of memory (oom_kill_allocating_task)");
            return true;
        }
        OomTask victim = selectBadProcess();
        if (victim == null) {
            header(gfp, order, current);
            host.print("Out of memory and no killable processes...");
            host.panic("System is deadlocked on memory");
            return false;
        }
        kill(gfp, order, current, victim, "Out of memory");
        return true;
    }

    /**
     * Returns how bad a process is: pages that killing it would free, moved by its adjustment ({@code mm/oom_kill.c:oom_badness()}).
     *
     * @param task a process
     * @return pages, possibly negative, or {@link #NOT_ELIGIBLE}
     */
    public long badness(OomTask task) {
        Mm mm = task.mmOrNull();
        if (task.isInit() || mm == null || task.oomScoreAdj() == OOM_SCORE_ADJ_MIN) {
            return NOT_ELIGIBLE;
        }
        long points = mm.rssPages() + mm.rss(RssCounter.SWAP) + mm.pgtablesBytes() / 4096;
        return points + task.oomScoreAdj() * (totalPages() / 1000);
    }

    /** Returns {@code /proc/PID/oom_score}: badness in thousandths of all memory, shifted to 0..2000 ({@code fs/proc/base.c:proc_oom_score()}). */
    public long score(OomTask task) {
        long badness = badness(task);
        if (badness == NOT_ELIGIBLE) {
            return 0;
        }
        return (1000 + badness * 1000 / host.totalPages()) * 2 / 3;
    }

    /** {@code oom_cpuset_eligible()}. */
    private boolean isEligible(OomTask task) {
        Zonelist nodes = constraint;
        return nodes == null || task.usesNodes(nodes::hasNode);
    }

    /** {@code constrained_alloc()}: under a policy the memory of its nodes alone counts. */
    private long totalPages() {
        Zonelist nodes = constraint;
        if (nodes == null) {
            return host.totalPages();
        }
        return allocator.nodes().stream()
                .filter(node -> nodes.hasNode(node.id()))
                .mapToLong(NodeData::presentPages)
                .sum();
    }

    /** {@code select_bad_process()}: the last of equal maxima. */
    private @Nullable OomTask selectBadProcess() {
        OomTask chosen = null;
        long chosenPoints = Long.MIN_VALUE;
        for (OomTask task : host.processes()) {
            if (task.isKilled() || !isEligible(task)) {
                continue;
            }
            long points = badness(task);
            if (points != NOT_ELIGIBLE && points >= chosenPoints) {
                chosen = task;
                chosenPoints = points;
            }
        }
        return chosen;
    }

    private void kill(int gfp, int order, @Nullable OomTask current, OomTask victim, String message) {
        header(gfp, order, current);
        host.print("oom-kill:constraint=" + (constraint == null ? "CONSTRAINT_NONE" : "CONSTRAINT_MEMORY_POLICY")
                + ",nodemask=" + (constraint == null ? "(null)" : constraint.nodes()) + ",cpuset=/,mems_allowed="
                + allowedNodes()
                + ",global_oom,task_memcg=/,task=" + victim.comm() + ",pid=" + victim.tid() + ",uid=" + victim.uid());
        Mm mm = victim.mmOrNull();
        if (mm != null) {
            host.print(String.format(
                    Locale.ROOT,
                    "%s: Killed process %d (%s) total-vm:%dkB, anon-rss:%dkB, file-rss:%dkB, shmem-rss:%dkB, UID:%d pgtables:%dkB oom_score_adj:%d",
                    message,
                    victim.tid(),
                    victim.comm(),
                    mm.totalVm() * KIB_PER_PAGE,
                    mm.rss(RssCounter.ANON) * KIB_PER_PAGE,
                    mm.rss(RssCounter.FILE) * KIB_PER_PAGE,
                    mm.rss(RssCounter.SHMEM) * KIB_PER_PAGE,
                    victim.uid(),
                    mm.pgtablesBytes() >> 10,
                    victim.oomScoreAdj()));
        }
        allocator.counters().count(VmEvent.OOM_KILL);
        kills++;
        host.kill(victim);
    }

    /** {@code mm/oom_kill.c:dump_header()}. */
    private void header(int gfp, int order, @Nullable OomTask current) {
        String comm = current == null ? "swapper/0" : current.comm();
        int adjustment = current == null ? 0 : current.oomScoreAdj();
        host.print(comm + " invoked oom-killer: gfp_mask=0x" + Integer.toHexString(gfp) + "(" + Gfp.describe(gfp)
                + "), order=" + order + ", oom_score_adj=" + adjustment);
        host.print("CPU: " + host.currentCpu() + " UID: " + (current == null ? 0 : current.uid()) + " PID: "
                + (current == null ? 0 : current.tid()) + " Comm: " + comm
                + " Not tainted 6.18.0 #1 PREEMPT(voluntary) ");
        host.print("Hardware name: Pagewalk " + host.machineName());
        report.showMem(gfp, node -> constraint == null || constraint.hasNode(node));
        if (sysctls.get("oom_dump_tasks") != 0) {
            dumpTasks();
        }
    }

    private void dumpTasks() {
        host.print("Tasks state (memory values in pages):");
        host.print(
                "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name");
        for (OomTask task : host.processes()) {
            Mm mm = task.mmOrNull();
            if (task.isInit() || mm == null || !isEligible(task)) {
                continue;
            }
            host.print(String.format(
                    Locale.ROOT,
                    "[%7d] %5d %5d %8d %8d %8d %8d %9d %8d %8d         %5d %s",
                    task.tid(),
                    task.uid(),
                    task.tgid(),
                    mm.totalVm(),
                    mm.rssPages(),
                    mm.rss(RssCounter.ANON),
                    mm.rss(RssCounter.FILE),
                    mm.rss(RssCounter.SHMEM),
                    mm.pgtablesBytes(),
                    mm.rss(RssCounter.SWAP),
                    task.oomScoreAdj(),
                    task.comm()));
        }
    }

    private String allowedNodes() {
        int nodes = allocator.nodes().size();
        return nodes == 1 ? "0" : "0-" + (nodes - 1);
    }
}
