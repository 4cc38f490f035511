package io.pagewalk.kernel.page;

/**
 * Makes one allocation of a machine fail: {@code /proc/self/fail-nth}, {@code lib/fault-inject.c:should_fail_ex()}.
 *
 * <p>Asked by {@code should_fail_alloc_page()} and {@code should_failslab()}, which leave out requests with {@code __GFP_NOFAIL}. Differs from Linux:
 * one instance for the whole machine instead of one for each task, and the filters {@code ignore-gfp-wait}, {@code ignore-gfp-highmem} and
 * {@code min-order} are off, so that every request counts.
 */
public final class FailNth {
    private long left;
    private long calls;
    private boolean hasFailed;

    /** Creates it switched off. */
    public FailNth() {}

    /**
     * Starts counting again.
     *
     * @param nth which allocation from now on fails, 1 is the next; 0 switches it off; {@link Long#MAX_VALUE} only counts
     */
    public void arm(long nth) {
        left = nth;
        calls = 0;
        hasFailed = false;
    }

    /** Returns whether a failure is still to come, so that callers on hot paths need not ask {@link #shouldFail}. */
    public boolean isArmed() {
        return left != 0;
    }

    /** Counts one allocation and returns whether it is the one that fails. Nothing is counted while switched off. */
    public boolean shouldFail() {
        if (left == 0) {
            return false;
        }
        calls++;
        if (--left > 0) {
            return false;
        }
        hasFailed = true;
        return true;
    }

    /** Returns the allocations counted since {@link #arm}. */
    public long calls() {
        return calls;
    }

    /** Returns whether the chosen allocation has come and failed. */
    public boolean hasFailed() {
        return hasFailed;
    }
}
