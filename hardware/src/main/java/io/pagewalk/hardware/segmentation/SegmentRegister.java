package io.pagewalk.hardware.segmentation;

/** The six segment registers; FS and GS exist since the 80386. */
public enum SegmentRegister {
    /** Extra data. */
    ES(0),
    /** Code: fetches go through it. */
    CS(1),
    /** Stack. */
    SS(2),
    /** Data. */
    DS(3),
    /** More data. */
    FS(4),
    /** More data. */
    GS(5);

    private final int number;

    SegmentRegister(int number) {
        this.number = number;
    }

    /** Returns the number that instructions encode it with. */
    public int number() {
        return number;
    }
}
