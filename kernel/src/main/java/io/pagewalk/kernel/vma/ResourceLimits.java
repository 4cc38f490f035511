package io.pagewalk.kernel.vma;

/** The resource limits of a process that memory management asks ({@code signal->rlim}). Soft limits count; {@link #INFINITY} is no limit. */
public final class ResourceLimits {
    /** No limit ({@code RLIM_INFINITY}). */
    public static final long INFINITY = -1L;

    /** Number of {@code RLIMIT_FSIZE}: bytes that a file may grow to. */
    public static final int RLIMIT_FSIZE = 1;

    /** Number of {@code RLIMIT_DATA}: bytes of private writable memory. */
    public static final int RLIMIT_DATA = 2;

    /** Number of {@code RLIMIT_STACK}: bytes of the stack. */
    public static final int RLIMIT_STACK = 3;

    /** Number of {@code RLIMIT_NOFILE}: open descriptors. */
    public static final int RLIMIT_NOFILE = 7;

    /** Number of {@code RLIMIT_MEMLOCK}: bytes that may be locked. */
    public static final int RLIMIT_MEMLOCK = 8;

    /** Number of {@code RLIMIT_AS}: bytes of address space. */
    public static final int RLIMIT_AS = 9;

    /** How many kinds of limit there are. */
    public static final int COUNT = 16;

    /** Soft {@code RLIMIT_STACK} of a new process, in bytes. */
    public static final long DEFAULT_STACK_BYTES = 8L << 20;

    private static final long DEFAULT_MEMLOCK_BYTES = 8L << 20;
    private static final int RLIMIT_CORE = 4;
    private static final int RLIMIT_MSGQUEUE = 12;
    private static final int RLIMIT_NICE = 13;
    private static final int RLIMIT_RTPRIO = 14;
    private static final long DEFAULT_FILES = 1024;
    private static final long MOST_FILES = 4096;
    private static final long DEFAULT_MSGQUEUE_BYTES = 819200;

    private final long[] soft = new long[COUNT];
    private final long[] hard = new long[COUNT];

    /**
     * Creates the limits of {@code init}: {@code include/asm-generic/resource.h:INIT_RLIMITS}. The numbers of processes and of pending signals, which Linux derives from the
     * size of RAM, are without limit.
     */
    public ResourceLimits() {
        java.util.Arrays.fill(soft, INFINITY);
        java.util.Arrays.fill(hard, INFINITY);
        soft[RLIMIT_STACK] = DEFAULT_STACK_BYTES;
        soft[RLIMIT_MEMLOCK] = DEFAULT_MEMLOCK_BYTES;
        hard[RLIMIT_MEMLOCK] = DEFAULT_MEMLOCK_BYTES;
        soft[RLIMIT_CORE] = 0;
        soft[RLIMIT_NOFILE] = DEFAULT_FILES;
        hard[RLIMIT_NOFILE] = MOST_FILES;
        set(RLIMIT_MSGQUEUE, DEFAULT_MSGQUEUE_BYTES, DEFAULT_MSGQUEUE_BYTES);
        set(RLIMIT_NICE, 0, 0);
        set(RLIMIT_RTPRIO, 0, 0);
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

    /**
     * Returns whether a file may get a length: {@code fs/attr.c:inode_newsize_ok()} without the largest length of the file system. Linux also sends SIGXFSZ when not.
     *
     * @param oldBytes its present length
     * @param newBytes the wanted one, at least 0
     */
    public boolean allowsFileSize(long oldBytes, long newBytes) {
        return newBytes <= oldBytes || Long.compareUnsigned(newBytes, soft[RLIMIT_FSIZE]) <= 0;
    }

    /**
     * Returns how much of a write the limit on the size of files leaves: {@code fs/read_write.c:generic_write_check_limits()}, which takes the limit for a signed number.
     *
     * @param position first byte in the file
     * @param bytes how many are to be written
     * @return at most {@code bytes}; -1 when not one may be written: {@code -EFBIG}, and Linux also sends SIGXFSZ
     */
    public long allowedWrite(long position, long bytes) {
        long limit = soft[RLIMIT_FSIZE];
        if (limit == INFINITY) {
            return bytes;
        }
        return position >= limit ? -1 : Math.min(bytes, limit - position);
    }
}
