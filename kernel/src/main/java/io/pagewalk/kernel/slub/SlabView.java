package io.pagewalk.kernel.slub;

import java.util.ArrayList;
import java.util.List;

/**
 * How one slab stands, as an observer sees it.
 *
 * @param pfn its first frame
 * @param order of its block
 * @param objects how many it holds
 * @param place where it is
 * @param used numbers of the objects that somebody has, ascending
 * @param cpuFree numbers of the objects on the CPU's freelist, the next to be handed out first
 * @param slabFree numbers of the objects on the slab's own freelist, in its order
 */
public record SlabView(
        long pfn,
        int order,
        int objects,
        Place place,
        List<Integer> used,
        List<Integer> cpuFree,
        List<Integer> slabFree) {
    /** Where a slab is. */
    public enum Place {
        /** A CPU allocates from it. */
        CPU,
        /** On a CPU's partial list. */
        CPU_PARTIAL,
        /** On its node's partial list. */
        NODE_PARTIAL,
        /** On no list, since nothing is free in it. */
        FULL
    }

    static SlabView of(KmemCache cache, Slab slab) {
        List<Integer> used = new ArrayList<>();
        for (int i = 0; i < slab.objects; i++) {
            if (slab.isAllocated(i)) {
                used.add(i);
            }
        }
        List<Integer> cpuFree = new ArrayList<>();
        for (CpuSlab cpu : cache.cpus) {
            if (cpu.slab == slab) {
                cpuFree.addAll(chain(cache, slab, cpu.freelist));
            }
        }
        Place place = switch (slab.place) {
            case CPU -> Place.CPU;
            case CPU_PARTIAL -> Place.CPU_PARTIAL;
            case NODE_PARTIAL -> Place.NODE_PARTIAL;
            case NONE, FULL -> Place.FULL;
        };
        return new SlabView(
                slab.pfn, slab.order, slab.objects, place, used, cpuFree, chain(cache, slab, slab.freelist));
    }

    private static List<Integer> chain(KmemCache cache, Slab slab, long first) {
        List<Integer> numbers = new ArrayList<>();
        for (long object = first;
                object != KmemCache.NULL && numbers.size() < slab.objects;
                object = cache.next(object)) {
            numbers.add((int) ((object - slab.base) / cache.size()));
        }
        return numbers;
    }
}
