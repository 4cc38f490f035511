package io.pagewalk.hardware.mmu;

/** The kinds of memory access, as ints for the hot path. */
public final class Access {
    /** A data load. */
    public static final int LOAD = 0;

    /** A data store. */
    public static final int STORE = 1;

    /** An instruction fetch. */
    public static final int FETCH = 2;

    private Access() {}

    /**
     * Returns the kind's name for people.
     *
     * @param kind LOAD, STORE or FETCH
     */
    public static String name(int kind) {
        return switch (kind) {
            case LOAD -> "load";
            case STORE -> "store";
            case FETCH -> "fetch";
            default -> throw new IllegalArgumentException("access kind " + kind);
        };
    }
}
