package io.pagewalk.kernel.vma;

/** What an address space knows of the merging of its pages: {@code mm->ksm_merging_pages} and its neighbours, and two bits of {@code mm->flags}. */
public final class MmKsm {
    private long mergingPages;
    private long rmapItems;
    private long zeroPages;
    private boolean isMergeable;
    private boolean mergesAny;

    MmKsm() {}

    /** Returns how many of its pages are merged with others ({@code /proc/PID/ksm_merging_pages}). */
    public long mergingPages() {
        return mergingPages;
    }

    /**
     * Counts merged pages.
     *
     * @param delta may be negative
     */
    public void addMergingPages(int delta) {
        mergingPages += delta;
    }

    /** Returns how many of its pages ksmd watches ({@code ksm_rmap_items}). */
    public long rmapItems() {
        return rmapItems;
    }

    /**
     * Counts watched pages.
     *
     * @param delta may be negative
     */
    public void addRmapItems(int delta) {
        rmapItems += delta;
    }

    /** Returns how many entries ksmd made point to the page of zeros ({@code ksm_zero_pages}). */
    public long zeroPages() {
        return zeroPages;
    }

    /**
     * Counts such entries.
     *
     * @param delta may be negative
     */
    public void addZeroPages(int delta) {
        zeroPages += delta;
    }

    /** Returns whether ksmd has it on its list ({@code MMF_VM_MERGEABLE}). */
    public boolean isMergeable() {
        return isMergeable;
    }

    /**
     * Notes that ksmd has it on its list, or no longer.
     *
     * @param value whether it has
     */
    public void setMergeable(boolean value) {
        isMergeable = value;
    }

    /** Returns whether all areas that can be merged are ({@code MMF_VM_MERGE_ANY}). */
    public boolean mergesAny() {
        return mergesAny;
    }

    /**
     * Chooses whether all areas that can be merged are: {@code prctl(PR_SET_MEMORY_MERGE)}.
     *
     * @param value whether they are
     */
    public void setMergesAny(boolean value) {
        mergesAny = value;
    }

    /** Returns what it saves in bytes, less the memory for watching it: {@code mm/ksm.c:ksm_process_profit()}. */
    public long profitBytes() {
        return (mergingPages + zeroPages) * 4096 - rmapItems * 64;
    }
}
