package io.pagewalk.kernel.vma;

/** Page arithmetic on unsigned 64-bit addresses, as {@code PAGE_ALIGN()} and its relatives. */
final class Pages {
    /** Bytes of a page. */
    static final long SIZE = 1L << Vma.PAGE_SHIFT;

    private Pages() {}

    /** Rounds up to a page; wraps to 0 at the top as in C. */
    static long align(long value) {
        return (value + SIZE - 1) & -SIZE;
    }

    /** Rounds down to a page. */
    static long floor(long value) {
        return value & -SIZE;
    }

    /** Returns the offset in the page. */
    static long offset(long value) {
        return value & (SIZE - 1);
    }

    /** Returns whether {@code left} is above {@code right} as unsigned numbers. */
    static boolean above(long left, long right) {
        return Long.compareUnsigned(left, right) > 0;
    }
}
