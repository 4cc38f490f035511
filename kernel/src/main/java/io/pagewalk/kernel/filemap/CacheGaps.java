package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;

/**
 * The search for missing pages of a file as {@code mm/filemap.c} of Linux 6.18 does it, which is not quite exact: a search that begins inside a large folio looks from its first slot on, while it
 * counts from the index where it was asked to begin. So it goes wrong by what lies between, until it comes to the next node of the tree.
 */
final class CacheGaps {
    private static final int NODE_SLOTS = 64;
    private static final int LAST_SLOT = NODE_SLOTS - 1;

    private final MemMap memmap;
    private final LargeFolios large;

    CacheGaps(MemMap memmap, LargeFolios large) {
        this.memmap = memmap;
        this.large = large;
    }

    /** {@code page_cache_next_miss()}: returns the index that it takes for the first missing one, {@code index + most} when it found none. */
    long next(PageIndex pages, long index, long most) {
        long slot = firstSlot(pages, index);
        for (long at = index; at < index + most; at++) {
            if (pages.get(slot) < 0) {
                return at;
            }
            slot = (slot & LAST_SLOT) == LAST_SLOT ? slot + 1 + ((at + 1) & LAST_SLOT) : slot + 1;
        }
        return index + most;
    }

    /** {@code page_cache_prev_miss()}: returns the index that it takes for the last missing one, -1 for none; the last that it looks at when there are {@code most}. */
    long previous(PageIndex pages, long index, long most) {
        long slot = firstSlot(pages, index);
        long at = index;
        for (long left = most; left > 0; left--) {
            if (left < most) {
                at--;
                boolean isFirst = (slot & LAST_SLOT) == 0;
                slot = !isFirst ? slot - 1 : (at & LAST_SLOT) == 0 ? slot : slot - NODE_SLOTS + (at & LAST_SLOT);
            }
            if (at < 0 || slot < 0 || pages.get(slot) < 0) {
                break;
            }
        }
        return at;
    }

    /** Returns the slot where a search comes upon the tree. A folio of a whole node and more has slots of a node above, which are counted one by one. */
    private long firstSlot(PageIndex pages, long index) {
        long pfn = pages.get(index);
        return pfn < 0 || large.pages(pfn) >= NODE_SLOTS ? index : index - (pfn - memmap.compoundHead(pfn));
    }
}
