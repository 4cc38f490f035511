package io.pagewalk.kernel.fault;

/**
 * Entries that map nothing and say why: {@code include/linux/swapops.h:make_pte_marker()}. No CPU takes one for a present entry, so each access faults. A walk
 * that does not know a marker takes the place for empty but leaves the entry, unless the area itself goes.
 *
 * <p>Places of hugetlbfs have them in the tables of their own level.
 *
 * <p>Differs from Linux: they are small values that are the same in all entry formats, rather than swap entries of type {@code SWP_PTE_MARKER}.
 */
public final class PteMarkers {
    /** Write-protected by userfaultfd while no page is there: {@code PTE_MARKER_UFFD_WP}. */
    public static final int UFFD_WP = 1;

    /** An access gives SIGBUS: {@code PTE_MARKER_POISONED}. */
    public static final int POISONED = 1 << 1;

    /** A guard page, an access gives SIGSEGV: {@code PTE_MARKER_GUARD}. */
    public static final int GUARD = 1 << 2;

    private static final int ALL = UFFD_WP | POISONED | GUARD;

    /** Bit 0, which makes an entry valid in each format, and the bits of PROT_NONE entries are clear in every marker. */
    private static final long TAG = 1L << 1;

    private static final int SHIFT = 2;

    private PteMarkers() {}

    /**
     * Returns the entry for some marks.
     *
     * @param marks {@link #UFFD_WP}, {@link #POISONED} and {@link #GUARD}, at least one
     */
    public static long entry(int marks) {
        return TAG | (long) marks << SHIFT;
    }

    /**
     * Returns whether an entry is a marker of any kind: {@code is_pte_marker()}.
     *
     * @param entry a raw entry of the lowest level, or of a place of hugetlbfs
     */
    public static boolean is(long entry) {
        return (entry & ~((long) ALL << SHIFT)) == TAG;
    }

    /**
     * Returns the marks of an entry: {@code pte_marker_get()}.
     *
     * @param entry a raw entry of the lowest level, or of a place of hugetlbfs
     * @return the marks, 0 when the entry is none
     */
    public static int marks(long entry) {
        return is(entry) ? (int) (entry >>> SHIFT) : 0;
    }

    /**
     * Returns whether an entry is a guard page: {@code is_guard_swp_entry()}.
     *
     * @param entry a raw entry of the lowest level, or of a place of hugetlbfs
     */
    public static boolean isGuard(long entry) {
        return (marks(entry) & GUARD) != 0;
    }
}
