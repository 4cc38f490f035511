package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.fault.HugetlbFills;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.numa.PolicyMode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Huge pages in use: allocation against promises, contents, and who maps them ({@code mm/hugetlb.c:alloc_hugetlb_folio()}, {@code hugetlb_add_new_anon_rmap()}). */
final class HugeFolios {
    /** No page: {@code -ENOSPC}. */
    static final long NO_PAGE = -1;

    private final HugePools pools;
    private final Folios folios;
    private final MemMap memmap;
    private final PhysicalMemory memory;
    private final TimeAccount time;
    private final CostModel costs;
    private final byte[] buffer = new byte[4096];
    /** The mounts that pages in use count for: {@code hugetlb_folio_subpool()}. */
    private final Map<Long, Subpool> subpools = new HashMap<>();

    HugeFolios(HugePools pools, Folios folios, PhysicalMemory memory, TimeAccount time, CostModel costs) {
        this.pools = pools;
        this.folios = folios;
        this.memmap = folios.memmap();
        this.memory = memory;
        this.time = time;
        this.costs = costs;
        folios.setHugetlbFree(this::free);
    }

    MemMap memmap() {
        return memmap;
    }

    Folios folios() {
        return folios;
    }

    /**
     * Allocates a page for a place: {@code alloc_hugetlb_folio()}.
     *
     * @param inode the file
     * @param vma the area, or null for the file itself
     * @param index the place in the file, in huge pages
     * @param isCowOfOwner whether it replaces a page that used up the promise of this place
     * @return first frame, or {@link #NO_PAGE}
     */
    long allocate(HugetlbInode inode, @Nullable Vma vma, long index, boolean isCowOfOwner) {
        HugePool pool = inode.pool();
        Subpool subpool = inode.subpool();
        boolean needsPromise = isCowOfOwner || Reservations.needs(inode, vma, index);
        long poolChange = needsPromise ? Subpool.take(subpool, 1) : 0;
        if (poolChange < 0) {
            return NO_PAGE;
        }
        long head = take(pool, vma, index, poolChange == 0);
        if (head < 0) {
            if (needsPromise && poolChange == 0) {
                pool.account(-Subpool.give(subpool, 1));
            }
            return NO_PAGE;
        }
        if (subpool != null) {
            subpools.put(head, subpool);
        }
        if (!isCowOfOwner) {
            Reservations.commit(inode, vma, index);
        }
        return head;
    }

    /**
     * Lets a page go that was allocated for a place and not used, with the promise that it used up: {@code restore_reserve_on_error()}.
     *
     * @param head what {@link #allocate} gave, referred to once
     * @param inode the file
     * @param vma the area
     * @param index the place in the file, in huge pages
     */
    void giveUp(long head, HugetlbInode inode, Vma vma, long index) {
        boolean isUsedUp = Reservations.needs(inode, vma, index);
        if (inode.pool().restoresReserve(head)) {
            if (isUsedUp) {
                Reservations.restore(inode, vma, index);
            }
        } else if (!isUsedUp) {
            Reservations.forget(inode, vma, index);
        }
        put(head);
    }

    /** Allocates a page that leaves promises alone, for a short time: {@code alloc_hugetlb_folio_vma()}. Returns its first frame or {@link #NO_PAGE}. */
    long allocateTemporary(HugetlbInode inode, Vma vma, long index) {
        return choose(vma, index, (node, allowed) -> inode.pool().takeTemporary(node, allowed, true));
    }

    /** Where pages are taken from. */
    private interface Taking {
        long take(int node, @Nullable Nodemask allowed);
    }

    private long take(HugePool pool, @Nullable Vma vma, long index, boolean isReserved) {
        return choose(vma, index, (node, allowed) -> pool.take(isReserved, node, allowed));
    }

    /** {@code huge_node()} chooses where to look. */
    private long choose(@Nullable Vma vma, long index, Taking pool) {
        Mempolicy own = vma == null ? null : vma.policy();
        Mempolicy policy = own != null ? own : folios.policies().taskPolicy();
        int node = folios.allocator().currentNode();
        Nodemask allowed = null;
        if (policy != null) {
            Nodemask nodes = policy.nodes();
            PolicyMode mode = policy.mode();
            if (mode == PolicyMode.PREFERRED) {
                node = nodes.first();
            } else if (mode == PolicyMode.INTERLEAVE || mode == PolicyMode.WEIGHTED_INTERLEAVE) {
                node = nodes.first();
                for (long left = Long.remainderUnsigned(index, nodes.weight()); left > 0; left--) {
                    node = nodes.next(node);
                }
            } else if (mode == PolicyMode.BIND || mode == PolicyMode.PREFERRED_MANY) {
                allowed = nodes;
            }
            if (mode == PolicyMode.PREFERRED_MANY) {
                long head = pool.take(node, allowed);
                return head >= 0 ? head : pool.take(node, null);
            }
        }
        return pool.take(node, allowed);
    }

    /** {@code free_huge_folio()}. */
    private void free(long head) {
        KernelBug.on(folios.large().mapcount(head) != 0, "huge page " + head + " is freed while it is mapped");
        HugePool pool = pools.poolOf(head);
        setMapping(head, pool.order(), 0, 0);
        MemMapSection section = memmap.section(head);
        // Nobody cleans a page that joins the pool again, unless a file let it go.
        section.flags[(int) head & MemMap.SECTION_MASK] &= PageFlags.HEAD | PageFlags.DIRTY;
        folios.large().clear(head);
        pool.giveBack(head, subpools.remove(head));
    }

