package io.pagewalk.kernel.rmap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import java.util.function.LongConsumer;

/**
 * The life of a user folio between allocation and free: references, map counts and dirtiness ({@code mm/rmap.c}, {@code mm/swap.c}). {@link LruLists} has the list it stands on.
 *
 * <p>Where a method takes a page, any page of a large folio will do. A page's {@code mapping} in the memmap is the number of its inode, or minus the number of its anon_vma.
 *
 * <pre>
 *   anonymous: refcount == mapcount (+ transient references)
 *   cached:    refcount == mapcount + pages (+ transient references)
 * </pre>
 */
public final class Folios {
    /** How many references a pin is, so that pinned pages are told from others: {@code GUP_PIN_COUNTING_BIAS}. */
    public static final int PIN_BIAS = 1024;

    /** Order of a huge page that one entry of the table above the leaf tables can map: {@code HPAGE_PMD_ORDER} of x86-64 and RISC-V. */
    public static final int HUGE_ORDER = 9;

    private final MemMap memmap;
    private final PageAllocator allocator;
    private final VmCounters counters;
    private final PolicyAllocator policies;
    private final LargeFolios large;
    private final LruLists lru;
    private final MlockedFolios mlocked;
    private final HugePageStats stats;
    private final DeferredSplits deferredSplits;
    private Zone lastZone;

    /** Takes pages of pools back when the last reference is gone: {@code mm/hugetlb.c:free_huge_folio()}. */
    private LongConsumer hugetlbFree = head -> {};

    /**
     * Creates the page life cycle of one machine.
     *
     * @param allocator where frames come from and go to
     */
    public Folios(PageAllocator allocator) {
        this.allocator = allocator;
        this.memmap = allocator.memMap();
        this.counters = allocator.counters();
        this.policies = new PolicyAllocator(allocator);
        this.large = new LargeFolios(memmap);
        this.lru = new LruLists(this);
        this.mlocked = new MlockedFolios(this);
        this.stats = new HugePageStats(counters);
        this.deferredSplits = new DeferredSplits(large, counters, stats);
        this.lastZone = allocator.nodes().getFirst().zones().getFirst();
    }

    /**
     * Wires the pools of huge pages.
     *
     * @param free gets the first frame of a huge page that nobody uses any more, with one reference
     */
    public void setHugetlbFree(LongConsumer free) {
        hugetlbFree = free;
    }

    /** Returns the memmap. */
    public MemMap memmap() {
        return memmap;
    }

    /** Returns the machine's counters. */
    public VmCounters counters() {
        return counters;
    }

    /** Returns what is known of folios of several pages. */
    public LargeFolios large() {
        return large;
    }

    /** Returns the lists that folios stand on. */
    public LruLists lru() {
        return lru;
    }

    /** Returns which folios locked areas keep in memory. */
    public MlockedFolios mlocked() {
        return mlocked;
    }

    /** Lets all folios arrive at the lists where they are sent: {@code lru_add_drain()}. */
    public void drainBatches() {
        lru.drain();
        mlocked.drain();
    }

    /** Lets one folio arrive, which is about to be freed or taken off its list. */
    void arrive(long head) {
        lru.arrive(head);
        mlocked.arrive(head);
    }

    /** Returns the large folios that are to be split because only a part of them is still mapped. */
    public DeferredSplits deferredSplits() {
        return deferredSplits;
    }

    /** Returns what is counted of large folios by their size. */
    public HugePageStats stats() {
        return stats;
    }

    /** Returns where frames come from. */
    public PageAllocator allocator() {
        return allocator;
    }

    /**
     * Allocates one frame with one reference.
     *
     * @param gfp request flags
     * @return the frame, or -1
     */
    public long allocate(int gfp) {
        return allocator.allocPage(gfp);
    }

    /**
     * Allocates one frame for a place in an area, where the policy of the area or of the task wants it: {@code vma_alloc_folio()}.
     *
     * @param gfp request flags
     * @param vma the area
     * @param vaddr the place
     * @return the frame with one reference, or -1
     */
    public long allocate(int gfp, Vma vma, long vaddr) {
        if (vma.policy() == null && policies.taskPolicy() == null && !vma.hasSharedPolicy()) {
            return allocator.allocPage(gfp);
        }
        return policies.allocateFor(gfp, 0, vma.policyAt(vaddr), vma.interleaveIndex(vaddr));
    }

