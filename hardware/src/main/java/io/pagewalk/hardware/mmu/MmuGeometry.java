package io.pagewalk.hardware.mmu;

import io.pagewalk.hardware.tlb.Replacement;
import io.pagewalk.hardware.tlb.TlbArray;
import java.util.List;
import java.util.stream.Stream;

/**
 * Everything about a part's address translation that changes a count or a cost.
 *
 * @param l1Instruction the first-level arrays for fetches
 * @param l1Data the first-level arrays for loads and stores
 * @param l2 the second-level arrays: for everything, or for data only when {@code l2Instruction} is not empty; empty when the part has no second level
 * @param l2Instruction the second-level arrays for fetches, empty when {@code l2} is unified
 * @param walkCacheEntries the entries of the page-walk cache of level 2, 3, 4 and so on; 0 or a missing element is no cache at that level
 * @param asidBits the width of the PCID or ASID, 0 when the TLB has none
 * @param physicalBits physical address bits (MAXPHYADDR)
 * @param l2HitCycles what a first-level miss that hits the second level costs
 * @param walkReferenceCycles what one memory reference of a walk costs (they mostly hit the data caches)
 * @param refillTrapCycles what entering and leaving a software refill handler costs
 */
public record MmuGeometry(
        List<TlbArray> l1Instruction,
        List<TlbArray> l1Data,
        List<TlbArray> l2,
        List<TlbArray> l2Instruction,
        List<Integer> walkCacheEntries,
        int asidBits,
        int physicalBits,
        int l2HitCycles,
        int walkReferenceCycles,
        int refillTrapCycles) {
    private static final int EPISODE_WAYS = 4;

    /** Refuses a geometry that cannot be built. */
    public MmuGeometry {
        l1Instruction = List.copyOf(l1Instruction);
        l1Data = List.copyOf(l1Data);
        l2 = List.copyOf(l2);
        l2Instruction = List.copyOf(l2Instruction);
        walkCacheEntries = List.copyOf(walkCacheEntries);
        if (l1Instruction.isEmpty() || l1Data.isEmpty()) {
            throw new IllegalArgumentException("an MMU without a first-level TLB");
        }
        if (asidBits < 0 || asidBits > 16) {
            throw new IllegalArgumentException("an ASID of " + asidBits + " bits");
        }
        if (physicalBits < 32 || physicalBits > 56) {
            throw new IllegalArgumentException("physical addresses of " + physicalBits + " bits");
        }
        if (l2HitCycles < 0 || walkReferenceCycles < 0 || refillTrapCycles < 0) {
            throw new IllegalArgumentException("a negative cost");
        }
    }

    /**
     * Returns whether some TLB holds pages of a size, and the part therefore has them.
     *
     * @param shift base-2 logarithm of the size
     */
    public boolean hasPagesOf(int shift) {
        return Stream.of(l1Data, l2)
                .flatMap(List::stream)
                .anyMatch(array -> array.pageShifts().contains(shift));
    }

    /**
     * Returns whether four pages can be touched in any order without one of them pushing another out of a first-level array: true LRU and at least four ways
     * everywhere (docs/decisions: replay by episodes).
     */
    public boolean supportsEpisodes() {
        return l1Instruction.stream().allMatch(MmuGeometry::keepsFourPages)
                && l1Data.stream().allMatch(MmuGeometry::keepsFourPages);
    }

    /**
     * Returns the same geometry with another replacement in every array.
     *
     * @param replacement the replacement to use
     */
    public MmuGeometry with(Replacement replacement) {
        return new MmuGeometry(
                replace(l1Instruction, replacement),
                replace(l1Data, replacement),
                replace(l2, replacement),
                replace(l2Instruction, replacement),
                walkCacheEntries,
                asidBits,
                physicalBits,
                l2HitCycles,
                walkReferenceCycles,
                refillTrapCycles);
    }

    private static List<TlbArray> replace(List<TlbArray> arrays, Replacement replacement) {
        return arrays.stream().map(array -> array.with(replacement)).toList();
    }

    private static boolean keepsFourPages(TlbArray array) {
        return array.replacement() == Replacement.LRU && array.ways() >= EPISODE_WAYS;
    }
}
