package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pool of one size: {@code struct hstate}. Counts are in huge pages.
 *
 * <pre>
 *   persistent = pages - surplus            what nr_hugepages asks for
 *   free - reserved                         what somebody without reservation may have
 *   surplus pages go back to the page allocator when they are let go
 * </pre>
 */
public final class HugePool {
    /** What one node has of the pool. */
    private static final class Node {
        private final ArrayDeque<Long> free = new ArrayDeque<>();
        private long pages;
        private long surplus;
    }

    /** How many nodes a request may use: all. */
    static final int ANY_NODE = -1;

    private final int order;
    private final HugePageSource source;
    private final MemMap memmap;
    private final List<Node> nodes = new ArrayList<>();
    private final Nodemask memoryNodes;
    /** Pages whose allocation used up a promise that returns when they are freed unused: {@code HPageRestoreReserve}. */
    private final Set<Long> restoresReserve = new HashSet<>();

    /** Pages beyond the pool that go when they are let go: {@code HPageTemporary}. */
    private final Set<Long> temporary = new HashSet<>();

    private long pages;
    private long free;
    private long reserved;
    private long surplus;
    private long overcommit;
    private int nextToAlloc;
    private int nextToFree;

    HugePool(int order, HugePageSource source, Nodemask memoryNodes) {
        this.order = order;
        this.source = source;
        this.memmap = source.allocator().memMap();
        this.memoryNodes = memoryNodes;
        for (int i = 0; i < source.allocator().nodes().size(); i++) {
            nodes.add(new Node());
        }
        nextToAlloc = memoryNodes.first();
        nextToFree = memoryNodes.first();
    }

    /** Returns the order of its pages: 9 for 2 MiB, 10 for 4 MiB, 18 for 1 GiB. */
    public int order() {
        return order;
    }

    /** Returns the size of a page in bytes. */
    public long pageBytes() {
        return 4096L << order;
    }

    /** Returns the base-2 logarithm of {@link #pageBytes}. */
    int shift() {
        return 12 + order;
    }

    /** Returns whether the page allocator has no blocks of this size: {@code hstate_is_gigantic()}. */
    public boolean isGigantic() {
        return order > MemMap.MAX_PAGE_ORDER;
    }

    /** Returns how many pages it has: {@code HugePages_Total}. */
    public long pages() {
        return pages;
    }

    /** Returns how many pages nobody uses: {@code HugePages_Free}. */
    public long free() {
        return free;
    }

    /** Returns how many of the free pages are promised: {@code HugePages_Rsvd}. */
    public long reserved() {
        return reserved;
    }

    /** Returns how many pages are more than the pool should have: {@code HugePages_Surp}. */
    public long surplus() {
        return surplus;
    }

    /** Returns how many surplus pages there may be: {@code nr_overcommit_hugepages}. */
    public long overcommit() {
        return overcommit;
    }

    /**
     * Sets how many surplus pages there may be.
     *
     * @param value at least 0
     */
    void setOvercommit(long value) {
        overcommit = value;
    }

    /**
     * Returns how many pages of a node belong to the pool.
     *
     * @param node the node
     */
    public long pages(int node) {
        return nodes.get(node).pages;
    }

    /**
     * Returns how many free pages lie on a node.
     *
     * @param node the node
     */
    public long free(int node) {
        return nodes.get(node).free.size();
    }

    /**
     * Returns how many surplus pages a node has.
     *
     * @param node the node
     */
    public long surplus(int node) {
        return nodes.get(node).surplus;
    }

    private long persistent() {
        return pages - surplus;
    }

    private int nodeOf(long head) {
        return source.allocator().zoneOf(head).node();
    }

    private void enqueue(long head) {
        nodes.get(nodeOf(head)).free.addFirst(head);
        free++;
    }

    /** {@code init_new_hugetlb_folio()}: a fresh page joins the pool, in use. */
    private void join(long head) {
        pages++;
        nodes.get(nodeOf(head)).pages++;
    }

    /** {@code remove_hugetlb_folio()} and {@code __update_and_free_hugetlb_folio()}: a page that is on no free list any more leaves. */
    private void leave(long head, boolean isSurplus) {
        Node node = nodes.get(nodeOf(head));
        if (isSurplus) {
            surplus--;
            node.surplus--;
        }
        pages--;
        node.pages--;
        restoresReserve.remove(head);
        source.free(head, order);
    }

    /** {@code remove_pool_hugetlb_folio()}: frees one free page of the next node that has one. */
    private boolean shrink(Nodemask allowed, boolean isSurplus) {
        for (int tries = allowed.weight(); tries > 0; tries--) {
            int id = takeTurn(allowed, nextToFree);
            nextToFree = allowed.nextIn(id);
            Node node = nodes.get(id);
            if ((!isSurplus || node.surplus > 0) && !node.free.isEmpty()) {
                long head = node.free.removeFirst();
                free--;
                leave(head, isSurplus);
                return true;
            }
        }
        return false;
    }

