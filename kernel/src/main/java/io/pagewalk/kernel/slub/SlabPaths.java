package io.pagewalk.kernel.slub;

import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.Zonelist;
import org.jspecify.annotations.Nullable;

/**
 * A cache's ways that are not hot: {@code mm/slub.c:___slab_alloc()} and {@code __slab_free()}.
 *
 * <pre>
 *   new slab -> CPU slab -> full, nowhere -> (an object is freed) CPU partial list -> node partial list -> CPU slab ...
 *                                                                                    \-> empty: page allocator
 * </pre>
 */
final class SlabPaths {
    /** Slabs with up to this many free objects are sorted by shrinking ({@code SHRINK_PROMOTE_MAX}). */
    private static final int SHRINK_PROMOTE_MAX = 32;

    /** What of a request's flags the page allocator gets: {@code GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK}. */
    private static final int PASSED_ON = Gfp.RECLAIM
            | Gfp.HIGH
            | Gfp.IO
            | Gfp.FS
            | Gfp.NOWARN
            | Gfp.RETRY_MAYFAIL
            | Gfp.NOFAIL
            | Gfp.NORETRY
            | Gfp.MEMALLOC
            | Gfp.NOMEMALLOC
            | Gfp.HARDWALL
            | Gfp.THISNODE;

    private final SlabCore core;
    private final KmemCache cache;
    private final int cpuPartialSlabs;
    private final int minPartial;

    SlabPaths(SlabCore core, KmemCache cache) {
        this.core = core;
        this.cache = cache;
        this.cpuPartialSlabs = cache.geometry().cpuPartialSlabs();
        this.minPartial = cache.geometry().minPartial();
    }

    /** {@code ___slab_alloc()}. */
    long allocate(CpuSlab cpu, int gfp, int node, long requested) {
        while (true) {
            Slab slab = cpu.slab;
            if (slab != null && node >= 0 && slab.node != node) {
                deactivate(slab, cpu.freelist);
                cpu.slab = null;
                cpu.freelist = KmemCache.NULL;
                slab = null;
            }
            if (slab != null) {
                if (cpu.freelist != KmemCache.NULL) {
                    return cache.take(cpu, gfp, node, requested);
                }
                if (slab.freelist != KmemCache.NULL) {
                    claim(cpu, slab);
                    continue;
                }
                slab.place = Slab.Place.NONE;
                cpu.slab = null;
            }
            Slab next = nextPartial(cpu, node);
            if (next == null && cache.isDebug) {
                long object = debugFromPartial(node, gfp, requested);
                if (object != KmemCache.NULL) {
                    return object;
                }
            } else if (next == null) {
                next = fromNodes(cpu, gfp, node);
            }
            if (next != null) {
                next.place = Slab.Place.CPU;
                cpu.slab = next;
                claim(cpu, next);
                continue;
            }
            Slab fresh = newSlab(gfp, node);
            if (fresh == null) {
                reportOutOfMemory(gfp, node);
                return KmemCache.NULL;
            }
            if (cache.isDebug) {
                return debugFromNew(fresh, requested);
            }
            Slab rival = cpu.slab;
            if (rival != null) {
                // Reclaim on the way used this cache itself and left a slab here: the new one takes its place.
                long freelist = cpu.freelist;
                cpu.slab = null;
                cpu.freelist = KmemCache.NULL;
                deactivate(rival, freelist);
            }
            fresh.place = Slab.Place.CPU;
            cpu.slab = fresh;
            claim(cpu, fresh);
        }
    }

    /** The CPU takes a slab's whole freelist: {@code get_freelist()}, {@code freeze_slab()}. */
    private static void claim(CpuSlab cpu, Slab slab) {
        cpu.freelist = slab.freelist;
        slab.freelist = KmemCache.NULL;
        slab.inuse = slab.objects;
    }

    private @Nullable Slab nextPartial(CpuSlab cpu, int node) {
        for (Slab slab = cpu.partial; slab != null; slab = cpu.partial) {
            cpu.partial = slab.next;
            cpu.partialSlabs--;
            slab.next = null;
            slab.place = Slab.Place.NONE;
            if (node < 0 || slab.node == node) {
                return slab;
            }
            cache.nodes[slab.node].addLast(slab);
        }
        return null;
    }

