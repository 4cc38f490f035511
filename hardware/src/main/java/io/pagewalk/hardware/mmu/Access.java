package io.pagewalk.hardware.mmu;

import io.pagewalk.hardware.paging.PteFlags;

/** The kinds of memory access, as ints for the hot path. */
public final class Access {
    /** A data load. */
    public static final int LOAD = 0;

    /** A data store. */
    public static final int STORE = 1;

    /** An instruction fetch. */
    public static final int FETCH = 2;

    private Access() {}

    /** Returns the {@link PteFlags} rights that an access needs. */
    static int neededFlags(int kind, Privilege privilege) {
        int needed = switch (kind) {
            case LOAD -> PteFlags.READ;
            case STORE -> PteFlags.WRITE;
            default -> PteFlags.EXEC;
        };
        return privilege == Privilege.USER ? needed | PteFlags.USER : needed;
    }

    /** Returns the {@link PteFlags} rights that a page must not have for an access. */
    static int forbiddenFlags(int kind, Privilege privilege) {
        return kind == FETCH && privilege == Privilege.SUPERVISOR ? PteFlags.USER : 0;
    }

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
