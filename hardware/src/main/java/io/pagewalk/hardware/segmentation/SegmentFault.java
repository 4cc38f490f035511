package io.pagewalk.hardware.segmentation;

/**
 * Why a selector could not be loaded or an access was refused, packed into a negative long, so that a linear address (0 to 2^32 - 1) can mean success.
 *
 * <pre>
 *   63      62..24   23      16 15              0
 *  +---+-----------+-----------+-----------------+
 *  | 1 |     0     |  vector   |   error code    |
 *  +---+-----------+-----------+-----------------+
 * </pre>
 */
public final class SegmentFault {
    /** Segment not present, #NP. */
    public static final int NOT_PRESENT = 11;

    /** Stack-segment fault, #SS. */
    public static final int STACK = 12;

    /** General protection, #GP. */
    public static final int GENERAL_PROTECTION = 13;

    /** Loading a selector returned no fault. */
    public static final long NONE = 0;

    private static final int VECTOR_SHIFT = 16;
    private static final int SELECTOR_OF_ERROR = 0xfffc;

    private SegmentFault() {}

    /**
     * Packs a fault whose error code is 0: a limit, a right, a null selector.
     *
     * @param vector one of the constants
     */
    static long of(int vector) {
        return Long.MIN_VALUE | (long) vector << VECTOR_SHIFT;
    }

    /**
     * Packs a fault that names a selector: the error code is the selector without its RPL (EXT and IDT are 0).
     *
     * @param vector one of the constants
     * @param selector 16 bits
     */
    static long of(int vector, int selector) {
        return of(vector) | (selector & SELECTOR_OF_ERROR);
    }

    /**
     * Returns whether a result is a fault.
     *
     * @param result a linear address or a fault
     */
    public static boolean isFault(long result) {
        return result < 0;
    }

    /**
     * Returns the exception's number: 11, 12 or 13.
     *
     * @param fault a packed fault
     */
    public static int vector(long fault) {
        return (int) (fault >>> VECTOR_SHIFT) & 0xff;
    }

    /**
     * Returns the error code that the processor pushes: 0, or index and table of the selector.
     *
     * @param fault a packed fault
     */
    public static int errorCode(long fault) {
        return (int) fault & 0xffff;
    }

    /**
     * Writes a fault as manuals do: {@code #GP(0)}, {@code #NP(0x24)}.
     *
     * @param fault a packed fault
     */
    public static String describe(long fault) {
        String name = switch (vector(fault)) {
            case NOT_PRESENT -> "#NP";
            case STACK -> "#SS";
            case GENERAL_PROTECTION -> "#GP";
            default -> throw new IllegalArgumentException("no segment fault: " + fault);
        };
        int code = errorCode(fault);
        return name + "(" + (code == 0 ? "0" : "0x" + Integer.toHexString(code)) + ")";
    }
}
