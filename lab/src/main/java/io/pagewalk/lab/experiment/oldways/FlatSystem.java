package io.pagewalk.lab.experiment.oldways;

/**
 * One address space for everybody: programs use physical addresses, nothing is checked, and whatever a program stores anywhere is stored.
 *
 * <p>A program can be loaded at any place, since the loader patches every address in it (AmigaOS hunks, DOS .EXE headers and uClinux do so); after that its addresses are in its
 * words and registers, so that a segment can grow only where it lies.
 */
public final class FlatSystem extends PartitionedSystem {
    /** Every so many bytes of code hold the address of some data: what the loader patches. */
    static final int RELOCATION_STRIDE = 64;

    private static final int ADDRESS_BYTES = 4;
    private long relocatedWords;

    /**
     * Boots.
     *
     * @param ramBytes memory, a multiple of 4 KiB above 64 KiB
     */
    public FlatSystem(long ramBytes) {
        super(ramBytes, Fit.FIRST);
    }

    @Override
    public String name() {
        return "flat";
    }

    @Override
    void started(int program, Program own) {
        for (int at = 0; at + ADDRESS_BYTES <= own.size[CODE]; at += RELOCATION_STRIDE) {
            for (int i = 0; i < ADDRESS_BYTES; i++) {
                memory.writeByte(own.base[CODE] + at + i, expected(program, CODE, at + i));
            }
            relocatedWords++;
        }
    }

    /** A relocated word is the address of a byte of data, little-endian. */
    @Override
    byte expected(int program, int segment, int offset) {
        int inWord = offset % RELOCATION_STRIDE;
        Program own = own(program);
        if (segment != CODE || inWord >= ADDRESS_BYTES || offset - inWord + ADDRESS_BYTES > own.size[CODE]) {
            return super.expected(program, segment, offset);
        }
        long address = own.base[DATA] + offset / RELOCATION_STRIDE;
        return (byte) (address >>> (8 * inWord));
    }

    @Override
    long translate(int program, int segment, int offset, int kind) {
        return own(program).base[segment] + offset;
    }

    @Override
    public Stray.Result stray(int program, Stray stray) {
        Program own = own(program);
        long end = own.base[stray.segment()] + own.size[stray.segment()];
        return storeAt(
                program,
                switch (stray.kind()) {
                    case OVERRUN, FAR -> end + stray.distance();
                    case CODE -> own.base[CODE] + stray.distance() % own.size[CODE];
                    case NULL, SYSTEM -> stray.distance();
                    case FOREIGN -> foreign(stray);
                });
    }

    private long foreign(Stray stray) {
        Program other = own(stray.other());
        return other.base[DATA] + stray.distance() % other.size[DATA];
    }

    @Override
    long tableBytes() {
        return 0;
    }

    @Override
    long memoryReferences() {
        return 0;
    }

    @Override
    long relocatedWords() {
        return relocatedWords;
    }
}
