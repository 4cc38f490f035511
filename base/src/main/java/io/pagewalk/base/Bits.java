package io.pagewalk.base;

/** Powers of two, alignment, and unsigned addresses. */
public final class Bits {
    private Bits() {}

    /**
     * Rounds up to a multiple of a power of two.
     *
     * @param value unsigned
     * @param alignment a power of two
     */
    public static long roundUp(long value, long alignment) {
        return (value + alignment - 1) & -alignment;
    }

    /**
     * Rounds down to a multiple of a power of two.
     *
     * @param value unsigned
     * @param alignment a power of two
     */
    public static long roundDown(long value, long alignment) {
        return value & -alignment;
    }

    /**
     * Returns whether a value is a multiple of a power of two.
     *
     * @param value unsigned
     * @param alignment a power of two
     */
    public static boolean isAligned(long value, long alignment) {
        return (value & (alignment - 1)) == 0;
    }

    /**
     * Returns the largest {@code n} with {@code 2^n <= value}.
     *
     * @param value at least 1, unsigned
     */
    public static int log2Floor(long value) {
        return 63 - Long.numberOfLeadingZeros(value);
    }

    /**
     * Returns the smallest {@code n} with {@code 2^n >= value}.
     *
     * @param value at least 1
     */
    public static int log2Ceil(long value) {
        return value <= 1 ? 0 : 64 - Long.numberOfLeadingZeros(value - 1);
    }

    /**
     * Divides and rounds up: Linux's {@code DIV_ROUND_UP()}.
     *
     * @param dividend at least 0
     * @param divisor at least 1
     */
    public static long divideRoundUp(long dividend, long divisor) {
        return (dividend + divisor - 1) / divisor;
    }

    /**
     * Returns whether one unsigned address lies below another.
     *
     * @param left an address
     * @param right an address
     */
    public static boolean isBelow(long left, long right) {
        return Long.compareUnsigned(left, right) < 0;
    }

    /**
     * Returns an address as {@code 0x} and hexadecimal digits.
     *
     * @param address unsigned
     */
    public static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }
}
