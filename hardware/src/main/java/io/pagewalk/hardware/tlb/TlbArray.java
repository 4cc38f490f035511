package io.pagewalk.hardware.tlb;

import java.util.List;

/**
 * The geometry of one set-associative array of translations.
 *
 * @param pageShifts the page sizes it can hold, as powers of two (12 is 4 KiB, 21 is 2 MiB, 22 is 4 MiB, 30 is 1 GiB)
 * @param entries the number of entries: sets times ways, with a power of two of sets
 * @param ways the associativity; equal to {@code entries} it is fully associative, 1 is direct-mapped
 * @param replacement how a victim is chosen
 */
public record TlbArray(List<Integer> pageShifts, int entries, int ways, Replacement replacement) {
    /** The highest associativity that {@link Tlb} can search. */
    static final int MAX_WAYS = 4096;

    /** Refuses a geometry that cannot be built. */
    public TlbArray {
        pageShifts = List.copyOf(pageShifts);
        if (pageShifts.isEmpty()) {
            throw new IllegalArgumentException("a TLB array that holds no page size");
        }
        if (entries < 1 || ways < 1 || entries % ways != 0 || Integer.bitCount(entries / ways) != 1) {
            throw new IllegalArgumentException("a TLB array of " + entries + " entries with " + ways + " ways");
        }
        if (ways > MAX_WAYS) {
            throw new IllegalArgumentException("a TLB array of " + ways + " ways, more than " + MAX_WAYS);
        }
        if (replacement == Replacement.TREE_PLRU && (Integer.bitCount(ways) != 1 || ways > 64)) {
            throw new IllegalArgumentException("tree-PLRU over " + ways + " ways");
        }
    }

    /** Returns the number of sets. */
    public int sets() {
        return entries / ways;
    }

    /**
     * Returns the same array with another replacement.
     *
     * @param other the replacement to use
     */
    public TlbArray with(Replacement other) {
        return new TlbArray(pageShifts, entries, ways, other);
    }
}
