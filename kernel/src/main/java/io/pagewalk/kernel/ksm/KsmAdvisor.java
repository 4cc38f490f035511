package io.pagewalk.kernel.ksm;

/** Chooses how many pages a batch has, so that a full scan takes the wanted time: {@code mm/ksm.c:scan_time_advisor()}. */
final class KsmAdvisor {
    private static final long EWMA_WEIGHT = 30;
    private static final long MIN_CPU = 10;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final KsmSettings settings;
    private long startNanos;
    private long lastScanSeconds;
    private long change;
    private long lastCpuNanos;

    KsmAdvisor(KsmSettings settings) {
        this.settings = settings;
    }

    /** Takes the value that each mode begins with: {@code set_advisor_defaults()}. */
    void modeChanged() {
        if (settings.advisor == KsmSettings.Advisor.NONE) {
            settings.pagesToScan = KsmSettings.DEFAULT_PAGES_TO_SCAN;
        } else {
            startNanos = 0;
            lastScanSeconds = 0;
            change = 0;
            lastCpuNanos = 0;
            settings.pagesToScan = settings.advisorMinPagesToScan;
        }
    }

    void startScan(long nowNanos) {
        if (settings.advisor == KsmSettings.Advisor.SCAN_TIME) {
            startNanos = nowNanos;
        }
    }

    /**
     * A full scan is done.
     *
     * @param nowNanos the time
     * @param cpuNanos what ksmd has worked so far
     */
    void stopScan(long nowNanos, long cpuNanos) {
        if (settings.advisor != KsmSettings.Advisor.SCAN_TIME) {
            return;
        }
        long scanSeconds = Math.max(1, (nowNanos - startNanos) / NANOS_PER_SECOND);
        long cpuMillis = (cpuNanos - lastCpuNanos) / 1_000_000;
        long cpuPercent = Math.max(1, cpuMillis * 100 / (scanSeconds * 1000));
        long last = lastScanSeconds == 0 ? scanSeconds : lastScanSeconds;
        long factor = Math.max(1, settings.advisorTargetScanTime * 100 / scanSeconds);
        long newChange = Math.max(1, scanSeconds * 100 / last);
        newChange = ((100 - EWMA_WEIGHT) * change + EWMA_WEIGHT * newChange) / 100;
        long pages = settings.pagesToScan * 100 / factor;
        pages = pages * newChange / 100;
        long perPercent = Math.max(1, settings.pagesToScan / cpuPercent);
        pages = Math.min(pages, perPercent * settings.advisorMaxCpu);
        pages = Math.max(pages, perPercent * MIN_CPU);
        pages = Math.min(pages, settings.advisorMaxPagesToScan);
        change = newChange;
        lastScanSeconds = scanSeconds;
        lastCpuNanos = cpuNanos;
        settings.pagesToScan = pages;
    }
}