    /**
     * Allocates a folio of several pages for a place in an area: {@code vma_alloc_folio()}.
     *
     * @param gfp request flags
     * @param order order of the folio, above 0
     * @param vma the area
     * @param vaddr the place of its first page
     * @return the first frame with one reference, or -1
     */
    public long allocate(int gfp, int order, Vma vma, long vaddr) {
        if (vma.policy() == null && policies.taskPolicy() == null && !vma.hasSharedPolicy()) {
            return allocator.allocPages(gfp | Gfp.COMP, order);
        }
        return policies.allocateFor(gfp | Gfp.COMP, order, vma.policyAt(vaddr), vma.interleaveIndex(vaddr) >>> order);
    }

    /** Returns the memory policies of the machine. */
    public PolicyAllocator policies() {
        return policies;
    }

    /**
     * Drops a reference; the last one takes the page off its list and frees it: {@code folio_put()}.
     *
     * @param pfn an allocated page
     */
    public void put(long pfn) {
        MemMapSection section = memmap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        int flags = section.flags[i];
        if ((flags & PageFlags.TAIL) != 0) {
            put(memmap.compoundHead(pfn));
            return;
        }
        if (section.refcount[i] > 1) {
            section.refcount[i]--;
            return;
        }
        int order = (flags & PageFlags.HEAD) != 0 ? section.order[i] : 0;
        if (order > 0 && memmap.owner(pfn) == FrameOwner.HUGETLB) {
            hugetlbFree.accept(pfn);
            return;
        }
        int pages = 1 << order;
        if (lru.isAnyWaiting() || mlocked.isAnyWaiting()) {
            arrive(pfn);
            flags = section.flags[i];
        }
        if ((flags & PageFlags.LRU) != 0) {
            lru.remove(pfn, flags, pages);
        }
        if ((flags & PageFlags.MLOCKED) != 0) {
            counters.add(zoneOf(pfn), ZoneStat.NR_MLOCK, -pages);
            counters.count(VmEvent.UNEVICTABLE_PGS_CLEARED, pages);
            mlocked.forgetLocks(pfn);
        }
        if (order > 0 && section.mapping[i] < 0) {
            stats.count(order, HugePageStats.Item.NR_ANON, -1);
        }
        section.flags[i] = flags & PageFlags.HEAD;
        section.mapping[i] = 0;
        section.index[i] = 0;
        if (order > 0) {
            forgetTails(pfn, pages);
        }
        allocator.freePages(pfn, order);
    }

    private void forgetTails(long head, int pages) {
        deferredSplits.remove(head);
        large.clear(head);
        for (long tail = head + 1; tail < head + pages; tail++) {
            memmap.clearFlags(tail, PageFlags.ANON_EXCLUSIVE);
            memmap.setMapping(tail, 0, 0);
        }
    }

    /**
     * Drops references: {@code folio_put_refs()}.
     *
     * @param pfn a page with at least so many references
     * @param references how many, at least 1
     */
    public void putMany(long pfn, int references) {
        long head = memmap.compoundHead(pfn);
        memmap.section(head).refcount[(int) head & MemMap.SECTION_MASK] -= references - 1;
        put(head);
    }

    /**
     * Pins a page for a device: {@code try_grab_folio()} with {@code FOLL_PIN}.
     *
     * @param pfn an allocated page
     * @return how many references that took
     */
    public int pin(long pfn) {
        if (large.isLarge(pfn)) {
            large.addPins(memmap.compoundHead(pfn), 1);
            memmap.get(pfn);
            return 1;
        }
        memmap.getMany(pfn, PIN_BIAS);
        return PIN_BIAS;
    }

    /**
     * Takes a pin back: {@code gup_put_folio()} with {@code FOLL_PIN}.
     *
     * @param pfn a pinned page
     * @return how many references went
     */
    public int unpin(long pfn) {
        int references = PIN_BIAS;
        if (large.isLarge(pfn)) {
            large.addPins(memmap.compoundHead(pfn), -1);
            references = 1;
        }
        putMany(pfn, references);
        return references;
    }

    /**
     * Returns whether somebody may have pinned a page: {@code folio_maybe_dma_pinned()}.
     *
     * @param pfn an allocated page
     */
    public boolean isMaybePinned(long pfn) {
        return large.isLarge(pfn) ? large.pins(memmap.compoundHead(pfn)) > 0 : memmap.refcount(pfn) >= PIN_BIAS;
    }

