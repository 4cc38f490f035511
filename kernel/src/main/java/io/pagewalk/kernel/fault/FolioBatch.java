package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;

/** Neighbouring entries of a leaf table that are handled together: {@code mm/internal.h:folio_pte_batch()}. */
final class FolioBatch {
    /** What entries may differ in. */
    private static final int UNLIKE = PteFlags.ACCESSED | PteFlags.DIRTY | PteFlags.SOFT_DIRTY | PteFlags.WRITE;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final MemMap memmap;
    private final LargeFolios large;

    FolioBatch(PagingMode mode, PhysicalMemory memory, Folios folios) {
        this.mode = mode;
        this.memory = memory;
        this.memmap = folios.memmap();
        this.large = folios.large();
    }

    /**
     * Returns how many entries from one on map neighbouring pages of its folio alike.
     *
     * @param table a leaf table
     * @param index its entry that maps {@code pfn}
     * @param pfn a page
     * @param bytes up to where entries count, at least a page
     */
    int count(long table, int index, long pfn, long bytes) {
        if (!large.isLarge(pfn)) {
            return 1;
        }
        int flags = mode.flags(mode.readEntry(memory, table, index), 1);
        long left = memmap.compoundHead(pfn) + large.pages(pfn) - pfn;
        long most = Math.min(Math.min(left, mode.entries(1) - index), bytes >> 12);
        int count = 1;
        while (count < most) {
            long entry = mode.readEntry(memory, table, index + count);
            if (entry == 0
                    || PteMarkers.is(entry)
                    || mode.pfn(entry, 1) != pfn + count
                    || ((mode.flags(entry, 1) ^ flags) & ~UNLIKE) != 0) {
                break;
            }
            count++;
        }
        return count;
    }
}
