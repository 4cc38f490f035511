package io.pagewalk.kernel.slub;

import io.pagewalk.base.KernelBug;
import org.jspecify.annotations.Nullable;

/** A cache's slabs on one node: {@code struct kmem_cache_node}. */
final class NodeSlabs {
    /** Above this many partial slabs the free objects are estimated ({@code MAX_PARTIAL_TO_SCAN}). */
    private static final long MAX_SCANNED = 10000;

    private @Nullable Slab first;
    private @Nullable Slab last;
    private @Nullable Slab firstFull;

    /** Slabs on the partial list. */
    long partial;

    /** Slabs of this node, wherever they are. */
    long slabs;

    /** Objects of all slabs of this node. */
    long objects;

    /** Address of the structure in a kmem_cache_node object, 0 during boot. */
    long vaddr;

    NodeSlabs() {}

    @Nullable
    Slab first() {
        return first;
    }

    @Nullable
    Slab firstFull() {
        return firstFull;
    }

    void addFirst(Slab slab) {
        enter(slab);
        slab.next = first;
        slab.previous = null;
        if (first == null) {
            last = slab;
        } else {
            first.previous = slab;
        }
        first = slab;
    }

    void addLast(Slab slab) {
        enter(slab);
        slab.previous = last;
        slab.next = null;
        if (last == null) {
            first = slab;
        } else {
            last.next = slab;
        }
        last = slab;
    }

    void remove(Slab slab) {
        KernelBug.on(slab.place != Slab.Place.NODE_PARTIAL, "a slab that is not partial leaves the list");
        Slab before = slab.previous;
        Slab after = slab.next;
        if (before == null) {
            first = after;
        } else {
            before.next = after;
        }
        if (after == null) {
            last = before;
        } else {
            after.previous = before;
        }
        slab.next = null;
        slab.previous = null;
        slab.place = Slab.Place.NONE;
        partial--;
    }

    void addFull(Slab slab) {
        KernelBug.on(slab.place != Slab.Place.NONE, "a slab is on two lists");
        slab.place = Slab.Place.FULL;
        slab.next = firstFull;
        slab.previous = null;
        if (firstFull != null) {
            firstFull.previous = slab;
        }
        firstFull = slab;
    }

    void removeFull(Slab slab) {
        KernelBug.on(slab.place != Slab.Place.FULL, "a slab that is not full leaves the list");
        if (slab.previous == null) {
            firstFull = slab.next;
        } else {
            slab.previous.next = slab.next;
        }
        if (slab.next != null) {
            slab.next.previous = slab.previous;
        }
        slab.next = null;
        slab.previous = null;
        slab.place = Slab.Place.NONE;
    }

    /** Returns the free objects of partial slabs, estimated when there are very many: {@code count_partial_free_approx()}. */
    long freeObjects() {
        long sum = 0;
        if (partial <= MAX_SCANNED) {
            for (Slab slab = first; slab != null; slab = slab.next) {
                sum += slab.objects - slab.inuse;
            }
            return sum;
        }
        long scanned = 0;
        for (Slab slab = first; slab != null && scanned < MAX_SCANNED / 2; slab = slab.next) {
            sum += slab.objects - slab.inuse;
            scanned++;
        }
        for (Slab slab = last; slab != null && scanned < MAX_SCANNED; slab = slab.previous) {
            sum += slab.objects - slab.inuse;
            scanned++;
        }
        return Math.min(sum * partial / scanned, objects);
    }

    private void enter(Slab slab) {
        KernelBug.on(slab.place != Slab.Place.NONE, "a slab is on two lists");
        slab.place = Slab.Place.NODE_PARTIAL;
        partial++;
    }
}
