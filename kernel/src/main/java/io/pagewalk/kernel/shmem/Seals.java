package io.pagewalk.kernel.shmem;

/** The bits of {@code fcntl(F_ADD_SEALS)}. */
public final class Seals {
    /** No more seals. */
    public static final int F_SEAL_SEAL = 1;

    /** The file may not become shorter. */
    public static final int F_SEAL_SHRINK = 2;

    /** The file may not become longer. */
    public static final int F_SEAL_GROW = 4;

    /** Nobody may write. */
    public static final int F_SEAL_WRITE = 8;

    /** Nobody may write who does not already have it mapped for writing. */
    public static final int F_SEAL_FUTURE_WRITE = 0x10;

    /** The execute permission may not change. */
    public static final int F_SEAL_EXEC = 0x20;

    static final int ALL = 0x3f;

    private Seals() {}
}
