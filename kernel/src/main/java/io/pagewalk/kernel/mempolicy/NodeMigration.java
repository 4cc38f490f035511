package io.pagewalk.kernel.mempolicy;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.hugetlb.HugetlbMigration;
import io.pagewalk.kernel.migrate.PageMigration;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/** Collects pages on wrong nodes and moves them: {@code mm/mempolicy.c:queue_pages_range(), migrate_to_node()}. */
final class NodeMigration {
    /** Wrong pages are an error ({@code MPOL_MF_STRICT}). */
    static final int MF_STRICT = 1;

    /** Moves pages that only this process maps ({@code MPOL_MF_MOVE}). */
    static final int MF_MOVE = 1 << 1;

    /** Moves all pages ({@code MPOL_MF_MOVE_ALL}). */
    static final int MF_MOVE_ALL = 1 << 2;

    private static final int TO_NODE_GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.THISNODE;
    private static final int LARGE_TO_NODE_GFP = Gfp.GFP_TRANSHUGE | Gfp.THISNODE | Gfp.COMP;
    private static final int BY_POLICY_GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.RETRY_MAYFAIL;
    private static final int LARGE_BY_POLICY_GFP = Gfp.GFP_TRANSHUGE | Gfp.COMP;

    private final PolicyAllocator policies;
    private final PageAllocator allocator;
    private final MemMap memmap;
    private final MappedPages mapped;
    private final PageMigration migration;
    private final HugetlbMigration pools;

    NodeMigration(
            PolicyAllocator policies,
            PageAllocator allocator,
            MappedPages mapped,
            PageMigration migration,
            HugetlbMigration pools) {
        this.policies = policies;
        this.allocator = allocator;
        this.memmap = allocator.memMap();
        this.mapped = mapped;
        this.migration = migration;
        this.pools = pools;
    }

    MappedPages mapped() {
        return mapped;
    }

    /** Returns the node of a page: {@code folio_nid()}. */
    int nodeOf(long pfn) {
        return allocator.zoneOf(pfn).node();
    }

    /** Returns whether several page tables map a page: {@code folio_maybe_mapped_shared()}. */
    boolean isMappedShared(long pfn) {
        return pools.isPoolPage(pfn)
                ? pools.isMappedShared(headOf(pfn))
                : mapped.folios().large().isMaybeShared(pfn);
    }

    /** Returns the first page of the folio that a page belongs to. */
    long headOf(long pfn) {
        return memmap.compoundHead(pfn);
    }

    /** Takes a folio off its list: {@code folio_isolate_lru()}, {@code isolate_hugetlb()}. Returns false when it is on none. */
    boolean isolate(long pfn) {
        if (pools.isPoolPage(pfn)) {
            return pools.isolate(headOf(pfn));
        }
        return migration.isolateAny(memmap.compoundHead(pfn));
    }

