package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.HugePageStats;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;
import org.jspecify.annotations.Nullable;

/**
 * How pages come into files that live in memory: {@code mm/shmem.c:shmem_get_folio_gfp()}.
 *
 * <p>A page that {@code fallocate()} added is there but not up to date; readers take it for a hole until somebody uses it.
 */
public final class ShmemPages {
    private static final int GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.ZERO;

    private final PageCache cache;
    private final Folios folios;
    private final MemMap memmap;
    private HugePageSettings settings = new HugePageSettings();

    ShmemPages(PageCache cache, Folios folios) {
        this.cache = cache;
        this.folios = folios;
        this.memmap = folios.memmap();
    }

    /**
     * Wires huge pages.
     *
     * @param from which are switched on
     */
    public void setHugePages(HugePageSettings from) {
        settings = from;
    }

    /**
     * Finds or adds a page for a fault in an area, or for a write up to a byte: {@code SGP_CACHE}, {@code SGP_WRITE}. Returns the frame without a reference, or a negative constant of
     * {@link PageCache}.
     */
    long use(Inode inode, long index, @Nullable Vma vma, long writeEnd) {
        long pfn = inode.pages.get(index);
        return used(pfn < 0 ? add(inode, index, vma, writeEnd) : pfn);
    }

    /** Finds a page or adds one that lies alone: {@code shmem_mfill_atomic_pte()}. */
    long useSmall(Inode inode, long index) {
        long pfn = inode.pages.get(index);
        return used(pfn < 0 ? addSmall(inode, index) : pfn);
    }

    private long used(long pfn) {
        if (pfn >= 0) {
            memmap.setFlags(pfn, PageFlags.UPTODATE);
        }
        return pfn;
    }

    /**
     * Adds a page that is not there yet for {@code fallocate()} ({@code SGP_FALLOC}). One that is there becomes data, so that undoing a later call does not take it away.
     *
     * @param inode a file in memory
     * @param index page index
     * @param endBytes end of what is to be there
     * @return the frame, without a reference; {@link PageCache#NO_MEMORY} or {@link PageCache#NO_SPACE}
     */
    public long allocate(Inode inode, long index, long endBytes) {
        long pfn = inode.pages.get(index);
        return pfn < 0 ? add(inode, index, null, endBytes) : used(pfn);
    }

    /**
     * Returns the page index behind a folio.
     *
     * @param pfn a frame of it
     */
    public long folioEnd(long pfn) {
        return memmap.index(memmap.compoundHead(pfn)) + folios.large().pages(pfn);
    }

    /**
     * Returns whether a page holds data: {@code mm/filemap.c:folio_seek_hole_data()}.
     *
     * @param inode a file in memory
     * @param index page index
     */
    public boolean hasData(Inode inode, long index) {
        long pfn = inode.pages.get(index);
        return pfn >= 0 && memmap.hasFlags(pfn, PageFlags.UPTODATE);
    }

    /**
     * Drops pages of a range that nobody has used: the undoing of a {@code fallocate()} that failed ({@code mm/shmem.c:shmem_undo_range()}).
     *
     * @param inode a file in memory
     * @param from first page index
     * @param to first page index behind
     */
    public void removeUnused(Inode inode, long from, long to) {
        for (long index = inode.pages.next(from); index >= 0 && index < to; index = inode.pages.next(index + 1)) {
            if (!hasData(inode, index)) {
                cache.removeRange(inode, index, index + 1);
            }
        }
    }

    /**
     * Puts every page of a file that may be evicted again on the list where it belongs: {@code mm/shmem.c:shmem_unlock_mapping()}.
     *
     * @param inode a file in memory
     */
    public void makeEvictable(Inode inode) {
        for (long index = inode.pages.next(0); index >= 0; index = inode.pages.next(index + 1)) {
            folios.mlocked().makeEvictable(inode.pages.get(index));
        }
    }

    /** Adds the largest folio that is allowed and fits, or a page. */
    private long add(Inode inode, long index, @Nullable Vma vma, long writeEnd) {
        ShmemInodeInfo info = inode.shmem();
        int orders = info == null ? 0 : info.hugeOrders(vma, index, writeEnd);
        if (info != null && orders != 0) {
            boolean isAdvised = vma != null && vma.has(VmaFlags.VM_HUGEPAGE);
            long pfn = addLarge(inode, info, index, suitable(inode, index, vma, orders), settings.gfp(isAdvised));
            if (pfn >= 0) {
                return pfn;
            }
        }
        return addSmall(inode, index);
    }

