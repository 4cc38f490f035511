package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import org.jspecify.annotations.Nullable;

/** The limits of one mount: {@code struct hugepage_subpool}. Pages of {@code min_size=} are reserved as long as the mount is there. */
final class Subpool {
    static final long NO_LIMIT = -1;

    private final HugePool pool;
    private final long maxPages;
    private final long minPages;
    private long usedPages;
    private long reservedPages;
    private boolean isMounted = true;
    private boolean isReleased;

    private Subpool(HugePool pool, long maxPages, long minPages) {
        this.pool = pool;
        this.maxPages = maxPages;
        this.minPages = minPages;
        this.reservedPages = minPages;
    }

    /** {@code hugepage_new_subpool()}: returns null when the pool cannot promise the least size. */
    static @Nullable Subpool make(HugePool pool, long maxPages, long minPages) {
        return minPages != NO_LIMIT && !pool.account(minPages) ? null : new Subpool(pool, maxPages, minPages);
    }

    long maxPages() {
        return maxPages;
    }

    long usedPages() {
        return usedPages;
    }

    /** {@code hugepage_subpool_get_pages()}: returns how many pages the pool itself must promise, -1 above the limit. */
    static long take(@Nullable Subpool subpool, long pages) {
        return subpool == null ? pages : subpool.take(pages);
    }

    /** {@code hugepage_subpool_put_pages()}: returns how many promises of the pool itself must be dropped. */
    static long give(@Nullable Subpool subpool, long pages) {
        return subpool == null ? pages : subpool.give(pages);
    }

    private long take(long pages) {
        if (maxPages != NO_LIMIT) {
            if (usedPages + pages > maxPages) {
                return -1;
            }
            usedPages += pages;
        }
        if (minPages == NO_LIMIT || reservedPages == 0) {
            return pages;
        }
        long own = Math.min(pages, reservedPages);
        reservedPages -= own;
        return pages - own;
    }

    private long give(long pages) {
        long left = pages;
        if (maxPages != NO_LIMIT) {
            usedPages -= pages;
        }
        if (minPages != NO_LIMIT && usedPages < minPages) {
            left = Math.max(0, reservedPages + pages - minPages);
            reservedPages = Math.min(minPages, reservedPages + pages);
        }
        releaseUnused();
        return left;
    }

    /** {@code hugepage_put_subpool()}: the mount is gone; what its last file used may come back later. */
    void unmount() {
        KernelBug.on(!isMounted, "a subpool is unmounted twice");
        isMounted = false;
        releaseUnused();
    }

    private void releaseUnused() {
        boolean isFree = !isMounted
                && (maxPages != NO_LIMIT ? usedPages == 0 : minPages == NO_LIMIT || reservedPages == minPages);
        if (isFree && !isReleased) {
            isReleased = true;
            if (minPages != NO_LIMIT) {
                pool.account(-minPages);
            }
        }
    }

    void verify(String where, Violations out) {
        if (maxPages != NO_LIMIT && (usedPages < 0 || usedPages > maxPages)) {
            out.add(where, usedPages + " pages used of " + maxPages);
        }
        if (minPages != NO_LIMIT && (reservedPages < 0 || reservedPages > minPages)) {
            out.add(where, reservedPages + " pages reserved of " + minPages);
        }
    }
}
