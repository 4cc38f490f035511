package io.pagewalk.kernel.time;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SimClock;

/** How much simulated time each cause has taken. Invariant: {@code sum over causes == nanoseconds by which this account moved the clock}. */
@SuppressWarnings("EnumOrdinal") // the array never leaves this class
public final class TimeAccount {
    private final SimClock clock;
    private final long[] nanosByCause = new long[Cause.values().length];

    /**
     * Creates an account that stands at zero.
     *
     * @param clock the machine's clock, moved by every charge
     */
    public TimeAccount(SimClock clock) {
        this.clock = clock;
    }

    /**
     * Spends time: moves the clock and books the cause.
     *
     * @param cause on what
     * @param nanos how much, at least 0
     */
    public void charge(Cause cause, long nanos) {
        clock.advance(nanos);
        nanosByCause[cause.ordinal()] += nanos;
    }

    /**
     * Waits until a moment: books the time from now on, nothing when the moment has passed.
     *
     * @param cause for what
     * @param untilNanos simulated time since boot
     */
    public void waitUntil(Cause cause, long untilNanos) {
        long nanos = untilNanos - clock.nanos();
        if (nanos > 0) {
            charge(cause, nanos);
        }
    }

    /** Returns the simulated nanoseconds since boot. */
    public long now() {
        return clock.nanos();
    }

    /**
     * Returns the nanoseconds a cause has taken.
     *
     * @param cause which
     */
    public long nanos(Cause cause) {
        return nanosByCause[cause.ordinal()];
    }

    /**
     * Adds all causes.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        digest.add(clock.nanos());
        for (long nanos : nanosByCause) {
            digest.add(nanos);
        }
    }
}