    /**
     * Makes a fresh frame an exclusive anonymous page, mapped once, on the inactive list: {@code mm/rmap.c:folio_add_new_anon_rmap()} and
     * {@code mm/swap.c:folio_add_lru_vma()}. A page of a locked area goes to the unevictable list.
     *
     * @param pfn a fresh frame with one reference
     * @param vma its area, which has an anon_vma
     * @param anonVma the area's anon_vma
     * @param vaddr where it is mapped
     */
    public void addNewAnon(long pfn, Vma vma, AnonVma anonVma, long vaddr) {
        MemMapSection section = memmap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        int flags = PageFlags.UPTODATE | PageFlags.SWAPBACKED | PageFlags.ANON_EXCLUSIVE | PageFlags.LRU;
        section.flags[i] |= flags;
        section.mapping[i] = -(int) anonVma.id();
        section.index[i] = vma.pgoffOf(vaddr);
        section.mapcount[i] = 1;
        memmap.setOwner(pfn, FrameOwner.ANON);
        Zone zone = zoneOf(pfn);
        counters.add(zone.node(), NodeStat.NR_ANON_PAGES, 1);
        if (vma.has(VmaFlags.VM_LOCKED) && !vma.has(VmaFlags.VM_SPECIAL)) {
            mlocked.mlockNew(pfn);
        }
        lru.count(zone, section.flags[i], 1);
    }

    /**
     * Makes a fresh large folio an exclusive anonymous one and puts it on the inactive list, not mapped yet: the large part of {@code folio_add_new_anon_rmap()}.
     *
     * @param head a fresh folio with one reference
     * @param vma its area, which has an anon_vma
     * @param anonVma the area's anon_vma
     * @param vaddr where its first page belongs
     */
    public void addNewLargeAnon(long head, Vma vma, AnonVma anonVma, long vaddr) {
        int pages = large.pages(head);
        memmap.setFlags(head, PageFlags.UPTODATE | PageFlags.SWAPBACKED | PageFlags.LRU);
        memmap.setBlockOwner(head, large.order(head), FrameOwner.ANON);
        long index = vma.pgoffOf(vaddr);
        for (int i = 0; i < pages; i++) {
            memmap.setMapping(head + i, -(int) anonVma.id(), index + i);
        }
        stats.count(large.order(head), HugePageStats.Item.NR_ANON, 1);
        lru.count(zoneOf(head), memmap.flags(head), pages);
        if (vma.has(VmaFlags.VM_LOCKED) && !vma.has(VmaFlags.VM_SPECIAL)) {
            mlocked.mlock(head);
        }
    }

    /**
     * Ties an anonymous folio to the anon_vma of the one area that has it now: {@code folio_move_anon_rmap()}.
     *
     * @param pfn a page of it
     * @param anonVma the area's
     */
    public void moveAnon(long pfn, AnonVma anonVma) {
        long head = memmap.compoundHead(pfn);
        moveAnon(head, anonVma, memmap.index(head));
    }

    /**
     * Moves an anonymous folio to another place of the one area that has it now.
     *
     * @param head its first page
     * @param anonVma the area's
     * @param index page offset of the place in units of the anon_vma
     */
    public void moveAnon(long head, AnonVma anonVma, long index) {
        for (int i = 0; i < large.pages(head); i++) {
            memmap.setMapping(head + i, -(int) anonVma.id(), index + i);
        }
    }

    /**
     * Counts one more mapping of an anonymous page, by fork: {@code folio_try_dup_anon_rmap_pte()}. It is then no longer exclusive.
     *
     * @param pfn an anonymous page
     * @param mm the address space that maps it now too
     */
    public void dupAnon(long pfn, Mm mm) {
        memmap.get(pfn);
        memmap.clearFlags(pfn, PageFlags.ANON_EXCLUSIVE);
        addMapping(pfn, mm);
    }

    /**
     * Counts one more entry of a leaf table that maps a page, whose reference the caller took: {@code folio_add_file_rmap_pte()}, {@code folio_add_anon_rmap_pte()}.
     *
     * @param pfn a page of a file or anonymous one
     * @param mm the address space that maps it
     */
    public void addMapping(long pfn, Mm mm) {
        int added = large.isLarge(pfn) ? large.mapPage(pfn, (int) mm.pgdPfn()) : memmap.incMapcount(pfn) == 1 ? 1 : 0;
        countMapped(pfn, added);
    }

