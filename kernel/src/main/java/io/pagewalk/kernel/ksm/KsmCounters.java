package io.pagewalk.kernel.ksm;

/** What is counted, with the names of {@code /sys/kernel/mm/ksm}. */
final class KsmCounters {
    long pagesShared;
    long pagesSharing;
    long pagesUnshared;
    long pagesScanned;
    long pagesSkipped;
    long rmapItems;
    long stableNodeChains;
    long stableNodeDups;
    long fullScans;

    /** Returns how many pages change too fast, or are looked at for the first time. */
    long pagesVolatile() {
        return Math.max(0, rmapItems - pagesShared - pagesSharing - pagesUnshared);
    }
}
