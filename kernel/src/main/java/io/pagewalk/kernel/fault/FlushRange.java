package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.vma.Mm;

/** The span of addresses whose entries changed and that must be flushed once at the end: the part of {@code struct mmu_gather} that matters here. */
final class FlushRange {
    private final TlbFlusher flusher;
    private long start = Long.MAX_VALUE;
    private long end;
    private boolean freedTables;

    FlushRange(TlbFlusher flusher) {
        this.flusher = flusher;
    }

    void addPage(long vaddr) {
        start = Math.min(start, vaddr);
        end = Math.max(end, vaddr + 4096);
    }

    void addTables(long from, long to) {
        start = Math.min(start, from);
        end = Math.max(end, to);
        freedTables = true;
    }

    /** Flushes when anything was added, and is empty again: {@code tlb_finish_mmu()}. */
    void finish(Mm mm) {
        if (end != 0) {
            flusher.flushRange(mm, start, end, freedTables);
            start = Long.MAX_VALUE;
            end = 0;
            freedTables = false;
        }
    }
}
