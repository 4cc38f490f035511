package io.pagewalk.hardware.segmentation;

/**
 * The 16 bits that a program puts in a segment register in protected mode.
 *
 * <pre>
 *  15              3   2   1   0
 * +-----------------+----+-------+
 * |      index      | TI |  RPL  |   TI: 0 the GDT, 1 the LDT
 * +-----------------+----+-------+
 * </pre>
 */
public final class Selector {
    /** The null selector: index 0 of the GDT. Any RPL makes it no other. */
    public static final int NULL = 0;

    private static final int TABLE_BIT = 4;

    private Selector() {}

    /**
     * Returns a selector for the GDT.
     *
     * @param index 0 to 8191
     * @param rpl 0 to 3
     */
    public static int gdt(int index, int rpl) {
        return index << 3 | rpl;
    }

    /**
     * Returns a selector for the current LDT.
     *
     * @param index 0 to 8191
     * @param rpl 0 to 3
     */
    public static int ldt(int index, int rpl) {
        return index << 3 | TABLE_BIT | rpl;
    }

    /**
     * Returns the number of the descriptor.
     *
     * @param selector 16 bits
     */
    public static int index(int selector) {
        return selector >>> 3;
    }

    /**
     * Returns whether the descriptor lies in the LDT.
     *
     * @param selector 16 bits
     */
    public static boolean isLocal(int selector) {
        return (selector & TABLE_BIT) != 0;
    }

    /**
     * Returns the requested privilege level.
     *
     * @param selector 16 bits
     */
    public static int rpl(int selector) {
        return selector & 3;
    }

    /**
     * Returns whether it is the null selector, whatever its RPL.
     *
     * @param selector 16 bits
     */
    public static boolean isNull(int selector) {
        return (selector & ~3) == 0;
    }
}