    private static int takeTurn(Nodemask allowed, int node) {
        return allowed.has(node) ? node : allowed.nextIn(node);
    }

    /**
     * Changes the size of the pool: {@code set_max_huge_pages()}. It ends with what memory and users allow.
     *
     * @param wanted persistent pages, of the pool or of the node
     * @param node the node to change, or {@link #ANY_NODE}
     */
    void resize(long wanted, int node) {
        Nodemask allowed = node == ANY_NODE ? memoryNodes : Nodemask.of(node);
        long count = wanted;
        if (node != ANY_NODE) {
            count += persistent() - (nodes.get(node).pages - nodes.get(node).surplus);
            count = count < wanted ? Long.MAX_VALUE : count;
        }
        while (surplus > 0 && count > persistent() && moveSurplus(allowed, -1)) {
            // One surplus page after the other becomes a persistent one.
        }
        if (!grow(allowed, count)) {
            return;
        }
        long least = Math.max(count, reserved + pages - free);
        while (least < persistent() && shrink(allowed, false)) {
            // Pages that nobody was promised go.
        }
        while (count < persistent() && moveSurplus(allowed, 1)) {
            // The rest goes when its users let it go.
        }
    }

    /** Returns false when memory ran out; what was had joins the pool. */
    private boolean grow(Nodemask allowed, long count) {
        List<Long> fresh = new ArrayList<>();
        boolean isDone = true;
        while (isDone && count > persistent() + fresh.size()) {
            long head = PageAllocator.NO_PAGE;
            for (int tries = allowed.weight(); tries > 0 && head < 0; tries--) {
                int node = takeTurn(allowed, nextToAlloc);
                nextToAlloc = allowed.nextIn(node);
                head = source.allocateOn(order, node);
            }
            if (head < 0) {
                isDone = false;
            } else {
                fresh.add(head);
            }
        }
        // The last page that was allocated is put on the list first.
        for (long head : fresh.reversed()) {
            join(head);
            enqueue(head);
        }
        return isDone;
    }

    /** {@code adjust_pool_surplus()}. */
    private boolean moveSurplus(Nodemask allowed, int delta) {
        for (int tries = allowed.weight(); tries > 0; tries--) {
            int id = takeTurn(allowed, delta < 0 ? nextToAlloc : nextToFree);
            if (delta < 0) {
                nextToAlloc = allowed.nextIn(id);
            } else {
                nextToFree = allowed.nextIn(id);
            }
            Node node = nodes.get(id);
            if (delta < 0 ? node.surplus > 0 : node.surplus < node.pages) {
                surplus += delta;
                node.surplus += delta;
                return true;
            }
        }
        return false;
    }

    /**
     * Promises pages or takes promises back: {@code hugetlb_acct_memory()}.
     *
     * @param delta how many more, negative for fewer
     * @return whether there are enough, with new surplus pages
     */
    boolean account(long delta) {
        if (delta > 0) {
            if (!gatherSurplus(delta)) {
                return false;
            }
            // allowed_mems_nr(): only when promises came back twice there are fewer.
            if (delta > free) {
                returnUnused(delta);
                return false;
            }
        }
        if (delta < 0) {
            returnUnused(-delta);
        }
        return true;
    }

    /** {@code return_unused_surplus_pages()}. */
    private void returnUnused(long count) {
        reserved -= count;
        long unused = Math.min(count, surplus);
        while (unused-- > 0 && shrink(memoryNodes, true)) {
            // Surplus pages that waited for these users go.
        }
    }

    /** {@code gather_surplus_pages()}. */
    private boolean gatherSurplus(long delta) {
        long needed = reserved + delta - free;
        List<Long> fresh = new ArrayList<>();
        while (fresh.size() < needed) {
            long head = PageAllocator.NO_PAGE;
            for (int node = memoryNodes.first();
                    node < Nodemask.MAX_NUMNODES && head < 0;
                    node = memoryNodes.next(node)) {
                head = allocateSurplus(node, null);
            }
            if (head < 0) {
                // They count as given back by users, which is what Linux does to nr_hugetlb as well.
                fresh.reversed().forEach(this::release);
                return false;
            }
            fresh.add(head);
        }
        reserved += delta;
        fresh.reversed().forEach(this::enqueue);
        return true;
    }

    /** {@code alloc_surplus_hugetlb_folio()}: returns a page in use, or -1. */
    private long allocateSurplus(int node, @Nullable Nodemask allowed) {
        if (isGigantic() || surplus >= overcommit) {
            return PageAllocator.NO_PAGE;
        }
        long head = source.allocate(order, node, allowed);
        if (head >= 0) {
            join(head);
            surplus++;
            nodes.get(nodeOf(head)).surplus++;
        }
        return head;
    }

