package io.pagewalk.app.cli;

import io.pagewalk.lab.run.RunProgress;
import java.io.PrintStream;
import java.util.Locale;

/** One line on the terminal that is overwritten as the run goes on; nothing at all in the first two seconds. */
final class ProgressLine implements RunProgress, AutoCloseable {
    private static final long QUIET_NANOS = 2_000_000_000L;
    private static final long INTERVAL_NANOS = 200_000_000L;
    private static final String ERASE_LINE = "\r\u001b[K";

    private final PrintStream err;
    private final String unit;
    private final long startNanos = System.nanoTime();
    private long lastNanos = startNanos;
    private boolean isShown;

    ProgressLine(PrintStream err) {
        this(err, "accesses");
    }

    ProgressLine(PrintStream err, String unit) {
        this.err = err;
        this.unit = unit;
    }

    @Override
    public void update(long done, long all) {
        long now = System.nanoTime();
        if (now - startNanos < QUIET_NANOS || now - lastNanos < INTERVAL_NANOS) {
            return;
        }
        lastNanos = now;
        isShown = true;
        double seconds = (now - startNanos) / 1e9;
        String share = all == 0 ? "" : String.format(Locale.ROOT, "%3.0f %%  ", 100.0 * done / all);
        err.print(String.format(Locale.ROOT, "%s%s%,d %s  %,.0f/s", ERASE_LINE, share, done, unit, done / seconds));
        err.flush();
    }

    @Override
    public void close() {
        if (isShown) {
            err.print(ERASE_LINE);
            err.flush();
        }
    }
}