    /**
     * Removes one entry of a leaf table and its reference: {@code folio_remove_rmap_pte()} and {@code folio_put()}.
     *
     * @param pfn a mapped page
     * @param vma the area that no longer maps it there
     */
    public void unmap(long pfn, Vma vma) {
        if (large.isLarge(pfn)) {
            unmapMany(pfn, 1, vma);
            return;
        }
        countMapped(pfn, memmap.decMapcount(pfn) == 0 ? -1 : 0);
        mlocked.unlockMapped(vma, pfn);
        put(pfn);
    }

    /**
     * Removes entries of a leaf table that map neighbouring pages of one large folio, and their references: {@code folio_remove_rmap_ptes()} and {@code folio_put_refs()}. Only when all are gone
     * is it asked whether the folio is now mapped in part.
     *
     * @param first first page
     * @param count how many pages
     * @param vma the area that no longer maps them there
     */
    public void unmapMany(long first, int count, Vma vma) {
        int space = (int) vma.mm().pgdPfn();
        int removed = 0;
        for (long pfn = first; pfn < first + count; pfn++) {
            removed += large.unmapPage(pfn, space);
        }
        if (removed > 0 && large.mapcount(first) > 0) {
            partlyUnmapped(memmap.compoundHead(first));
        }
        countMapped(first, -removed);
        mlocked.unlockMapped(vma, first);
        putMany(first, count);
    }

    /**
     * Takes away what an entry of a leaf table counts for a page of a large folio that is about to move to other frames; its reference stays: {@code mm/rmap.c:try_to_migrate_one()}.
     *
     * @param pfn a mapped page of a large folio
     * @param mm the address space
     */
    public void suspendMapping(long pfn, Mm mm) {
        int removed = large.unmapPage(pfn, (int) mm.pgdPfn());
        if (removed > 0 && large.mapcount(pfn) > 0) {
            partlyUnmapped(memmap.compoundHead(pfn));
        }
        countMapped(pfn, -removed);
    }

    /**
     * The same for an entry that maps a huge page as a whole: {@code set_pmd_migration_entry()}.
     *
     * @param head its first page
     * @param mm the address space
     */
    public void suspendHugeMapping(long head, Mm mm) {
        int removed = large.unmapWhole(head, (int) mm.pgdPfn());
        if (large.entireMapcount(head) == 0) {
            counters.add(zoneOf(head).node(), hugeItem(head), -large.pages(head));
        }
        countMapped(head, -removed);
    }

    /**
     * Counts one more entry that maps a huge page as a whole, whose reference the caller took: {@code folio_add_file_rmap_pmd()}, {@code folio_add_anon_rmap_pmd()}.
     *
     * @param head first frame of a huge page
     * @param mm the address space that maps it
     */
    public void addHugeMapping(long head, Mm mm) {
        countMapped(head, large.mapWhole(head, (int) mm.pgdPfn()));
        if (large.entireMapcount(head) == 1) {
            counters.add(zoneOf(head).node(), hugeItem(head), large.pages(head));
        }
    }

    /**
     * Removes an entry that maps a huge page as a whole, and keeps its reference: {@code folio_remove_rmap_pmd()}.
     *
     * @param head first frame of a huge page
     * @param mm the address space that no longer maps it so
     */
    public void removeHugeMapping(long head, Mm mm) {
        int pages = large.pages(head);
        int removed = large.unmapWhole(head, (int) mm.pgdPfn());
        if (large.entireMapcount(head) == 0) {
            counters.add(zoneOf(head).node(), hugeItem(head), -pages);
            if (removed > 0 && removed < pages) {
                partlyUnmapped(head);
            }
        }
        countMapped(head, -removed);
    }

    private NodeStat hugeItem(long head) {
        if (memmap.mapping(head) < 0) {
            return NodeStat.NR_ANON_TRANSPARENT_HUGEPAGES;
        }
        return memmap.hasFlags(head, PageFlags.SWAPBACKED) ? NodeStat.NR_SHMEM_PMDMAPPED : NodeStat.NR_FILE_PMDMAPPED;
    }