    /** {@code vma_migratable()}. */
    static boolean isMigratable(Vma vma) {
        return !vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP);
    }

    /** Which pages a walk wants, and whether holes are allowed. */
    enum Walk {
        /** Pages on none of the nodes; a hole is an error. */
        OUTSIDE,
        /** Pages on none of the nodes ({@code MPOL_MF_DISCONTIG_OK}). */
        OUTSIDE_WITH_HOLES,
        /** Pages on one of the nodes. */
        INSIDE_WITH_HOLES
    }

    /**
     * Collects the pages of a range that are wanted.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind
     * @param nodes the nodes
     * @param flags {@code MF_} bits
     * @param walk which pages
     * @param queue receives isolated pages
     * @return how many could not be isolated; {@code -EIO} when {@link #MF_STRICT} alone met a wrong page, {@code -EFAULT} for a hole
     */
    long collect(Mm mm, long start, long end, Nodemask nodes, int flags, Walk walk, PageList queue) {
        Vma vma = start < 0 ? null : mm.vmas().findIntersection(start, end);
        if (vma == null || (walk == Walk.OUTSIDE && start < vma.start())) {
            return -Errno.EFAULT;
        }
        boolean moves = (flags & (MF_MOVE | MF_MOVE_ALL)) != 0;
        boolean isStrictOnly = !moves && (flags & MF_STRICT) != 0;
        long[] failed = new long[1];
        long[] lastLarge = {-1};
        for (; vma != null && vma.start() < end; vma = mm.vmas().next(vma)) {
            Vma area = vma;
            Vma next = mm.vmas().next(vma);
            if (walk == Walk.OUTSIDE && vma.end() < end && (next == null || vma.end() < next.start())) {
                return -Errno.EFAULT;
            }
            boolean isLookedAt = moves || (flags & MF_STRICT) != 0;
            if (!isLookedAt || (!isMigratable(area) && (flags & MF_STRICT) == 0)) {
                continue;
            }
            visit(area, Math.max(start, area.start()), Math.min(end, area.end()), (vaddr, pfn) -> {
                if (nodes.has(nodeOf(pfn)) != (walk == Walk.INSIDE_WITH_HOLES)) {
                    return true;
                }
                // A folio of several pages is asked once.
                long head = memmap.compoundHead(pfn);
                boolean isLarge = mapped.folios().large().isLarge(pfn);
                if (isLarge && head == lastLarge[0]) {
                    return true;
                }
                lastLarge[0] = isLarge ? head : lastLarge[0];
                if (!moves || !isMigratable(area) || !add(pfn, flags, queue)) {
                    failed[0]++;
                    return !isStrictOnly;
                }
                return true;
            });
            if (failed[0] > 0 && isStrictOnly) {
                return -Errno.EIO;
            }
        }
        return failed[0];
    }

    /** {@code queue_folios_pte_range()} and {@code queue_folios_hugetlb()} find the pages. */
    private void visit(Vma area, long start, long end, MappedPages.Visitor visitor) {
        if (!area.has(VmaFlags.VM_HUGETLB)) {
            mapped.visit(area, start, end, visitor);
            return;
        }
        long bytes = area.kernelPageBytes();
        boolean goesOn = true;
        for (long vaddr = start & -bytes; vaddr < end && goesOn; vaddr += bytes) {
            long pfn = mapped.pageAt(area.mm(), vaddr);
            goesOn = pfn < 0 || visitor.page(vaddr, pfn);
        }
    }

    /** {@code migrate_folio_add()}: a page that others map too is left alone, which is no failure. */
    private boolean add(long pfn, int flags, PageList queue) {
        if ((flags & MF_MOVE_ALL) == 0 && isMappedShared(pfn)) {
            return true;
        }
        if (!isolate(pfn)) {
            return false;
        }
        queue.add(memmap.compoundHead(pfn));
        return true;
    }

    /**
     * Moves pages to a node.
     *
     * @param queue isolated pages, empty afterwards; those that cannot be moved are put back
     * @param node where to
     * @return how many were not moved, or {@code -ENOMEM}
     */
    long moveTo(PageList queue, int node) {
        Pooled pooled = from -> pools.migrate(from, node, Nodemask.of(node), true);
        return move(queue, pooled, from -> {
            int order = orderOf(from);
            return allocator.allocPages(order == 0 ? TO_NODE_GFP : LARGE_TO_NODE_GFP, order, node);
        });
    }

    /**
     * Moves pages to where a policy wants them: {@code alloc_migration_target_by_mpol()}.
     *
     * @param queue isolated pages, empty afterwards; those that cannot be moved are put back
     * @param policy the policy, null for the local node
     * @param base what interleaving adds to the index of each page
     * @return how many were not moved, or {@code -ENOMEM}
     */
    long moveBy(PageList queue, @Nullable Mempolicy policy, long base) {
        Pooled pooled = from -> moveInPool(from, policy, base + (memmap.index(from) >>> orderOf(from)));
        return move(queue, pooled, from -> {
            int order = orderOf(from);
            int gfp = order == 0 ? BY_POLICY_GFP : LARGE_BY_POLICY_GFP;
            return policy == null
                    ? allocator.allocPages(gfp, order, allocator.currentNode())
                    : policies.allocate(gfp, order, policy, base + (memmap.index(from) >>> order));
        });
    }

    /** Moves a page of a pool. */
    private interface Pooled {
        HugetlbMigration.Outcome move(long from);
    }

    /** {@code policy_nodemask()} chooses where to. */
    private HugetlbMigration.Outcome moveInPool(long from, @Nullable Mempolicy policy, long index) {
        int node = allocator.currentNode();
        Nodemask allowed = null;
        if (policy != null) {
            Nodemask nodes = policy.nodes();
            switch (policy.mode()) {
                case PREFERRED -> node = nodes.first();
                case BIND, PREFERRED_MANY -> {
                    allowed = nodes;
                    node = policy.homeNode() == Mempolicy.NO_NODE ? node : policy.homeNode();
                }
                case INTERLEAVE, WEIGHTED_INTERLEAVE -> {
                    node = nodes.first();
                    for (long left = Long.remainderUnsigned(index, nodes.weight()); left > 0; left--) {
                        node = nodes.next(node);
                    }
                }
                default -> {}
            }
        }
        return pools.migrate(from, node, allowed, false);
    }

    private int orderOf(long head) {
        return mapped.folios().large().order(head);
    }

    /** {@code migrate_pages()} and {@code putback_movable_pages()}. */
    private long move(PageList queue, Pooled pooled, LongUnaryOperator allocate) {
        if (queue.isEmpty()) {
            return 0;
        }
        PageList oldestFirst = new PageList();
        PageList ofPools = new PageList();
        while (!queue.isEmpty()) {
            long head = queue.removeFirst();
            (pools.isPoolPage(head) ? ofPools : oldestFirst).add(head);
        }
        // Those of pools come first: migrate_hugetlbs().
        long failed = 0;
        boolean hasPages = true;
        while (!ofPools.isEmpty()) {
            long head = ofPools.removeFirst();
            HugetlbMigration.Outcome outcome = hasPages ? pooled.move(head) : HugetlbMigration.Outcome.NO_MEMORY;
            hasPages = outcome != HugetlbMigration.Outcome.NO_MEMORY;
            if (outcome != HugetlbMigration.Outcome.MOVED) {
                pools.putBack(head);
                failed++;
            }
        }
        if (!hasPages) {
            putBack(oldestFirst);
            return -Errno.ENOMEM;
        }
        if (oldestFirst.isEmpty()) {
            return failed;
        }
        int left = migration.migrate(
                oldestFirst,
                new PageMover.Target() {
                    @Override
                    public long allocate(long from) {
                        return allocate.applyAsLong(from);
                    }

                    @Override
                    public void release(long pfn) {
                        allocator.freePages(pfn, orderOf(pfn));
                    }
                },
                PageMover.MigrateMode.SYNC);
        putBack(oldestFirst);
        return left == PageMover.NO_MEMORY ? -Errno.ENOMEM : left + failed;
    }

    /** Puts isolated pages back: {@code putback_movable_pages()}. */
    void putBack(PageList queue) {
        while (!queue.isEmpty()) {
            long head = queue.removeFirst();
            if (pools.isPoolPage(head)) {
                pools.putBack(head);
            } else {
                migration.putBack(head);
            }
        }
    }
}
