package io.pagewalk.kernel.khugepaged;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SimClock;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.fault.Collapse;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.huge.KhugepagedSettings;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.vma.KhugepagedOps;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * khugepaged of one machine: its list of address spaces, where it stands, and when it works ({@code mm/khugepaged.c}).
 *
 * <pre>
 *   an address space is on the list  &lt;=&gt;  it is marked as scanned ({@code MMF_VM_HUGEPAGE}) and has users, or the cursor stands on it
 * </pre>
 */
public final class Khugepaged implements KhugepagedOps {
    private static final int HUGE_PAGES = 1 << Folios.HUGE_ORDER;
    private static final int HUGE_ORDERS = 1 << Folios.HUGE_ORDER;
    private static final long HUGE_BYTES = 4096L << Folios.HUGE_ORDER;
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final long NEVER = Long.MAX_VALUE;

    /** The least time that a round takes, for a thread that does not sleep. */
    private static final long LEAST_ROUND_NANOS = 1_000;

    /** A thread that does not sleep would do millions of rounds after a long pause, which find what the first ones left. */
    private static final int MOST_ROUNDS = 64;

    private final HugePagePolicy policy;
    private final HugePageSettings settings;
    private final KhugepagedSettings set;
    private final Collapse collapse;
    private final SimClock clock;
    private final CostModel costs;
    private final List<Mm> mms = new ArrayList<>();
    private @Nullable Mm cursor;
    private long address;
    private boolean isStarted;
    private boolean isFrozen;
    private long wakeNanos = NEVER;

    /* A round, khugepaged_do_scan(), which may pause for want of memory. */
    private boolean isPaused;
    private long pagesOfRound;
    private long progress;
    private int passes;
    private long collapsedInRound;
    private Collapse.Result lastResult = Collapse.Result.SUCCEED;

    /**
     * Creates it; it begins to work when {@link #startStop} finds huge pages switched on.
     *
     * @param policy which areas may have huge pages
     * @param collapse makes them
     * @param clock the time
     * @param costs what its work takes
     */
    public Khugepaged(HugePagePolicy policy, Collapse collapse, SimClock clock, CostModel costs) {
        this.policy = policy;
        this.settings = policy.settings();
        this.set = settings.khugepaged();
        this.collapse = collapse;
        this.clock = clock;
        this.costs = costs;
        startStop();
    }

    /** Starts or stops the thread when huge pages were switched on or off: {@code start_stop_khugepaged()}. The list stays. */
    public void startStop() {
        boolean shouldRun = collapse.isPossible() && settings.isHugeEnabled();
        if (shouldRun && !isStarted) {
            isStarted = true;
            wakeNanos = clock.nanos();
        } else if (shouldRun && isPaused && !mms.isEmpty()) {
            wakeNanos = clock.nanos();
        } else if (!shouldRun && isStarted) {
            isStarted = false;
            isPaused = false;
            Mm mm = cursor;
            cursor = null;
            if (mm != null) {
                removeIfDead(mm);
            }
        }
    }

    /**
     * Holds the thread still, as the freezer does when a machine is suspended, or lets it go on.
     *
     * @param value whether it is held
     */
    public void setFrozen(boolean value) {
        isFrozen = value;
    }

    /** Wakes a thread that sleeps between rounds, because the time that it sleeps was set: {@code scan_sleep_millisecs_store()}. */
    public void wake() {
        if (wakeNanos != NEVER) {
            wakeNanos = clock.nanos();
        }
    }

    @Override
    public void enter(Vma vma, long flags) {
        Mm mm = vma.mm();
        if (!mm.attributes().isScannedForHugePages()
                && settings.isHugeEnabled()
                && policy.allowable(vma, flags, HugePagePolicy.Asker.KHUGEPAGED, HUGE_ORDERS) != 0) {
            enter(mm);
        }
    }

    /** {@code __khugepaged_enter()}. */
    private void enter(Mm mm) {
        mm.attributes().setScannedForHugePages(true);
        mms.add(mm);
        if (mms.size() == 1 && wakeNanos == NEVER) {
            wakeNanos = clock.nanos();
        }
    }

    /**
     * An address space was copied: {@code include/linux/khugepaged.h:khugepaged_fork()}.
     *
     * @param child the copy
     * @param parent what it was copied from
     */
    public void fork(Mm child, Mm parent) {
        if (parent.attributes().isScannedForHugePages()) {
            enter(child);
        }
    }

    /**
     * The last user leaves an address space: {@code __khugepaged_exit()}. That where the cursor stands is left to the next round.
     *
     * @param mm the address space
     */
    public void exit(Mm mm) {
        if (mm.attributes().isScannedForHugePages() && mm != cursor) {
            mms.remove(mm);
            mm.attributes().setScannedForHugePages(false);
        }
    }

    /** Lets the thread work when it is its time: {@code khugepaged()}. The system calls this often; it costs nothing while there is nothing to do. */
    public void runThread() {
        for (int i = 0; isStarted && !isFrozen && wakeNanos <= clock.nanos(); i++) {
            if (i == MOST_ROUNDS) {
                wakeNanos = clock.nanos() + LEAST_ROUND_NANOS;
                return;
            }
            round();
        }
    }