    /** {@code mm/shmem.c:shmem_suitable_orders()}: those from the largest on that fits into the area and between the pages that are there. */
    private static int suitable(Inode inode, long index, @Nullable Vma vma, int orders) {
        int left = orders;
        boolean isInArea = vma == null;
        while (left != 0) {
            int order = Integer.numberOfTrailingZeros(Integer.highestOneBit(left));
            isInArea = isInArea
                    || (vma != null
                            && HugePagePolicy.isSuitable(vma, vma.start() + ((index - vma.pgoff()) << 12), order));
            if (isInArea && inode.pages.isEmpty(index & -(1L << order), order)) {
                return left;
            }
            left &= ~(1 << order);
        }
        return 0;
    }

    /** {@code mm/shmem.c:shmem_alloc_and_add_folio()} with orders: a folio of zeros. */
    private long addLarge(Inode inode, ShmemInodeInfo info, long index, int orders, int gfp) {
        int left = orders;
        while (left != 0) {
            int order = Integer.numberOfTrailingZeros(Integer.highestOneBit(left));
            left &= ~(1 << order);
            long first = index & -(1L << order);
            Mempolicy policy = info.policies().lookup(first);
            long head = folios.policies()
                    .allocateFor(gfp | Gfp.COMP | Gfp.ZERO, order, policy, inode.number() + (first >> order));
            if (head < 0) {
                folios.counters().count(VmEvent.THP_FILE_FALLBACK, order == Folios.HUGE_ORDER ? 1 : 0);
                folios.stats().count(order, HugePageStats.Item.SHMEM_FALLBACK, 1);
                continue;
            }
            if (!charge(info, 1L << order)) {
                folios.put(head);
                return PageCache.NO_SPACE;
            }
            cache.insert(inode, first, head, order);
            folios.counters().count(VmEvent.THP_FILE_ALLOC, order == Folios.HUGE_ORDER ? 1 : 0);
            folios.stats().count(order, HugePageStats.Item.SHMEM_ALLOC, 1);
            if (inode.sizePages() < first + (1L << order)) {
                info.setShrinkable(true);
            }
            return head + (index - first);
        }
        return PageCache.NO_MEMORY;
    }

    /** {@code mm/shmem.c:shmem_alloc_and_add_folio()} without orders: a page of zeros. */
    private long addSmall(Inode inode, long index) {
        ShmemInodeInfo info = inode.shmem();
        Mempolicy policy = info == null ? null : info.policies().lookup(index);
        long pfn = folios.policies().allocateFor(GFP, 0, policy, inode.number() + index);
        if (pfn < 0) {
            return PageCache.NO_MEMORY;
        }
        if (info != null && !charge(info, 1)) {
            folios.put(pfn);
            return PageCache.NO_SPACE;
        }
        cache.insert(inode, index, pfn, 0);
        return pfn;
    }

    /** Counts new pages; where there is no room, folios that reach behind the ends of their files are split first. */
    private boolean charge(ShmemInodeInfo info, long pages) {
        if (info.chargeBlocks(pages)) {
            return true;
        }
        shrink(info, pages);
        return info.chargeBlocks(pages);
    }

    /** {@code mm/shmem.c:shmem_unused_huge_shrink()}, for the mount of a file. */
    private void shrink(ShmemInodeInfo info, long wanted) {
        long freed = 0;
        for (Inode inode : info.shrinkable()) {
            long pfn = inode.pages.get(inode.sizeBytes() >>> 12);
            ShmemInodeInfo its = inode.shmem();
            if (its == null || freed >= wanted) {
                return;
            }
            if (pfn >= 0 && folios.large().isLarge(pfn)) {
                long behind = folioEnd(pfn);
                long end = its.keptEnd(inode.sizePages());
                boolean hasGain = end > behind - folios.large().pages(pfn) && end < behind;
                if (hasGain && !cache.splitToPages(inode, pfn)) {
                    continue;
                }
                freed += hasGain ? behind - end : 0;
            }
            its.setShrinkable(false);
        }
    }
}
