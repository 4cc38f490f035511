package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.segmentation.RealMode;
import io.pagewalk.hardware.segmentation.RealMode.Processor;
import io.pagewalk.hardware.segmentation.SegmentFault;
import io.pagewalk.hardware.segmentation.SegmentRegister;

/**
 * A real-mode system in the manner of DOS: each segment begins at a paragraph, programs keep paragraph numbers in segment registers and add 16-bit offsets.
 *
 * <p>An offset cannot leave its 64 KiB, but nothing keeps it inside the segment's size, and any program can load any segment number. Memory above 1 MiB cannot be
 * reached. Segments grow only where they lie ({@code INT 21h, AH=4Ah}), since their numbers are in registers and far pointers.
 */
public final class RealModeSystem extends PartitionedSystem {
    private static final long REACHABLE_BYTES = 1 << 20;
    private static final int OFFSET_MASK = 0xffff;

    private final RealMode processor;

    /**
     * Boots on an 80286 with the A20 gate closed.
     *
     * @param ramBytes memory, a multiple of 4 KiB above 64 KiB; what lies above 1 MiB is not used
     */
    public RealModeSystem(long ramBytes) {
        super(Math.min(ramBytes, REACHABLE_BYTES), Fit.FIRST);
        processor = new RealMode(Processor.I80286);
    }

    @Override
    public String name() {
        return "real mode";
    }

    @Override
    long translate(int program, int segment, int offset, int kind) {
        return processor.physical(paragraph(own(program), segment), offset);
    }

    @Override
    public Stray.Result stray(int program, Stray stray) {
        Program own = own(program);
        int paragraph = paragraph(own, stray.segment());
        int offset = own.size[stray.segment()] + stray.distance();
        switch (stray.kind()) {
            case OVERRUN, FAR -> {}
            case CODE -> {
                paragraph = paragraph(own, CODE);
                offset = stray.distance() % own.size[CODE];
            }
            case NULL, SYSTEM -> {
                paragraph = 0;
                offset = stray.distance();
            }
            case FOREIGN -> {
                Program other = own(stray.other());
                paragraph = paragraph(other, DATA);
                offset = stray.distance() % other.size[DATA];
            }
        }
        SegmentRegister register = stray.segment() == STACK ? SegmentRegister.SS : SegmentRegister.DS;
        long address = processor.operand(register, paragraph, offset & OFFSET_MASK, 1);
        return SegmentFault.isFault(address)
                ? Stray.Result.caught(SegmentFault.describe(address))
                : storeAt(program, address);
    }

    private static int paragraph(Program program, int segment) {
        long base = program.base[segment];
        KernelBug.on(!Bits.isAligned(base, VariablePartitions.GRANULE_BYTES), "a segment beside a paragraph");
        return (int) (base >>> 4);
    }

    @Override
    long tableBytes() {
        return 0;
    }

    @Override
    long memoryReferences() {
        return 0;
    }
}