    /** Lets the thread make one round now, whatever the time and even when it is frozen: {@code khugepaged_do_scan()}. Nothing happens while huge pages are switched off. */
    public void scan() {
        if (isStarted) {
            wakeNanos = clock.nanos();
            round();
        }
    }

    /** {@code khugepaged_do_scan()}, begun or gone on with, and {@code khugepaged_wait_work()}. */
    private void round() {
        boolean mayPause = !isPaused;
        if (!isPaused) {
            pagesOfRound = set.pagesToScan();
            progress = 0;
            passes = 0;
            collapsedInRound = 0;
            lastResult = Collapse.Result.SUCCEED;
        }
        isPaused = false;
        while (true) {
            if (cursor == null) {
                passes++;
            }
            if (mms.isEmpty() || passes > 1) {
                break;
            }
            progress += scanSlot(pagesOfRound - progress);
            if (progress >= pagesOfRound) {
                break;
            }
            if (lastResult == Collapse.Result.NO_HUGE_PAGE) {
                if (!mayPause) {
                    break;
                }
                isPaused = true;
                wakeNanos += set.allocSleepMillisecs() * NANOS_PER_MILLI;
                return;
            }
        }
        long work = progress * costs.copyEntryNanos() + collapsedInRound * HUGE_PAGES * costs.copyPageNanos();
        wakeNanos = mms.isEmpty()
                ? NEVER
                : wakeNanos + Math.max(LEAST_ROUND_NANOS, work + set.scanSleepMillisecs() * NANOS_PER_MILLI);
    }

    /** {@code khugepaged_scan_mm_slot()}: looks at the address space under the cursor, at most so many pages of it. Returns how many pages and areas were looked at. */
    private long scanSlot(long pages) {
        lastResult = Collapse.Result.FAIL;
        Mm mm = cursor;
        if (mm == null) {
            mm = mms.getFirst();
            cursor = mm;
            address = 0;
        }
        long looked = 1;
        // PR_SET_THP_DISABLE without an exception.
        boolean isSkipped = mm.users() == 0 || mm.attributes().hugePagesDisabled() == 1;
        for (Vma vma = isSkipped ? null : mm.vmas().findFirst(address);
                vma != null;
                vma = mm.vmas().next(vma)) {
            long first = (vma.start() + HUGE_BYTES - 1) & -HUGE_BYTES;
            long end = vma.end() & -HUGE_BYTES;
            int orders = policy.allowable(vma, vma.flags(), HugePagePolicy.Asker.KHUGEPAGED, HUGE_ORDERS);
            if (orders == 0 || address > end) {
                looked++;
                continue;
            }
            address = Math.max(address, first);
            while (address < end) {
                lastResult = collapse.scan(vma, address, rules());
                if (lastResult == Collapse.Result.SUCCEED) {
                    set.countCollapsed();
                    collapsedInRound++;
                }
                address += HUGE_BYTES;
                looked += HUGE_PAGES;
                // For a file mmap_lock is let go at once.
                if (lastResult.hasLetGo() || !vma.isAnonymous() || looked >= pages) {
                    return looked;
                }
            }
        }
        next(mm);
        return looked;
    }

    private Collapse.Rules rules() {
        return new Collapse.Rules(
                set.maxPtesNone(),
                set.maxPtesSwap(),
                set.maxPtesShared(),
                Collapse.Rules.Youth.NEEDED,
                set.defrags() ? Collapse.Rules.Effort.COMPACT : Collapse.Rules.Effort.TAKE_WHAT_IS_FREE);
    }

    /** Puts the cursor on the next address space; behind the last one a full scan is done. */
    private void next(Mm mm) {
        int next = mms.indexOf(mm) + 1;
        if (next < mms.size()) {
            cursor = mms.get(next);
            address = 0;
        } else {
            cursor = null;
            set.countFullScan();
        }
        removeIfDead(mm);
    }

    /** {@code collect_mm_slot()}. */
    private void removeIfDead(Mm mm) {
        if (mm.users() == 0) {
            mms.remove(mm);
        }
    }

    /**
     * Checks the list against the address spaces.
     *
     * @param spaces all address spaces of the machine
     * @param out receives what is broken
     */
    public void verify(Iterable<Mm> spaces, Violations out) {
        Set<Mm> listed = new HashSet<>(mms);
        out.expectEqual("khugepaged", "address spaces on the list == different ones", mms.size(), listed.size());
        for (Mm mm : mms) {
            if (mm.users() == 0 && mm != cursor) {
                out.add("khugepaged", "an address space without users is on the list");
            }
        }
        for (Mm mm : spaces) {
            if (mm.users() > 0 && mm.attributes().isScannedForHugePages() != listed.contains(mm)) {
                out.add("khugepaged", "the address space of " + mm.ownerPid() + " is on the list or marked, not both");
            }
        }
        if (cursor != null && !listed.contains(cursor)) {
            out.add("khugepaged", "the cursor stands on an address space that is not on the list");
        }
    }

    /**
     * Adds its state, if it ever did anything.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        if (mms.isEmpty() && set.fullScans() == 0) {
            return;
        }
        digest.add(mms.size());
        digest.add(address);
        digest.add(set.fullScans());
        digest.add(set.pagesCollapsed());
    }
}
