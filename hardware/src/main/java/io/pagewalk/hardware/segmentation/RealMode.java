package io.pagewalk.hardware.segmentation;

/**
 * How a processor in real mode forms addresses: {@code segment * 16 + offset}, without any check of rights.
 *
 * <p>An 8086 has 20 address lines, so the sum wraps at 1 MiB. An 80286 has more; the PC's A20 gate forces line 20 to zero so that programs which rely on the wrap
 * still run, and with the gate open the 65,520 bytes above 1 MiB (the "high memory area") can be reached. An operand that reaches beyond offset 0xffff wraps to
 * offset 0 on an 8086; from the 80286 on it is a fault.
 */
public final class RealMode {
    /** The largest address that can be formed, with A20 open: {@code ffff:ffff}. */
    public static final long MAX_ADDRESS = 0x10ffef;

    private static final int OFFSET_MASK = 0xffff;
    private static final long A20 = 1L << 20;

    /** Which processor, since they differ at the edges. */
    public enum Processor {
        /** 20 address lines, offsets wrap. */
        I8086,
        /** 80286 and later: more lines behind a gate, offsets beyond 64 KiB fault. */
        I80286
    }

    private final Processor processor;
    private boolean isA20Open;

    /**
     * Creates a processor after reset, with A20 closed.
     *
     * @param processor which
     */
    public RealMode(Processor processor) {
        this.processor = processor;
    }

    /**
     * Moves the A20 gate; an 8086 has no such line and stays as it is.
     *
     * @param isOpen whether addresses keep bit 20
     */
    public void setA20(boolean isOpen) {
        isA20Open = isOpen && processor != Processor.I8086;
    }

    /** Returns whether addresses keep bit 20. */
    public boolean isA20Open() {
        return isA20Open;
    }

    /**
     * Returns the physical address of one byte.
     *
     * @param segment content of the segment register, 16 bits
     * @param offset 16 bits; higher bits are cut off, as an address register of that size would
     */
    public long physical(int segment, int offset) {
        long sum = ((long) (segment & OFFSET_MASK) << 4) + (offset & OFFSET_MASK);
        return isA20Open ? sum : sum & ~A20;
    }

    /**
     * Checks an operand of some bytes.
     *
     * @param register the register it goes through
     * @param segment content of that register
     * @param offset of its first byte, 0 to 0xffff
     * @param bytes 1 to 8
     * @return the physical address of the first byte, or a {@link SegmentFault} (with error code 0; real mode pushes none) when a later processor refuses the wrap. On
     *     an 8086 each byte has its own {@link #physical} address
     */
    public long operand(SegmentRegister register, int segment, int offset, int bytes) {
        if (offset + bytes - 1 > OFFSET_MASK && processor != Processor.I8086) {
            return SegmentFault.of(
                    register == SegmentRegister.SS ? SegmentFault.STACK : SegmentFault.GENERAL_PROTECTION);
        }
        return physical(segment, offset);
    }
}
