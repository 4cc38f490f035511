package io.pagewalk.kernel.vma;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.syscall.Errno;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** How much memory all processes together were promised: {@code vm_committed_as} and {@code mm/util.c:__vm_enough_memory()}. */
public final class Overcommit {
    /** {@code vm.overcommit_memory} 0: refuse only what is larger than all of RAM and swap. */
    public static final int OVERCOMMIT_GUESS = 0;

    /** {@code vm.overcommit_memory} 1: refuse nothing. */
    public static final int OVERCOMMIT_ALWAYS = 1;

    /** {@code vm.overcommit_memory} 2: keep to the commit limit. */
    public static final int OVERCOMMIT_NEVER = 2;

    private static final int KBYTES_TO_PAGES_SHIFT = Vma.PAGE_SHIFT - 10;
    private static final int USER_RESERVE_SHARE = 32;
    private static final int BATCH_SHARE = 4;
    private static final int STRICT_BATCH_SHARE = 256;

    private final VmSettings settings;
    private long committedPages;
    private long lostPages;
    /* The counter is one of the kind of lib/percpu_counter.c: what a CPU has added lately is not seen by the limit. */
    private final long[] unfolded;
    private long batch;
    private boolean isExact;

    /**
     * Creates the counter of one machine.
     *
     * @param settings sysctls and the size of RAM and swap
     */
    public Overcommit(VmSettings settings) {
        this.settings = settings;
        this.unfolded = new long[settings.cpus()];
    }

    /** Returns {@code Committed_AS} of /proc/meminfo, in pages. */
    public long committedPages() {
        return committedPages;
    }

    /** Returns the committed pages that nothing will give back: growth of stacks that do not count themselves. */
    public long lostPages() {
        return lostPages;
    }

    void noteLost(long pages) {
        lostPages += pages;
    }

    /** Returns {@code CommitLimit} of /proc/meminfo, in pages: {@code mm/util.c:vm_commit_limit()}. */
    public long commitLimitPages() {
        long kbytes = settings.overcommitKbytes();
        long allowed = kbytes != 0
                ? kbytes >> KBYTES_TO_PAGES_SHIFT
                : (settings.totalRamPages() - settings.hugetlbPages()) * settings.overcommitRatio() / 100;
        return allowed + settings.totalSwapPages();
    }

    /**
     * Charges pages unless the policy refuses: {@code security_vm_enough_memory_mm()}.
     *
     * @param mm who asks, or null for the kernel itself
     * @param pages how many, at least 0
     * @return 0, or {@code -ENOMEM} with nothing charged
     */
    public long charge(@Nullable Mm mm, long pages) {
        boolean admin = mm == null || mm.isPrivileged();
        add(pages);
        boolean enough = switch (settings.overcommitMemory()) {
            case OVERCOMMIT_ALWAYS -> true;
            case OVERCOMMIT_GUESS -> pages <= settings.totalRamPages() + settings.totalSwapPages();
            default -> folded() < limitFor(mm, admin);
        };
        if (!enough) {
            add(-pages);
            return -Errno.ENOMEM;
        }
        return 0;
    }

    /**
     * Charges pages without asking: {@code vm_acct_memory()}.
     *
     * @param pages how many, at least 0
     */
    public void chargeAlways(long pages) {
        add(pages);
    }

    /**
     * Gives pages back: {@code vm_unacct_memory()}.
     *
     * @param pages how many, at least 0
     */
    public void uncharge(long pages) {
        KernelBug.on(pages > committedPages, "more pages uncharged than committed");
        add(-pages);
    }

    /** Lets the limit see every page at once. Differs from Linux: for machines of a few pages, where a batch is as large as the memory. */
    public void countExactly() {
        isExact = true;
        Arrays.fill(unfolded, 0);
    }

    /** {@code vm.overcommit_memory} has changed: {@code mm/util.c:overcommit_policy_handler()}, after which the strict policy sees all that was added before. */
    public void policyChanged() {
        batch = 0;
        if (settings.overcommitMemory() == OVERCOMMIT_NEVER) {
            Arrays.fill(unfolded, 0);
        }
    }

    /** {@code percpu_counter_add_batch()}. */
    private void add(long pages) {
        committedPages += pages;
        int cpu = settings.currentCpu();
        long count = unfolded[cpu] + pages;
        unfolded[cpu] = isExact || Math.abs(count) >= batch() ? 0 : count;
    }

    /** {@code percpu_counter_read_positive()}. */
    private long folded() {
        long sum = committedPages;
        for (long pages : unfolded) {
            sum -= pages;
        }
        return Math.max(0, sum);
    }

    /** {@code mm/mm_init.c:mm_compute_batch()}. */
    private long batch() {
        if (batch == 0) {
            int share = settings.overcommitMemory() == OVERCOMMIT_NEVER ? STRICT_BATCH_SHARE : BATCH_SHARE;
            batch = Math.max(settings.totalRamPages() / settings.cpus() / share, Math.max(settings.cpus() * 2, 32));
        }
        return batch;
    }

    private long limitFor(@Nullable Mm mm, boolean admin) {
        long allowed = commitLimitPages();
        if (!admin) {
            allowed -= settings.adminReserveKbytes() >> KBYTES_TO_PAGES_SHIFT;
        }
        if (mm != null) {
            long reserve = settings.userReserveKbytes() >> KBYTES_TO_PAGES_SHIFT;
            allowed -= Math.min(mm.totalVm() / USER_RESERVE_SHARE, reserve);
        }
        return allowed;
    }
}
