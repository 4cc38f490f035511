package io.pagewalk.hardware.mmu;

import io.pagewalk.base.Digest;
import java.util.List;

/**
 * What one MMU has counted since it was made. Lists are by level of the page: element 0 is level 1 (4 KiB).
 *
 * <p>{@code accesses == l1iHits + l1iMisses + l1dHits + l1dMisses}, each retry after a fault being an access of its own; {@code l1iMisses + l1dMisses ==
 * l2Hits + l2Misses}; {@code walks == l2Misses + dirtyWalks + permissionWalks} with hardware refill.
 *
 * @param l1iHits fetches that hit the first level
 * @param l1iMisses fetches that missed it
 * @param l1dHits loads and stores that hit the first level
 * @param l1dMisses loads and stores that missed it
 * @param l2Hits first-level misses that hit the second level
 * @param l2Misses first-level misses that missed it too, or for which there is none
 * @param l2HitsByLevel {@code l2Hits} by size of the entry
 * @param walkedByLevel successful walks and refills by size of the leaf
 * @param walks page walks by the hardware
 * @param walkMemoryReferences entries read from memory by walks, software ones included
 * @param walkCacheHits walks that started below the root, by level of the entry that the page-walk cache held; element 0 is level 2
 * @param dirtyWalks walks only to set the dirty bit, for a store through a clean entry
 * @param permissionWalks walks because a cached entry refused the access; real hardware looks again before it faults
 * @param entryWrites accessed and dirty bits written to memory
 * @param faults accesses that ended in a fault, TLB_REFILL not counted
 * @param refillTraps TLB_REFILL exceptions
 * @param pageInvalidations calls that invalidated one page
 * @param flushes calls that flushed an address space or everything, root loads that flush included
 * @param entriesDropped TLB entries of all levels that those took away
 * @param rootLoads CR3 or satp writes
 * @param cycles estimated cycles that all this took: hits in the first level are free
 */
public record TlbStats(
        long l1iHits,
        long l1iMisses,
        long l1dHits,
        long l1dMisses,
        long l2Hits,
        long l2Misses,
        List<Long> l2HitsByLevel,
        List<Long> walkedByLevel,
        long walks,
        long walkMemoryReferences,
        List<Long> walkCacheHits,
        long dirtyWalks,
        long permissionWalks,
        long entryWrites,
        long faults,
        long refillTraps,
        long pageInvalidations,
        long flushes,
        long entriesDropped,
        long rootLoads,
        long cycles) {
    /** Copies the lists. */
    public TlbStats {
        l2HitsByLevel = List.copyOf(l2HitsByLevel);
        walkedByLevel = List.copyOf(walkedByLevel);
        walkCacheHits = List.copyOf(walkCacheHits);
    }

    /** Returns all accesses, retries after a fault included. */
    public long accesses() {
        return l1iHits + l1iMisses + l1dHits + l1dMisses;
    }

    /**
     * Adds every counter to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(l1iHits);
        digest.add(l1iMisses);
        digest.add(l1dHits);
        digest.add(l1dMisses);
        digest.add(l2Hits);
        digest.add(l2Misses);
        l2HitsByLevel.forEach(digest::add);
        walkedByLevel.forEach(digest::add);
        digest.add(walks);
        digest.add(walkMemoryReferences);
        walkCacheHits.forEach(digest::add);
        digest.add(dirtyWalks);
        digest.add(permissionWalks);
        digest.add(entryWrites);
        digest.add(faults);
        digest.add(refillTraps);
        digest.add(pageInvalidations);
        digest.add(flushes);
        digest.add(entriesDropped);
        digest.add(rootLoads);
        digest.add(cycles);
    }
}
