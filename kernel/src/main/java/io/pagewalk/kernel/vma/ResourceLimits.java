package io.pagewalk.kernel.vma;

/** The resource limits of a process that memory management asks ({@code signal->rlim}). Soft limits count; {@link #INFINITY} is no limit. */
public final class ResourceLimits {
    /** No limit ({@code RLIM_INFINITY}). */
    public static final long INFINITY = -1L;

    /** Number of {@code RLIMIT_DATA}: bytes of private writable memory. */
    public static final int RLIMIT_DATA = 2;

    /** Number of {@code RLIMIT_STACK}: bytes of the stack. */
    public static final int RLIMIT_STACK = 3;

    /** Number of {@code RLIMIT_MEMLOCK}: bytes that may be locked. */
    public static final int RLIMIT_MEMLOCK = 8;

    /** Number of {@code RLIMIT_AS}: bytes of address space. */
    public static final int RLIMIT_AS = 9;

    /** How many kinds of limit there are. */
    public static final int COUNT = 16;

    /** Soft {@code RLIMIT_STACK} of a new process, in bytes. */
    public static final long DEFAULT_STACK_BYTES = 8L << 20;

    private static final long DEFAULT_MEMLOCK_BYTES = 8L << 20;

    private final long[] soft = new long[COUNT];
    private final long[] hard = new long[COUNT];

    /** Creates the limits of {@code init}: a stack of 8 MiB (unlimited hard), 8 MiB locked, the rest without limit. */
    public ResourceLimits() {
        java.util.Arrays.fill(soft, INFINITY);
        java.util.Arrays.fill(hard, INFINITY);
        soft[RLIMIT_STACK] = DEFAULT_STACK_BYTES;
        soft[RLIMIT_MEMLOCK] = DEFAULT_MEMLOCK_BYTES;
        hard[RLIMIT_MEMLOCK] = DEFAULT_MEMLOCK_BYTES;
    }

    /**
     * Creates a copy, as {@code fork()} makes it.
     *
     * @param other the parent's
     */
    public ResourceLimits(ResourceLimits other) {
        System.arraycopy(other.soft, 0, soft, 0, COUNT);
        System.arraycopy(other.hard, 0, hard, 0, COUNT);
    }

    /**
     * Returns a soft limit, unsigned: {@code rlimit()}.
     *
     * @param resource number of the limit, 0 to 15
     */
    public long soft(int resource) {
        return soft[resource];
    }

    /**
     * Returns a hard limit, unsigned: {@code rlimit_max()}.
     *
     * @param resource number of the limit, 0 to 15
     */
    public long hard(int resource) {
        return hard[resource];
    }

    /**
     * Sets both halves of a limit.
     *
     * @param resource number of the limit, 0 to 15
     * @param softLimit unsigned
     * @param hardLimit unsigned
     */
    public void set(int resource, long softLimit, long hardLimit) {
        soft[resource] = softLimit;
        hard[resource] = hardLimit;
    }
}
