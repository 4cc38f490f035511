package io.pagewalk.kernel.slub;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The full check of all slabs.
 *
 * <pre>
 *   every object is in one place: a user, its slab's freelist, a CPU's freelist, a sheaf
 *   inuse == objects - length of the slab's freelist
 *   a list's count == the slabs on it; a node's slabs == the slabs in the table
 *   frames owned by SLAB == frames of slabs + pages of large kmallocs == nr_slab_reclaimable + nr_slab_unreclaimable
 * </pre>
 */
final class SlabVerifier {
    private final SlabCore core;
    private final List<KmemCache> caches;
    private final LargeKmalloc large;
    private final Map<Slab, long[]> seen = new HashMap<>();
    private long frames;

    SlabVerifier(SlabCore core, List<KmemCache> caches, LargeKmalloc large) {
        this.core = core;
        this.caches = caches;
        this.large = large;
    }

    void verify(Violations out) {
        Map<KmemCache, long[]> perNode = new HashMap<>();
        for (Slab slab : core.slabs()) {
            seen.put(slab, slab.allocated.clone());
            frames += 1L << slab.order;
            long[] counts = perNode.computeIfAbsent(slab.cache, c -> new long[2 * core.nodes]);
            counts[2 * slab.node]++;
            counts[2 * slab.node + 1] += slab.objects;
            slab(slab, out);
        }
        for (KmemCache cache : caches) {
            cache(cache, perNode.getOrDefault(cache, new long[2 * core.nodes]), out);
        }
        for (Slab slab : core.slabs()) {
            complete(slab, out);
        }
        long owned = core.memMap.ownerFrames(FrameOwner.SLAB);
        out.expectEqual("slab", "frames owned by SLAB == frames of slabs", owned, frames + large.pages());
        long counted = core.pages.counters().global(NodeStat.NR_SLAB_RECLAIMABLE)
                + core.pages.counters().global(NodeStat.NR_SLAB_UNRECLAIMABLE);
        out.expectEqual("slab", "nr_slab_* == frames owned by SLAB", counted, owned);
    }

    private static String where(Slab slab) {
        return "slab " + slab.id + " of " + slab.cache.name();
    }

    private void slab(Slab slab, Violations out) {
        if (core.slabOf(slab.base) != slab) {
            out.add(where(slab), "is not what its first address leads to");
        }
        int free = chain(slab, slab.freelist, out);
        if (!slab.isDisabled) {
            out.expectEqual(where(slab), "inuse == objects - free", slab.inuse, slab.objects - free);
        }
    }

    /** Walks a freelist, notes each object, and returns its length. */
    private int chain(Slab slab, long first, Violations out) {
        int length = 0;
        for (long object = first; object != KmemCache.NULL; object = slab.cache.next(object)) {
            if (!note(slab, object, "a freelist", out)) {
                return length;
            }
            length++;
        }
        return length;
    }

    private boolean note(@Nullable Slab slab, long object, String place, Violations out) {
        int index = slab == null ? -1 : slab.cache.indexIn(slab, object);
        long[] bits = slab == null ? null : seen.get(slab);
        if (slab == null || index < 0 || bits == null) {
            out.add(place, SlabCore.pointer(object) + " is no object");
            return false;
        }
        if ((bits[index >> 6] >>> index & 1) != 0) {
            if (!slab.isDisabled) {
                out.add(where(slab), "object " + index + " is twice in use or free, found on " + place);
            }
            return false;
        }
        bits[index >> 6] |= 1L << index;
        return true;
    }

    private void cache(KmemCache cache, long[] counts, Violations out) {
        for (CpuSlab cpu : cache.cpus) {
            Slab slab = cpu.slab;
            if (slab != null) {
                if (slab.place != Slab.Place.CPU) {
                    out.add(where(slab), "is a CPU's slab but stands as " + slab.place);
                }
                chain(slab, cpu.freelist, out);
            } else if (cpu.freelist != KmemCache.NULL) {
                out.add(cache.name(), "a CPU has a freelist without slab");
            }
            int partial = 0;
            for (Slab each = cpu.partial; each != null; each = each.next) {
                partial++;
                if (each.place != Slab.Place.CPU_PARTIAL) {
                    out.add(where(each), "is on a CPU's partial list but stands as " + each.place);
                }
            }
            out.expectEqual(cache.name(), "partial slabs of a CPU == slabs on the list", cpu.partialSlabs, partial);
            CpuSheaves own = cpu.sheaves;
            Sheaves sheaves = cache.sheaves;
            if (own != null && sheaves != null) {
                sheaf(sheaves, own.main(), own.mainSize(), out);
                if (own.spare != 0) {
                    sheaf(sheaves, own.spare, sheaves.size(own.spare), out);
                }
            }
        }
        if (cache.sheaves != null) {
            for (Sheaves.Barn barn : cache.sheaves.barns()) {
                for (int i = 0; i < barn.fullCount; i++) {
                    sheaf(cache.sheaves, barn.full[i], cache.sheaves.size(barn.full[i]), out);
                }
            }
        }
        for (int n = 0; n < cache.nodes.length; n++) {
            NodeSlabs node = cache.nodes[n];
            long partial = 0;
            TreeSet<Integer> ids = new TreeSet<>();
            for (Slab slab = node.first(); slab != null && ids.add(slab.id); slab = slab.next) {
                partial++;
                if (slab.place != Slab.Place.NODE_PARTIAL || slab.node != n || slab.freelist == KmemCache.NULL) {
                    out.add(where(slab), "does not belong on the partial list of node " + n);
                }
            }
            out.expectEqual(cache.name(), "nr_partial == slabs on the list", node.partial, partial);
            out.expectEqual(cache.name(), "nr_slabs == slabs of the node", node.slabs, counts[2 * n]);
            out.expectEqual(cache.name(), "total_objects == objects of its slabs", node.objects, counts[2 * n + 1]);
        }
    }

    private void sheaf(Sheaves sheaves, long sheaf, int size, Violations out) {
        for (int i = 0; i < size; i++) {
            long object = sheaves.get(sheaf, i);
            note(core.slabOf(object), object, "a sheaf", out);
        }
    }

    private void complete(Slab slab, Violations out) {
        long[] bits = seen.get(slab);
        int count = 0;
        if (bits != null) {
            for (long word : bits) {
                count += Long.bitCount(word);
            }
        }
        if (!slab.isDisabled) {
            out.expectEqual(where(slab), "objects in use or free == objects", count, slab.objects);
        }
    }
}
