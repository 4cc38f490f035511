package io.pagewalk.hardware.segmentation;

/**
 * A segment descriptor in the format of the 80386, as a long. With its upper 16 bits zero it is one of the 80286: 24 bits of base, 16 bits of limit.
 *
 * <pre>
 *  63      56 55 54  53  52 51      48 47 46 45 44 43    40 39                  16 15             0
 * +----------+--+---+---+---+----------+--+-----+--+--------+----------------------+---------------+
 * | base     |G |D/B| 0 |AVL| limit    |P | DPL |S |  type  |      base 23..0      |  limit 15..0  |
 * | 31..24   |  |   |   |   | 19..16   |  |     |  |        |                      |               |
 * +----------+--+---+---+---+----------+--+-----+--+--------+----------------------+---------------+
 *
 *  type, S = 1:  bit 43 code (1) or data (0)
 *                bit 42 data: expand-down      code: conforming
 *                bit 41 data: writable         code: readable
 *                bit 40 accessed
 *  type, S = 0:  2 is an LDT; gates and task segments are not modelled
 * </pre>
 */
public final class Descriptor {
    /** Type of a data segment that can only be read. */
    public static final int READ_ONLY = 0;

    /** Type of a data segment that can be read and written. */
    public static final int READ_WRITE = 2;

    /** Type of a data segment that can be read and written and whose valid offsets lie above the limit: a stack that grows by lowering it. */
    public static final int READ_WRITE_DOWN = 6;

    /** Type of a code segment that can only be executed. */
    public static final int EXECUTE_ONLY = 8;

    /** Type of a code segment that can be executed and read. */
    public static final int EXECUTE_READ = 10;

    /** Type of a conforming code segment that can be executed and read. */
    public static final int EXECUTE_READ_CONFORMING = 14;

    /** Type of a system descriptor that points to an LDT. */
    private static final int TYPE_LDT = 2;

    /** The largest segment with a limit in bytes; larger ones count it in units of 4 KiB. */
    public static final long BYTE_GRANULAR_MAX = 1L << 20;

    private static final long ACCESSED = 1L << 40;
    private static final long PRESENT = 1L << 47;
    private static final long NOT_SYSTEM = 1L << 44;
    private static final long BIG = 1L << 54;
    private static final long GRANULARITY = 1L << 55;

    private Descriptor() {}

    /**
     * Returns a present segment of the 80386 (D/B = 1) that holds a number of bytes. Above 1 MiB the size is rounded up to 4 KiB, since the limit is.
     *
     * @param base first byte, 32 bits
     * @param sizeBytes 1 to 2^32
     * @param type one of the types of code and data
     * @param dpl privilege level, 0 to 3
     */
    public static long segment(long base, long sizeBytes, int type, int dpl) {
        if (sizeBytes < 1 || sizeBytes > 1L << 32) {
            throw new IllegalArgumentException("a segment of " + sizeBytes + " bytes");
        }
        boolean isLarge = sizeBytes > BYTE_GRANULAR_MAX;
        long limit = isLarge ? (sizeBytes - 1) >>> 12 : sizeBytes - 1;
        return raw(base, limit, type, dpl) | BIG | (isLarge ? GRANULARITY : 0);
    }

    /**
     * Returns a present segment of the 80286: 24 bits of base, 16 bits of limit.
     *
     * @param base first byte, 24 bits
     * @param sizeBytes 1 to 65536
     * @param type one of the types of code and data
     * @param dpl privilege level, 0 to 3
     */
    public static long segment286(long base, long sizeBytes, int type, int dpl) {
        if (sizeBytes < 1 || sizeBytes > 1L << 16 || base < 0 || base >= 1L << 24) {
            throw new IllegalArgumentException("a segment of the 80286 at " + base + " with " + sizeBytes + " bytes");
        }
        return raw(base, sizeBytes - 1, type, dpl);
    }

    /**
     * Returns a descriptor of a local descriptor table.
     *
     * @param base address of the table
     * @param sizeBytes a multiple of 8, at least 8
     */
    public static long ldt(long base, long sizeBytes) {
        return raw(base, sizeBytes - 1, TYPE_LDT, 0) & ~NOT_SYSTEM;
    }

    /**
     * Returns a descriptor that is not present.
     *
     * @param descriptor any
     */
    public static long absent(long descriptor) {
        return descriptor & ~PRESENT;
    }

    private static long raw(long base, long limit, int type, int dpl) {
        return (limit & 0xffff)
                | (base & 0xffffff) << 16
                | (long) type << 40
                | NOT_SYSTEM
                | (long) dpl << 45
                | PRESENT
                | (limit >>> 16 & 0xf) << 48
                | (base >>> 24 & 0xff) << 56;
    }

    /**
     * Returns the address of offset 0.
     *
     * @param descriptor raw
     */
    public static long base(long descriptor) {
        return (descriptor >>> 16 & 0xffffff) | (descriptor >>> 56 & 0xff) << 24;
    }

    /**
     * Returns the limit in bytes, scaled by the granularity: the last valid offset, or for expand-down the last invalid one.
     *
     * @param descriptor raw
     */
    public static long limit(long descriptor) {
        long limit = (descriptor & 0xffff) | (descriptor >>> 48 & 0xf) << 16;
        return (descriptor & GRANULARITY) != 0 ? limit << 12 | 0xfff : limit;
    }

    /**
     * Returns the four type bits.
     *
     * @param descriptor raw
     */
    public static int type(long descriptor) {
        return (int) (descriptor >>> 40) & 0xf;
    }

    /**
     * Returns the descriptor's privilege level.
     *
     * @param descriptor raw
     */
    public static int dpl(long descriptor) {
        return (int) (descriptor >>> 45) & 3;
    }

    /**
     * Returns whether the segment is in memory.
     *
     * @param descriptor raw
     */
    public static boolean isPresent(long descriptor) {
        return (descriptor & PRESENT) != 0;
    }

    /**
     * Returns whether it was loaded since the bit was last cleared.
     *
     * @param descriptor raw
     */
    public static boolean isAccessed(long descriptor) {
        return (descriptor & ACCESSED) != 0;
    }

    /**
     * Returns the descriptor with its accessed bit set.
     *
     * @param descriptor of code or data
     */
    public static long accessed(long descriptor) {
        return descriptor | ACCESSED;
    }

    static boolean isLdt(long descriptor) {
        return (descriptor & NOT_SYSTEM) == 0 && type(descriptor) == TYPE_LDT;
    }

    static boolean isCode(long descriptor) {
        return (descriptor & NOT_SYSTEM) != 0 && (type(descriptor) & 8) != 0;
    }

    static boolean isData(long descriptor) {
        return (descriptor & NOT_SYSTEM) != 0 && (type(descriptor) & 8) == 0;
    }

    static boolean isWritable(long descriptor) {
        return isData(descriptor) && (type(descriptor) & 2) != 0;
    }

    static boolean isReadable(long descriptor) {
        return isData(descriptor) || (isCode(descriptor) && (type(descriptor) & 2) != 0);
    }

    static boolean isConforming(long descriptor) {
        return isCode(descriptor) && (type(descriptor) & 4) != 0;
    }

    static boolean isExpandDown(long descriptor) {
        return isData(descriptor) && (type(descriptor) & 4) != 0;
    }

    /** Returns the largest offset that the segment could have: D/B tells 64 KiB and 4 GiB apart. */
    static long topOffset(long descriptor) {
        return (descriptor & BIG) != 0 ? 0xffff_ffffL : 0xffff;
    }
}
