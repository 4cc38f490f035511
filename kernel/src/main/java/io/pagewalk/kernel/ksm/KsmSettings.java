package io.pagewalk.kernel.ksm;

/** What a user can set in {@code /sys/kernel/mm/ksm}, with Linux's defaults. */
final class KsmSettings {
    /** Who chooses {@link #pagesToScan}. */
    enum Advisor {
        /** The user. */
        NONE,
        /** The time that a full scan takes. */
        SCAN_TIME
    }

    static final int DEFAULT_PAGES_TO_SCAN = 100;

    long run;
    long sleepMillisecs = 20;
    long pagesToScan = DEFAULT_PAGES_TO_SCAN;
    int maxPageSharing = 256;
    boolean mergesAcrossNodes = true;
    boolean usesZeroPages;
    boolean isSmartScan = true;
    long chainsPruneMillisecs = 2000;
    Advisor advisor = Advisor.NONE;
    long advisorMaxCpu = 70;
    long advisorMinPagesToScan = 500;
    long advisorMaxPagesToScan = 30000;
    long advisorTargetScanTime = 200;
}
