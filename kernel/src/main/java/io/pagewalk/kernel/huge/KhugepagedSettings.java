package io.pagewalk.kernel.huge;

import io.pagewalk.kernel.rmap.Folios;

/** How khugepaged works, and what it has done: the files of {@code /sys/kernel/mm/transparent_hugepage/khugepaged}, with Linux's defaults. */
public final class KhugepagedSettings {
    private static final int HUGE = 1 << Folios.HUGE_ORDER;

    private boolean defrags = true;
    private int maxPtesNone = HUGE - 1;
    private int maxPtesSwap = HUGE / 8;
    private int maxPtesShared = HUGE / 2;
    private long pagesToScan = 8L * HUGE;
    private long scanSleepMillisecs = 10_000;
    private long allocSleepMillisecs = 60_000;
    private long pagesCollapsed;
    private long fullScans;

    /** Creates the settings that a kernel boots with. */
    KhugepagedSettings() {}

    /** Returns {@code defrag}: whether it reclaims and compacts for a huge page. */
    public boolean defrags() {
        return defrags;
    }

    void setDefrags(boolean value) {
        defrags = value;
    }

    /** Returns how many pages of a region may be empty or the page of zeros, 0 to 511. */
    public int maxPtesNone() {
        return maxPtesNone;
    }

    void setMaxPtesNone(int value) {
        maxPtesNone = value;
    }

    /** Returns how many pages of a region may be in swap, 0 to 511. */
    public int maxPtesSwap() {
        return maxPtesSwap;
    }

    void setMaxPtesSwap(int value) {
        maxPtesSwap = value;
    }

    /** Returns how many pages of a region may be shared with other processes, 0 to 511. */
    public int maxPtesShared() {
        return maxPtesShared;
    }

    void setMaxPtesShared(int value) {
        maxPtesShared = value;
    }

    /** Returns how many pages it looks at before it sleeps, at least 1. */
    public long pagesToScan() {
        return pagesToScan;
    }

    void setPagesToScan(long value) {
        pagesToScan = value;
    }

    /** Returns how long it sleeps then. */
    public long scanSleepMillisecs() {
        return scanSleepMillisecs;
    }

    void setScanSleepMillisecs(long value) {
        scanSleepMillisecs = value;
    }

    /** Returns how long it sleeps when there is no huge page. */
    public long allocSleepMillisecs() {
        return allocSleepMillisecs;
    }

    void setAllocSleepMillisecs(long value) {
        allocSleepMillisecs = value;
    }

    /** Returns how many huge pages it has made. */
    public long pagesCollapsed() {
        return pagesCollapsed;
    }

    /** Counts a huge page that it made. */
    public void countCollapsed() {
        pagesCollapsed++;
    }

    /** Returns how often it came to the end of its list of address spaces. */
    public long fullScans() {
        return fullScans;
    }

    /** Counts an end of its list. */
    public void countFullScan() {
        fullScans++;
    }
}