    /** {@code get_partial()}: from the wanted node, then from any other whose list is long. */
    private @Nullable Slab fromNodes(CpuSlab cpu, int gfp, int node) {
        Slab found = fromNode(cpu, cache.nodes[node < 0 ? core.pages.currentNode() : node]);
        if (found != null || (node >= 0 && (gfp & Gfp.THISNODE) != 0)) {
            return found;
        }
        // Linux rolls dice by the cycle counter (remote_node_defrag_ratio, default 100%) and nearly always looks.
        Zonelist zones = core.pages.nodes().get(core.pages.currentNode()).fallback();
        for (int i = 0; i < zones.size(); i++) {
            Zone zone = zones.get(i);
            NodeSlabs slabs = cache.nodes[zone.node()];
            if (slabs.partial > minPartial) {
                found = fromNode(cpu, slabs);
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    /** {@code get_partial_node()}: one slab to use and, up to half of what may lie there, more for the CPU's partial list. */
    private @Nullable Slab fromNode(CpuSlab cpu, NodeSlabs node) {
        Slab found = null;
        int extra = 0;
        for (Slab slab = node.first(); slab != null; ) {
            Slab next = slab.next;
            node.remove(slab);
            if (found == null) {
                found = slab;
                if (cpuPartialSlabs == 0) {
                    break;
                }
            } else {
                putCpuPartial(cpu, slab, false);
                if (++extra > cpuPartialSlabs / 2) {
                    break;
                }
            }
            slab = next;
        }
        return found;
    }

    /** {@code put_cpu_partial()}. */
    private void putCpuPartial(CpuSlab cpu, Slab slab, boolean isDraining) {
        Slab toPut = null;
        if (cpu.partial != null && isDraining && cpu.partialSlabs >= cpuPartialSlabs) {
            toPut = cpu.partial;
            cpu.partial = null;
            cpu.partialSlabs = 0;
        }
        slab.place = Slab.Place.CPU_PARTIAL;
        slab.next = cpu.partial;
        cpu.partial = slab;
        cpu.partialSlabs++;
        putPartials(toPut);
    }

    /** {@code __put_partials()}: a CPU's partial slabs go to their nodes; empty ones beyond what a node keeps are given back. */
    private void putPartials(@Nullable Slab list) {
        for (Slab slab = list; slab != null; ) {
            Slab next = slab.next;
            slab.next = null;
            slab.place = Slab.Place.NONE;
            NodeSlabs node = cache.nodes[slab.node];
            if (slab.inuse == 0 && node.partial >= minPartial) {
                discard(slab);
            } else {
                node.addLast(slab);
            }
            slab = next;
        }
    }

    /** {@code __slab_free()}. */
    void free(Slab slab, long object) {
        long prior = slab.freelist;
        cache.setNext(object, prior);
        slab.freelist = object;
        slab.inuse--;
        if (slab.place == Slab.Place.CPU || slab.place == Slab.Place.CPU_PARTIAL) {
            return;
        }
        if (prior == KmemCache.NULL && slab.place == Slab.Place.NONE) {
            if (cpuPartialSlabs > 0) {
                putCpuPartial(cache.cpus[core.pages.currentCpu()], slab, true);
            } else {
                cache.nodes[slab.node].addLast(slab);
            }
            return;
        }
        NodeSlabs node = cache.nodes[slab.node];
        if (slab.inuse == 0 && node.partial >= minPartial && slab.place == Slab.Place.NODE_PARTIAL) {
            node.remove(slab);
            discard(slab);
        }
    }

    /** Takes a slab off a CPU: {@code deactivate_slab()}. */
    private void deactivate(Slab slab, long freelist) {
        boolean hasRemoteFrees = slab.freelist != KmemCache.NULL;
        long last = KmemCache.NULL;
        int count = 0;
        for (long object = freelist; object != KmemCache.NULL; object = cache.next(object)) {
            int index = cache.indexIn(slab, object);
            if (index < 0 || slab.isAllocated(index) || count == slab.objects) {
                cache.debug.isolate(slab, object);
                if (last != KmemCache.NULL) {
                    cache.setNext(last, KmemCache.NULL);
                }
                break;
            }
            last = object;
            count++;
        }
        if (last != KmemCache.NULL) {
            cache.setNext(last, slab.freelist);
            slab.freelist = freelist;
            slab.inuse -= count;
        }
        slab.place = Slab.Place.NONE;
        NodeSlabs node = cache.nodes[slab.node];
        if (slab.inuse == 0 && node.partial >= minPartial) {
            discard(slab);
        } else if (slab.freelist != KmemCache.NULL) {
            if (hasRemoteFrees) {
                node.addLast(slab);
            } else {
                node.addFirst(slab);
            }
        }
    }

    /** {@code __flush_cpu_slab()}. */
    void flush(CpuSlab cpu) {
        Slab slab = cpu.slab;
        if (slab != null) {
            long freelist = cpu.freelist;
            cpu.slab = null;
            cpu.freelist = KmemCache.NULL;
            deactivate(slab, freelist);
        }
        Slab partial = cpu.partial;
        cpu.partial = null;
        cpu.partialSlabs = 0;
        putPartials(partial);
    }

    /** {@code __kmem_cache_do_shrink()}. */
    boolean shrink() {
        for (NodeSlabs node : cache.nodes) {
            Slab[] promoted = new Slab[(int) Math.min(node.partial, Integer.MAX_VALUE - 8)];
            int count = 0;
            for (Slab slab = node.first(); slab != null; ) {
                Slab next = slab.next;
                int free = slab.objects - slab.inuse;
                if (free == slab.objects) {
                    node.remove(slab);
                    discard(slab);
                } else if (free <= SHRINK_PROMOTE_MAX) {
                    promoted[count++] = slab;
                    node.remove(slab);
                }
                slab = next;
            }
            // Fullest last in this loop, so that it ends up first. Among equals the one moved last stands first, as
            // list_move() has it.
            for (int free = SHRINK_PROMOTE_MAX; free > 0; free--) {
                for (int i = 0; i < count; i++) {
                    if (promoted[i].objects - promoted[i].inuse == free) {
                        node.addFirst(promoted[i]);
                    }
                }
            }
        }
        return cache.slabs() > 0;
    }

    /** {@code __kmem_cache_shutdown()}: returns whether objects were left, which then are listed in the log. */
    boolean shutdown() {
        boolean isBusy = false;
        for (NodeSlabs node : cache.nodes) {
            for (Slab slab = node.first(); slab != null; ) {
                Slab next = slab.next;
                if (slab.inuse == 0) {
                    node.remove(slab);
                    discard(slab);
                } else {
                    cache.debug.listObjects(slab);
                }
                slab = next;
            }
            isBusy |= node.slabs > 0;
        }
        return isBusy;
    }

    /** Gives an empty slab back to the page allocator: {@code discard_slab()}. */
    void discard(Slab slab) {
        NodeSlabs node = cache.nodes[slab.node];
        node.slabs--;
        node.objects -= slab.objects;
        if (cache.isDebug) {
            cache.debug.beforeDiscard(slab);
        }
        core.freeSlab(slab);
    }

    /** {@code allocate_slab()}: at the wanted order without effort, then at the least order. */
    private @Nullable Slab newSlab(int gfp, int node) {
        SlabGeometry geometry = cache.geometry();
        int flags = (gfp & PASSED_ON) | cacheGfp(geometry.flags());
        int eager = (flags | Gfp.NOWARN | Gfp.NORETRY) & ~Gfp.NOFAIL;
        if ((eager & Gfp.DIRECT_RECLAIM) != 0 && geometry.order() > geometry.minOrder()) {
            eager = (eager | Gfp.NOMEMALLOC) & ~Gfp.RECLAIM;
        }
        Slab slab = core.newSlab(cache, eager, geometry.order(), geometry.objects(), node);
        if (slab == null) {
            slab = core.newSlab(cache, flags, geometry.minOrder(), geometry.minObjects(), node);
            if (slab == null) {
                return null;
            }
        }
        cache.debug.setupSlab(slab);
        chain(slab);
        NodeSlabs slabs = cache.nodes[slab.node];
        slabs.slabs++;
        slabs.objects += slab.objects;
        return slab;
    }

    /** Links all objects of a new slab and constructs them, in address order or shuffled. */
    private void chain(Slab slab) {
        int start = cache.shuffleStart();
        int[] order = cache.shuffled;
        int steps = order == null || start < 0 ? slab.objects : order.length;
        long previous = KmemCache.NULL;
        for (int i = 0; i < steps; i++) {
            int index = order == null || start < 0 ? i : order[(start + i) % order.length];
            if (index >= slab.objects) {
                continue;
            }
            long object = cache.objectAt(slab, index);
            cache.debug.setupObject(object);
            if (cache.constructor != null) {
                cache.constructor.construct(object);
            }
            if (previous == KmemCache.NULL) {
                slab.freelist = object;
            } else {
                cache.setNext(previous, object);
            }
            previous = object;
        }
        cache.setNext(previous, KmemCache.NULL);
    }

    private static int cacheGfp(int flags) {
        int gfp = Gfp.COMP;
        if ((flags & SlabFlags.CACHE_DMA) != 0) {
            gfp |= Gfp.DMA;
        }
        if ((flags & SlabFlags.CACHE_DMA32) != 0) {
            gfp |= Gfp.DMA32;
        }
        return (flags & SlabFlags.RECLAIM_ACCOUNT) != 0 ? gfp | Gfp.RECLAIMABLE : gfp;
    }

    /** {@code alloc_single_from_partial()}: with debugging every object is taken from the node's list. */
    private long debugFromPartial(int wanted, int gfp, long requested) {
        int first = wanted < 0 ? core.pages.currentNode() : wanted;
        for (int i = 0; i < cache.nodes.length; i++) {
            int number = i == 0 ? first : i - 1 < first ? i - 1 : i;
            NodeSlabs node = cache.nodes[number];
            if (i > 0 && ((wanted >= 0 && (gfp & Gfp.THISNODE) != 0) || node.partial <= minPartial)) {
                continue;
            }
            for (Slab slab = node.first(); slab != null; ) {
                Slab next = slab.next;
                long object = slab.freelist;
                slab.inuse++;
                if (!cache.debug.beforeAllocation(slab, object, requested)) {
                    node.remove(slab);
                    slab = next;
                    continue;
                }
                slab.freelist = cache.next(object);
                cache.debug.afterAllocation(slab, object, requested);
                if (slab.inuse == slab.objects) {
                    node.remove(slab);
                    addFull(node, slab);
                }
                return object;
            }
        }
        return KmemCache.NULL;
    }

    /** {@code alloc_single_from_new_slab()}. */
    private long debugFromNew(Slab slab, long requested) {
        long object = slab.freelist;
        NodeSlabs node = cache.nodes[slab.node];
        slab.inuse = 1;
        if (!cache.debug.beforeAllocation(slab, object, requested)) {
            return KmemCache.NULL;
        }
        slab.freelist = cache.next(object);
        cache.debug.afterAllocation(slab, object, requested);
        if (slab.inuse == slab.objects) {
            addFull(node, slab);
        } else {
            node.addFirst(slab);
        }
        return object;
    }

    private void addFull(NodeSlabs node, Slab slab) {
        if ((cache.flags() & SlabFlags.STORE_USER) != 0) {
            node.addFull(slab);
        }
    }

    /** {@code free_to_partial_list()}, its part behind the checks. */
    void freeChecked(Slab slab, long object) {
        NodeSlabs node = cache.nodes[slab.node];
        long prior = slab.freelist;
        slab.inuse--;
        cache.setNext(object, prior);
        slab.freelist = object;
        boolean isSurplus = slab.inuse == 0 && node.partial >= minPartial;
        if (prior == KmemCache.NULL) {
            if (slab.place == Slab.Place.FULL) {
                node.removeFull(slab);
            }
            if (!isSurplus) {
                node.addLast(slab);
            }
        } else if (isSurplus) {
            node.remove(slab);
        }
        if (isSurplus) {
            discard(slab);
        }
    }

    /** {@code slab_out_of_memory()}. */
    private void reportOutOfMemory(int gfp, int node) {
        if ((gfp & Gfp.NOWARN) != 0) {
            return;
        }
        SlabGeometry geometry = cache.geometry();
        core.log("SLUB: Unable to allocate memory on CPU " + core.pages.currentCpu() + " (of node "
                + core.pages.currentNode() + ") on node " + node + ", gfp=0x" + Integer.toHexString(gfp) + "("
                + Gfp.describe(gfp) + ")");
        core.log("  cache: " + cache.name() + ", object size: " + geometry.objectSize() + ", buffer size: "
                + geometry.size() + ", default order: " + geometry.order() + ", min order: " + geometry.minOrder());
        if (geometry.minOrder() > SlabGeometry.orderOf(geometry.objectSize())) {
            core.log("  " + cache.name() + " debugging increased min order, use slab_debug=O to disable.");
        }
        for (int i = 0; i < cache.nodes.length; i++) {
            NodeSlabs slabs = cache.nodes[i];
            core.log("  node " + i + ": slabs: " + slabs.slabs + ", objs: " + slabs.objects + ", free: "
                    + slabs.freeObjects());
        }
    }
}
