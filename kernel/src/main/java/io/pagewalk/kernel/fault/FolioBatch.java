package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.Folios;

/** Neighbouring entries of a leaf table that are handled together: {@code mm/internal.h:folio_pte_batch()}. */
final class FolioBatch {
    /** What says whether a page was read or written to, in which entries always may differ. */
    static final int USE = PteFlags.ACCESSED | PteFlags.DIRTY;

    /** What entries may differ in where nobody asks for more. */
    private static final int UNLIKE = USE | PteFlags.SOFT_DIRTY | PteFlags.WRITE;

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
        return count(table, index, pfn, bytes, UNLIKE);
    }

    /** As {@link #count(long, int, long, long)} with the flags that entries may differ in: {@code folio_pte_batch_flags()}. */
    int count(long table, int index, long pfn, long bytes, int unlike) {
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
                    || ((mode.flags(entry, 1) ^ flags) & ~unlike) != 0) {
                break;
            }
            count++;
        }
        return count;
    }

    /**
     * Returns what some entries say of reads and writes together, because all count as used or written to when one was: {@code include/linux/pgtable.h:modify_prot_start_ptes()}.
     *
     * @param table a leaf table
     * @param index the first entry
     * @param count how many
     */
    int use(long table, int index, int count) {
        int flags = 0;
        for (int i = index; i < index + count; i++) {
            flags |= mode.flags(mode.readEntry(memory, table, i), 1);
        }
        return flags & USE;
    }
}