    private void setMapping(long head, int order, int mapping, long index) {
        for (long i = 0; i < 1L << order; i++) {
            memmap.setMapping(head + i, mapping, mapping == 0 ? 0 : index + i);
        }
    }

    void zero(long head) {
        int pages = folios.large().pages(head);
        for (int i = 0; i < pages; i++) {
            memory.clearFrame(head + i);
        }
        memmap.setFlags(head, PageFlags.UPTODATE);
        time.charge(Cause.MINOR_FAULT, pages * costs.clearPageNanos());
    }

    void clearPart(long head, long from, long to) {
        for (long at = from; at < to; at++) {
            if ((at & 4095) == 0 && to - at >= 4096) {
                memory.clearFrame(head + (at >>> 12));
                at += 4095;
            } else {
                memory.writeByte((head << 12) + at, (byte) 0);
            }
        }
    }

    /** Fills a page; returns false when its contents cannot be read. */
    boolean fill(long head, HugetlbFills.Contents contents) {
        int pages = folios.large().pages(head);
        for (int i = 0; i < pages; i++) {
            if (!contents.read((long) i << 12, buffer)) {
                return false;
            }
            memory.copyIn((head + i) << 12, buffer, 0, buffer.length);
        }
        memmap.setFlags(head, PageFlags.UPTODATE);
        return true;
    }

    void copy(long from, long to) {
        int pages = folios.large().pages(to);
        for (int i = 0; i < pages; i++) {
            memory.copyFrame(from + i, to + i);
        }
        memmap.setFlags(to, PageFlags.UPTODATE);
        time.charge(Cause.MINOR_FAULT, pages * costs.copyPageNanos());
    }

    /** {@code hugetlb_add_new_anon_rmap()}: the allocation's reference becomes that of the entry. */
    void addNewAnon(long head, Vma vma, long vaddr) {
        AnonVma anonVma = vma.anonVma();
        if (anonVma == null) {
            throw new KernelBug("an area of huge pages has no anon_vma");
        }
        HugePool pool = pools.poolOf(head);
        pool.setRestoresReserve(head, false);
        setMapping(head, pool.order(), -(int) anonVma.id(), vma.pgoffOf(vaddr));
        memmap.setFlags(head, PageFlags.ANON_EXCLUSIVE);
        folios.large().mapWhole(head, (int) vma.mm().pgdPfn());
    }

    /** {@code hugetlb_add_to_page_cache()}: the allocation's reference becomes the file's. */
    void addToFile(long head, HugetlbInode inode, long index) {
        HugePool pool = inode.pool();
        pool.setRestoresReserve(head, false);
        setMapping(head, pool.order(), (int) inode.id(), index << pool.order());
        memmap.setFlags(head, PageFlags.DIRTY);
        inode.put(index, head);
    }

    /** Returns whether a page counts for the limits of a mount. */
    boolean countsForMount(long head) {
        return subpools.containsKey(head);
    }

    /** A page gets contents, place and marks of another that it replaces: {@code folio_migrate_flags()}. */
    void become(long from, long to, int order) {
        copy(from, to);
        setMapping(to, order, memmap.mapping(from), memmap.index(from));
        memmap.setFlags(to, memmap.flags(from) & (PageFlags.DIRTY | PageFlags.ANON_EXCLUSIVE));
        Subpool subpool = subpools.remove(from);
        if (subpool != null) {
            subpools.put(to, subpool);
        }
    }

    /** {@code hugetlb_delete_from_page_cache()} and the file's reference. */
    void leaveFile(long head) {
        memmap.clearFlags(head, PageFlags.DIRTY);
        put(head);
    }

    /** One more entry maps a page: {@code hugetlb_add_file_rmap()}, {@code hugetlb_try_dup_anon_rmap()}. */
    void addMapping(long head, Mm mm) {
        memmap.get(head);
        folios.large().mapWhole(head, (int) mm.pgdPfn());
    }

    /** {@code hugetlb_remove_rmap()}; the reference stays. */
    void removeMapping(long head, Mm mm) {
        folios.large().unmapWhole(head, (int) mm.pgdPfn());
    }

    boolean isAnon(long head) {
        return memmap.mapping(head) < 0;
    }

    /** Returns whether a page of a file has more references than the file and its entries hold. */
    boolean isHeld(long head) {
        return memmap.refcount(head) - folios.large().mapcount(head) != 1;
    }

    /** {@code folio_move_anon_rmap()}. */
    void becomeExclusive(long head, Vma vma, long vaddr) {
        AnonVma anonVma = vma.anonVma();
        if (!memmap.hasFlags(head, PageFlags.ANON_EXCLUSIVE) && anonVma != null) {
            setMapping(head, pools.poolOf(head).order(), -(int) anonVma.id(), vma.pgoffOf(vaddr));
            memmap.setFlags(head, PageFlags.ANON_EXCLUSIVE);
        }
    }

    void put(long head) {
        folios.put(head);
    }
}
