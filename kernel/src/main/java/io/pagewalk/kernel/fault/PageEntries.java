package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;

/** Single entries, read and replaced by kernel code that comes from pages rather than from a program: {@code mm/pagewalk.c:folio_walk_start()}. */
public final class PageEntries {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final TlbFlusher flusher;
    private final long zeroPfn;

    /**
     * Creates the access of one machine.
     *
     * @param kernel the kernel's tables
     * @param flusher flushes TLBs
     */
    public PageEntries(KernelTables kernel, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.flusher = flusher;
        this.zeroPfn = kernel.zeroPfn();
    }

    /**
     * Returns the entry of a place when it has a frame.
     *
     * @param mm an address space
     * @param vaddr the place
     * @return the raw entry, 0 when there is none, or a marker only; for a part of a huge page the one it would have
     */
    public long present(Mm mm, long vaddr) {
        long entry = mm.pgdPfn() < 0 ? 0 : tables.entry(mm, vaddr);
        return PteMarkers.is(entry) ? 0 : entry;
    }

    /**
     * Returns the frame of an entry that has a page structure.
     *
     * @param entry what {@link #present} gave
     * @return the frame, or -1 for an empty and for a special entry: {@code vm_normal_page()}
     */
    public long normalPfn(long entry) {
        return entry == 0 || (mode.flags(entry, 1) & PteFlags.SPECIAL) != 0 ? -1 : mode.pfn(entry, 1);
    }

    /**
     * Returns the flags of an entry.
     *
     * @param entry a raw entry with a frame
     */
    public int flags(long entry) {
        return mode.flags(entry, 1);
    }

    /**
     * Returns whether an entry was made to point to the page of zeros by KSM: {@code is_ksm_zero_pte()}.
     *
     * @param entry what {@link #present} gave
     */
    public boolean isMergedZeroPage(long entry) {
        return entry != 0 && (mode.flags(entry, 1) & PteFlags.DIRTY) != 0 && mode.pfn(entry, 1) == zeroPfn;
    }

    /** Returns the page of zeros. */
    public long zeroPfn() {
        return zeroPfn;
    }

    /**
     * Gives an existing entry other flags and flushes it.
     *
     * @param mm an address space
     * @param vaddr the place
     * @param flags all flags of the new entry
     */
    public void setFlags(Mm mm, long vaddr, int flags) {
        set(mm, vaddr, mode.withFlags(present(mm, vaddr), flags, 1));
    }

    /**
     * Lets an existing entry point to another page, read-only and unused, and flushes it.
     *
     * @param vma its private area
     * @param vaddr the place
     * @param pfn the frame; the page of zeros is marked as KSM's
     */
    public void point(Vma vma, long vaddr, long pfn) {
        int flags = protection.flags(vma);
        set(vma.mm(), vaddr, mode.leaf(pfn, pfn == zeroPfn ? flags | PteFlags.SPECIAL | PteFlags.DIRTY : flags, 1));
    }

    private void set(Mm mm, long vaddr, long entry) {
        long table = tables.find(mm, vaddr);
        mode.writeEntry(memory, table, mode.index(vaddr, 1), entry);
        flusher.flushRange(mm, vaddr, vaddr + 4096, false);
    }
}