    /**
     * Takes a page into use: {@code dequeue_hugetlb_folio_vma()}, and a surplus page when the pool has none.
     *
     * @param isReserved whether a promise of the pool is used up
     * @param node where to look first
     * @param allowed the nodes that may be used, null for all
     * @return first frame, or -1
     */
    long take(boolean isReserved, int node, @Nullable Nodemask allowed) {
        long head = PageAllocator.NO_PAGE;
        // Linux subtracts without signs: more promises than free pages look like very many pages.
        if (isReserved || free != reserved) {
            head = dequeue(node, allowed);
        }
        if (head < 0) {
            head = allocateSurplus(node, allowed);
        }
        if (head < 0) {
            return head;
        }
        if (isReserved) {
            restoresReserve.add(head);
            reserved--;
        }
        source.counters().add(nodeOf(head), NodeStat.NR_HUGETLB, 1 << order);
        return head;
    }

    /**
     * Takes a page into use that leaves promises alone; when all free ones are promised, the pool has one more until it is let go: {@code alloc_hugetlb_folio_nodemask()}. It does not count
     * as in use, but counts when it is let go, as in Linux.
     *
     * @param node where to look first
     * @param allowed the nodes that may be used, null for all
     * @param isFixed whether a new page may come from this node only
     * @return first frame, or -1
     */
    long takeTemporary(int node, @Nullable Nodemask allowed, boolean isFixed) {
        long head = free != reserved ? dequeue(node, allowed) : PageAllocator.NO_PAGE;
        if (head >= 0 || isGigantic() || (isFixed && allowed != null && !allowed.has(node))) {
            return head;
        }
        head = isFixed ? source.allocateOn(order, node) : source.allocate(order, node, allowed);
        if (head >= 0) {
            join(head);
            temporary.add(head);
        }
        return head;
    }

    /** A page takes the place of another: what one of them was for the time being only is the other now ({@code move_hugetlb_state()}). */
    void replaced(long from, long to) {
        if (!temporary.remove(to)) {
            return;
        }
        temporary.add(from);
        Node old = nodes.get(nodeOf(from));
        if (nodeOf(from) != nodeOf(to) && old.surplus > 0) {
            old.surplus--;
            nodes.get(nodeOf(to)).surplus++;
        }
    }

    private long dequeue(int node, @Nullable Nodemask allowed) {
        NodeData preferred = source.allocator().nodes().get(node);
        for (int i = 0; i < preferred.fallback().size(); i++) {
            int id = preferred.fallback().get(i).node();
            if (allowed != null && !allowed.has(id)) {
                continue;
            }
            Long head = nodes.get(id).free.pollFirst();
            if (head != null) {
                free--;
                return head;
            }
        }
        return PageAllocator.NO_PAGE;
    }

    boolean restoresReserve(long head) {
        return restoresReserve.contains(head);
    }

    void setRestoresReserve(long head, boolean value) {
        if (value) {
            restoresReserve.add(head);
        } else {
            restoresReserve.remove(head);
        }
    }

    /**
     * Takes a page back whose last user is gone: {@code free_huge_folio()}.
     *
     * @param head first frame
     * @param subpool the mount it counts for, or null
     */
    void giveBack(long head, @Nullable Subpool subpool) {
        boolean restores = restoresReserve.remove(head);
        if (!restores && Subpool.give(subpool, 1) == 0) {
            restores = true;
        }
        if (restores) {
            reserved++;
        }
        release(head);
    }

    private void release(long head) {
        int node = nodeOf(head);
        source.counters().add(node, NodeStat.NR_HUGETLB, -(1 << order));
        if (temporary.remove(head)) {
            leave(head, false);
        } else if (nodes.get(node).surplus > 0) {
            leave(head, true);
        } else {
            enqueue(head);
        }
    }

    void verify(Violations out) {
        String where = "pool of " + (pageBytes() >> 10) + " kB";
        long listed = 0;
        long ofNodes = 0;
        long surplusOfNodes = 0;
        for (Node node : nodes) {
            listed += node.free.size();
            ofNodes += node.pages;
            surplusOfNodes += node.surplus;
        }
        out.expectEqual(where, "free == pages on lists", free, listed);
        out.expectEqual(where, "pages == sum of nodes", pages, ofNodes);
        out.expectEqual(where, "surplus == sum of nodes", surplus, surplusOfNodes);
        // Linux lets reserved fall below 0: a promise can come back while a child still has its page.
        if (surplus < 0 || surplus > pages || free > pages) {
            out.add(where, pages + " pages, " + free + " free, " + reserved + " reserved, " + surplus + " surplus");
        }
        for (Node node : nodes) {
            for (long head : node.free) {
                if (memmap.refcount(head) != 1 || restoresReserve.contains(head)) {
                    out.add(where, "free page " + head + " is in use");
                }
            }
        }
    }

    void addToDigest(Digest digest) {
        digest.add(pages);
        digest.add(free);
        digest.add(reserved);
        digest.add(surplus);
        digest.add(overcommit);
        for (Node node : nodes) {
            node.free.forEach(digest::add);
        }
    }
}
