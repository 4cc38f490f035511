package io.pagewalk.kernel.rmap;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;

/**
 * The life of a user page between allocation and free: references, map counts, dirtiness, and the LRU list it stands on ({@code mm/rmap.c}, {@code mm/swap.c}).
 *
 * <p>A page's {@code mapping} in the memmap is the number of its inode, or minus the number of its anon_vma.
 *
 * <pre>
 *   anonymous: refcount == mapcount (+ transient references)
 *   cached:    refcount == mapcount + 1 (+ transient references)
 * </pre>
 */
public final class Folios {
    /** How many references a pin is, so that pinned pages are told from others: {@code GUP_PIN_COUNTING_BIAS}. */
    public static final int PIN_BIAS = 1024;

    private static final int CACHED_LISTS = PageFlags.ACTIVE | PageFlags.UNEVICTABLE;

    private final MemMap memmap;
    private final PageAllocator allocator;
    private final VmCounters counters;
    private final PolicyAllocator policies;
    private Zone lastZone;

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
        this.lastZone = allocator.nodes().getFirst().zones().getFirst();
    }

    /** Returns the memmap. */
    public MemMap memmap() {
        return memmap;
    }

    /** Returns the machine's counters. */
    public VmCounters counters() {
        return counters;
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
        return policies.allocateFor(gfp, vma.policyAt(vaddr), vma.interleaveIndex(vaddr));
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
        if (section.refcount[i] > 1) {
            section.refcount[i]--;
            return;
        }
        int flags = section.flags[i];
        if ((flags & PageFlags.LRU) != 0) {
            countList(zoneOf(pfn), flags, -1);
        }
        if ((flags & PageFlags.MLOCKED) != 0) {
            counters.add(zoneOf(pfn), ZoneStat.NR_MLOCK, -1);
            counters.count(VmEvent.UNEVICTABLE_PGS_CLEARED);
        }
        section.flags[i] = 0;
        section.mapping[i] = 0;
        section.index[i] = 0;
        allocator.freePages(pfn, 0);
    }

    /**
     * Drops references: {@code folio_put_refs()}.
     *
     * @param pfn a page with at least so many references
     * @param references how many, at least 1
     */
    public void putMany(long pfn, int references) {
        memmap.section(pfn).refcount[(int) pfn & MemMap.SECTION_MASK] -= references - 1;
        put(pfn);
    }

    /**
     * Returns whether somebody may have pinned a page: {@code folio_maybe_dma_pinned()}.
     *
     * @param pfn an allocated page
     */
    public boolean isMaybePinned(long pfn) {
        return memmap.refcount(pfn) >= PIN_BIAS;
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
        boolean isLocked = vma.has(VmaFlags.VM_LOCKED) && !vma.has(VmaFlags.VM_SPECIAL);
        int flags = PageFlags.UPTODATE | PageFlags.SWAPBACKED | PageFlags.ANON_EXCLUSIVE | PageFlags.LRU;
        if (isLocked) {
            flags |= PageFlags.MLOCKED | PageFlags.UNEVICTABLE;
        }
        section.flags[i] |= flags;
        section.mapping[i] = -(int) anonVma.id();
        section.index[i] = vma.pgoffOf(vaddr);
        section.mapcount[i] = 1;
        memmap.setOwner(pfn, FrameOwner.ANON);
        Zone zone = zoneOf(pfn);
        counters.add(zone.node(), NodeStat.NR_ANON_PAGES, 1);
        countList(zone, flags, 1);
        if (isLocked) {
            counters.add(zone, ZoneStat.NR_MLOCK, 1);
            counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED);
        }
    }

    /**
     * Counts one more mapping of an anonymous page, by fork: {@code folio_try_dup_anon_rmap_pte()}. It is then no longer exclusive.
     *
     * @param pfn an anonymous page
     */
    public void dupAnon(long pfn) {
        MemMapSection section = memmap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.flags[i] &= ~PageFlags.ANON_EXCLUSIVE;
        section.mapcount[i]++;
        section.refcount[i]++;
    }

    /**
     * Counts one more mapping of a cached page, whose reference the caller took: {@code folio_add_file_rmap_ptes()}.
     *
     * @param pfn a page of a file
     */
    public void addFileMapping(long pfn) {
        if (memmap.incMapcount(pfn) == 1) {
            counters.add(zoneOf(pfn).node(), NodeStat.NR_MAPPED, 1);
        }
    }

    /**
     * Removes one mapping and its reference: {@code folio_remove_rmap_pte()} and {@code folio_put()}.
     *
     * @param pfn a mapped page
     */
    public void unmap(long pfn) {
        MemMapSection section = memmap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        if (memmap.decMapcount(pfn) == 0) {
            boolean isAnon = section.mapping[i] < 0;
            counters.add(zoneOf(pfn).node(), isAnon ? NodeStat.NR_ANON_PAGES : NodeStat.NR_MAPPED, -1);
            if (!isAnon && (section.flags[i] & PageFlags.MLOCKED) != 0) {
                munlock(pfn);
            }
        }
        put(pfn);
    }

    /**
     * Makes a page of a file part of the page cache and puts it on the inactive list: {@code filemap_add_folio()}.
     *
     * @param pfn a fresh frame whose one reference becomes the cache's
     * @param inodeNumber number of the inode
     * @param index page index in the file
     * @param isShmem whether it counts as shared memory
     * @param isUnevictable whether it stays in memory, so that it stands on the unevictable list
     */
    public void addToCache(long pfn, long inodeNumber, long index, boolean isShmem, boolean isUnevictable) {
        memmap.setMapping(pfn, (int) inodeNumber, index);
        int flags = PageFlags.LRU | (isShmem ? PageFlags.SWAPBACKED : 0) | (isUnevictable ? PageFlags.UNEVICTABLE : 0);
        memmap.setFlags(pfn, flags);
        memmap.setOwner(pfn, isShmem ? FrameOwner.SHMEM : FrameOwner.FILE);
        Zone zone = zoneOf(pfn);
        counters.add(zone.node(), NodeStat.NR_FILE_PAGES, 1);
        if (isShmem) {
            counters.add(zone.node(), NodeStat.NR_SHMEM, 1);
        }
        countList(zone, memmap.flags(pfn), 1);
    }

    /**
     * Takes a page out of the page cache and drops the cache's reference: {@code filemap_remove_folio()}. Dirty data is lost, as truncation loses it.
     *
     * @param pfn a cached page that nothing maps
     */
    public void removeFromCache(long pfn) {
        Zone zone = zoneOf(pfn);
        int flags = memmap.flags(pfn);
        counters.add(zone.node(), NodeStat.NR_FILE_PAGES, -1);
        if ((flags & PageFlags.SWAPBACKED) != 0) {
            counters.add(zone.node(), NodeStat.NR_SHMEM, -1);
        } else if ((flags & PageFlags.DIRTY) != 0) {
            counters.add(zone.node(), NodeStat.NR_DIRTY, -1);
            counters.add(zone, ZoneStat.NR_ZONE_WRITE_PENDING, -1);
        }
        memmap.clearFlags(pfn, PageFlags.DIRTY);
        put(pfn);
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
            counters.add(zone.node(), NodeStat.NR_DIRTY, 1);
            counters.add(zone.node(), NodeStat.NR_DIRTIED, 1);
            counters.add(zone, ZoneStat.NR_ZONE_WRITE_PENDING, 1);
        }
    }

    /**
     * Notes a use: {@code mm/swap.c:folio_mark_accessed()}. The first use sets the referenced flag, the second moves the page to the active list.
     *
     * @param pfn an allocated page
     */
    public void markAccessed(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.REFERENCED) == 0) {
            memmap.setFlags(pfn, PageFlags.REFERENCED);
        } else if ((flags & CACHED_LISTS) == 0 && (flags & PageFlags.LRU) != 0) {
            Zone zone = zoneOf(pfn);
            countList(zone, flags, -1);
            memmap.setFlags(pfn, PageFlags.ACTIVE);
            memmap.clearFlags(pfn, PageFlags.REFERENCED);
            countList(zone, flags | PageFlags.ACTIVE, 1);
            counters.count(VmEvent.PGACTIVATE);
        }
    }

    /**
     * Moves a page to the inactive list: {@code folio_deactivate()}.
     *
     * @param pfn a page on a list
     */
    public void deactivate(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.ACTIVE) != 0 && (flags & PageFlags.UNEVICTABLE) == 0) {
            Zone zone = zoneOf(pfn);
            countList(zone, flags, -1);
            countList(zone, flags & ~PageFlags.ACTIVE, 1);
            counters.count(VmEvent.PGDEACTIVATE);
        }
        memmap.clearFlags(pfn, PageFlags.ACTIVE | PageFlags.REFERENCED);
    }

    /**
     * Moves a page of a locked area to the unevictable list: {@code mm/mlock.c:mlock_folio()}.
     *
     * @param pfn a mapped page
     */
    public void mlock(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.MLOCKED) != 0) {
            return;
        }
        Zone zone = zoneOf(pfn);
        if ((flags & PageFlags.LRU) != 0) {
            countList(zone, flags, -1);
            countList(zone, PageFlags.UNEVICTABLE, 1);
        }
        memmap.clearFlags(pfn, PageFlags.ACTIVE);
        memmap.setFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        counters.add(zone, ZoneStat.NR_MLOCK, 1);
        counters.count(VmEvent.UNEVICTABLE_PGS_MLOCKED);
    }

    /**
     * Takes a page off the unevictable list: {@code mm/mlock.c:munlock_folio()}.
     *
     * @param pfn a page
     */
    public void munlock(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.MLOCKED) == 0) {
            return;
        }
        Zone zone = zoneOf(pfn);
        memmap.clearFlags(pfn, PageFlags.MLOCKED | PageFlags.UNEVICTABLE);
        counters.add(zone, ZoneStat.NR_MLOCK, -1);
        counters.count(VmEvent.UNEVICTABLE_PGS_MUNLOCKED);
        if ((flags & PageFlags.LRU) != 0) {
            countList(zone, flags, -1);
            countList(zone, flags & ~PageFlags.UNEVICTABLE, 1);
            counters.count(VmEvent.UNEVICTABLE_PGS_RESCUED);
        }
    }

    /**
     * Takes a page that is not locked by an area off the unevictable list: {@code mm/vmscan.c:check_move_unevictable_folios()}.
     *
     * @param pfn a page on a list
     */
    public void makeEvictable(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & (PageFlags.UNEVICTABLE | PageFlags.MLOCKED)) != PageFlags.UNEVICTABLE) {
            return;
        }
        Zone zone = zoneOf(pfn);
        countList(zone, flags, -1);
        memmap.clearFlags(pfn, PageFlags.UNEVICTABLE);
        countList(zone, flags & ~PageFlags.UNEVICTABLE, 1);
        counters.count(VmEvent.UNEVICTABLE_PGS_SCANNED);
        counters.count(VmEvent.UNEVICTABLE_PGS_RESCUED);
    }

    /**
     * Makes a clean anonymous page droppable: {@code mm/swap.c:lru_lazyfree()}.
     *
     * @param pfn an anonymous page
     */
    public void lazyFree(long pfn) {
        int flags = memmap.flags(pfn);
        if ((flags & PageFlags.SWAPBACKED) == 0 || (flags & PageFlags.UNEVICTABLE) != 0) {
            return;
        }
        Zone zone = zoneOf(pfn);
        countList(zone, flags, -1);
        memmap.clearFlags(pfn, PageFlags.SWAPBACKED | PageFlags.ACTIVE | PageFlags.REFERENCED);
        countList(zone, 0, 1);
        counters.count(VmEvent.PGLAZYFREE);
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

    /** Changes the length of the list that a page with these flags stands on, in its node and its zone. */
    void countList(Zone zone, int flags, int delta) {
        NodeStat node;
        ZoneStat inZone;
        if ((flags & PageFlags.UNEVICTABLE) != 0) {
            node = NodeStat.NR_UNEVICTABLE;
            inZone = ZoneStat.NR_ZONE_UNEVICTABLE;
        } else if ((flags & PageFlags.SWAPBACKED) != 0) {
            boolean isActive = (flags & PageFlags.ACTIVE) != 0;
            node = isActive ? NodeStat.NR_ACTIVE_ANON : NodeStat.NR_INACTIVE_ANON;
            inZone = isActive ? ZoneStat.NR_ZONE_ACTIVE_ANON : ZoneStat.NR_ZONE_INACTIVE_ANON;
        } else {
            boolean isActive = (flags & PageFlags.ACTIVE) != 0;
            node = isActive ? NodeStat.NR_ACTIVE_FILE : NodeStat.NR_INACTIVE_FILE;
            inZone = isActive ? ZoneStat.NR_ZONE_ACTIVE_FILE : ZoneStat.NR_ZONE_INACTIVE_FILE;
        }
        counters.add(zone.node(), node, delta);
        counters.add(zone, inZone, delta);
    }
}
