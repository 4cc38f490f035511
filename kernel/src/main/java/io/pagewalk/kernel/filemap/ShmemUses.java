package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.rmap.LruLists;

/**
 * Counts how often one write looks each page of a file in memory up, which counts as a use each time ({@code mm/shmem.c:shmem_get_folio_gfp()} for {@code SGP_WRITE}).
 *
 * <p>{@code generic_perform_write()} copies without faults first. A copy that ends early goes on with a new look-up, and one of which nothing arrives faults all of the user's part in and begins again.
 * Pages of other files are not used by writes.
 */
final class ShmemUses {
    private final LruLists lru;
    private long pfn = -1;
    private boolean isFaultedIn;

    ShmemUses(LruLists lru) {
        this.lru = lru;
    }

    /** A part of the copy begins; {@code page} is negative for other files. Returns whether it is the first part that goes to this page. */
    boolean begin(long page) {
        if (page == pfn) {
            return false;
        }
        pfn = page;
        isFaultedIn = false;
        again(1);
        return true;
    }

    /** The user's memory was not there for this part. */
    void faulted(boolean isFirst) {
        if (!isFaultedIn) {
            isFaultedIn = true;
            again(isFirst ? 1 : 2);
        }
    }

    /** The page is looked up so many times more. */
    void again(int times) {
        for (int i = 0; i < times && pfn >= 0; i++) {
            lru.markAccessed(pfn);
        }
    }
}
