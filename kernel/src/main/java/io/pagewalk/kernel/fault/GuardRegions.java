package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;

/** Puts guard pages into page tables and takes them out: {@code mm/madvise.c:madvise_guard_install()} and {@code madvise_guard_remove()}. */
final class GuardRegions {
    private static final long ENTRY = PteMarkers.entry(PteMarkers.GUARD);

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;

    GuardRegions(PagingMode mode, PhysicalMemory memory, PageTables tables) {
        this.mode = mode;
        this.memory = memory;
        this.tables = tables;
    }

    /** Guards a range without pages. Returns 0, or {@code -ENOMEM} when a page table could not be had; the guards put in before stay. */
    long install(Mm mm, long start, long end) {
        for (long vaddr = start; vaddr < end; vaddr += 4096) {
            long table = tables.findOrMake(mm, vaddr);
            if (table < 0) {
                return -Errno.ENOMEM;
            }
            mode.writeEntry(memory, table, mode.index(vaddr, 1), ENTRY);
        }
        return 0;
    }

    /** Empties the places of a range that have one of some marks of {@link PteMarkers}; pages stay. */
    void remove(Mm mm, long start, long end, int marks) {
        long vaddr = start;
        while (vaddr < end) {
            long table = tables.findOrSkip(mm, vaddr);
            if (table < 0) {
                vaddr = table == PageTables.HUGE ? tables.hugeEnd(vaddr) : ~table;
                continue;
            }
            int index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                if ((PteMarkers.marks(mode.readEntry(memory, table, index)) & marks) != 0) {
                    mode.writeEntry(memory, table, index, 0);
                }
            }
        }
    }
}