    private void countMapped(long pfn, int change) {
        if (change != 0) {
            boolean isAnon = memmap.mapping(pfn) < 0;
            counters.add(zoneOf(pfn).node(), isAnon ? NodeStat.NR_ANON_PAGES : NodeStat.NR_MAPPED, change);
        }
    }

    private void partlyUnmapped(long head) {
        if (memmap.mapping(head) < 0) {
            deferredSplits.addPartlyMapped(head);
        }
    }

    /**
     * Makes a folio of a file part of the page cache and puts it on the inactive list: {@code filemap_add_folio()}.
     *
     * @param head a fresh folio whose one reference becomes the cache's, which has one for each page
     * @param inodeNumber number of the inode
     * @param index index of its first page in the file
     * @param isShmem whether it counts as shared memory
     * @param isUnevictable whether it stays in memory, so that it stands on the unevictable list
     */
    public void addToCache(long head, long inodeNumber, long index, boolean isShmem, boolean isUnevictable) {
        int pages = large.pages(head);
        for (int i = 0; i < pages; i++) {
            memmap.setMapping(head + i, (int) inodeNumber, index + i);
        }
        memmap.getMany(head, pages - 1);
        int flags = PageFlags.LRU | (isShmem ? PageFlags.SWAPBACKED : 0) | (isUnevictable ? PageFlags.UNEVICTABLE : 0);
        memmap.setFlags(head, flags);
        memmap.setBlockOwner(head, large.order(head), isShmem ? FrameOwner.SHMEM : FrameOwner.FILE);
        countCached(head, isShmem, pages);
        lru.count(zoneOf(head), memmap.flags(head), pages);
    }

    /**
     * Takes a folio out of the page cache and drops the cache's references: {@code filemap_remove_folio()}. Dirty data is lost, as truncation loses it.
     *
     * @param head a cached folio that nothing maps
     */
    public void removeFromCache(long head) {
        int flags = memmap.flags(head);
        int pages = large.pages(head);
        boolean isShmem = (flags & PageFlags.SWAPBACKED) != 0;
        countCached(head, isShmem, -pages);
        if (!isShmem && (flags & PageFlags.DIRTY) != 0) {
            Zone zone = zoneOf(head);
            counters.add(zone.node(), NodeStat.NR_DIRTY, -pages);
            counters.add(zone, ZoneStat.NR_ZONE_WRITE_PENDING, -pages);
        }
        memmap.clearFlags(head, PageFlags.DIRTY);
        putMany(head, pages);
    }

    private void countCached(long head, boolean isShmem, int change) {
        int node = zoneOf(head).node();
        counters.add(node, NodeStat.NR_FILE_PAGES, change);
        if (isShmem) {
            counters.add(node, NodeStat.NR_SHMEM, change);
        }
        if (large.order(head) == HUGE_ORDER) {
            counters.add(node, isShmem ? NodeStat.NR_SHMEM_HUGEPAGES : NodeStat.NR_FILE_HUGEPAGES, change);
        }
    }

    /**
     * Marks a page dirty: {@code folio_mark_dirty()}. Pages of files count as waiting for write-back; shared memory and anonymous pages do not.
     *
     * @param pfn an allocated page
     */
    public void markDirty(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.DIRTY) != 0) {
            return;
        }
        memmap.setFlags(pfn, PageFlags.DIRTY);
        if ((flags & PageFlags.SWAPBACKED) == 0 && memmap.mapping(pfn) > 0) {
            Zone zone = zoneOf(pfn);
            int pages = large.pages(pfn);
            counters.add(zone.node(), NodeStat.NR_DIRTY, pages);
            counters.add(zone.node(), NodeStat.NR_DIRTIED, pages);
            counters.add(zone, ZoneStat.NR_ZONE_WRITE_PENDING, pages);
        }
    }

    /**
     * Returns the zone of a frame.
     *
     * @param pfn a valid frame
     */
    public Zone zoneOf(long pfn) {
        Zone zone = lastZone;
        if (pfn < zone.startPfn() || pfn >= zone.endPfn()) {
            zone = findZone(pfn);
            lastZone = zone;
        }
        return zone;
    }

    private Zone findZone(long pfn) {
        for (NodeData node : allocator.nodes()) {
            for (Zone zone : node.zones()) {
                if (pfn >= zone.startPfn() && pfn < zone.endPfn()) {
                    return zone;
                }
            }
        }
        throw new KernelBug("frame " + pfn + " is in no zone");
    }
}
