package io.pagewalk.kernel.gup;

/** How pages of a program are looked up: the {@code FOLL_} flags of {@code include/linux/mm_types.h}. */
public final class Foll {
    /** The pages will be written to. */
    public static final int WRITE = 1;

    /** Each page gets a reference. */
    public static final int GET = 1 << 1;

    /** What the area forbids is done all the same, as a debugger needs it; a private page is copied before it is written to. */
    public static final int FORCE = 1 << 3;

    /** Pages that are not mapped are not faulted in. */
    public static final int NOFAULT = 1 << 5;

    /** The pages are held until a program says otherwise. */
    public static final int LONGTERM = 1 << 8;

    /** Each page gets a pin. */
    public static final int PIN = 1 << 19;

    private Foll() {}
}
