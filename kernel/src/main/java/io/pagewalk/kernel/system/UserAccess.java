package io.pagewalk.kernel.system;

/**
 * What became of an access by user code: done, or the signal that the kernel sends for it.
 *
 * <p>Packed in an int, because it is returned for each access:
 *
 * <pre>
 *  31  24 23   17   16   15       8 7        0
 * +------+-------+------+----------+----------+
 * | key  |   0   | WAIT |  signal  | si_code  |   all zero: done
 * +------+-------+------+----------+----------+
 * </pre>
 */
public final class UserAccess {
    /** The access was made. */
    public static final int OK = 0;

    /** SIGSEGV, no mapping at the address. */
    public static final int SEGV_MAPERR = 11 << 8 | 1;

    /** SIGSEGV, a mapping that does not allow the access. */
    public static final int SEGV_ACCERR = 11 << 8 | 2;

    /** SIGSEGV, a protection key that refuses the access; above it lies the key ({@link #siPkey}), so that it is told by {@link #isByKey}. */
    public static final int SEGV_PKUERR = 11 << 8 | 4;

    /** SIGSEGV without address information: a non-canonical address raises a general protection fault on x86. */
    public static final int SEGV_KERNEL = 11 << 8 | 128;

    /** SIGBUS, a page beyond the end of the mapped file, or one that {@code UFFDIO_POISON} has poisoned: as in a kernel without {@code CONFIG_MEMORY_FAILURE}. */
    public static final int BUS_ADRERR = 7 << 8 | 2;

    /** SIGKILL, sent by the out-of-memory killer. */
    public static final int OOM_KILLED = 9 << 8 | 128;

    /** No signal: the task waits, and makes the access again when it no longer does ({@link Task#isAsleep}). */
    public static final int WAITS = 1 << 16;

    private static final int KEY_SHIFT = 24;

    private UserAccess() {}

    /** Returns {@link #SEGV_PKUERR} with the key of the area. */
    static int refusedByKey(int key) {
        return SEGV_PKUERR | key << KEY_SHIFT;
    }

    /**
     * Returns whether a protection key refused the access.
     *
     * @param outcome what an access came to
     */
    public static boolean isByKey(int outcome) {
        return (outcome & ~(-1 << KEY_SHIFT)) == SEGV_PKUERR;
    }

    /**
     * Returns the {@code si_pkey} of a signal that a protection key led to: the key of the area.
     *
     * @param outcome one that {@link #isByKey}
     */
    public static int siPkey(int outcome) {
        return outcome >>> KEY_SHIFT;
    }

    /**
     * Returns the signal's number on Linux, or 0 when the access was made or waits.
     *
     * @param outcome one of this class's constants
     */
    public static int signal(int outcome) {
        return (outcome >>> 8) & 0xff;
    }

    /**
     * Returns the {@code si_code} that goes with the signal.
     *
     * @param outcome one of this class's constants
     */
    public static int siCode(int outcome) {
        return outcome & 0xff;
    }

    /**
     * Names an outcome for people, such as {@code SIGSEGV (SEGV_MAPERR)}.
     *
     * @param outcome one of this class's constants
     */
    public static String describe(int outcome) {
        return switch (outcome) {
            case OK -> "OK";
            case SEGV_MAPERR -> "SIGSEGV (SEGV_MAPERR)";
            case SEGV_ACCERR -> "SIGSEGV (SEGV_ACCERR)";
            case SEGV_KERNEL -> "SIGSEGV (SI_KERNEL)";
            case BUS_ADRERR -> "SIGBUS (BUS_ADRERR)";
            case WAITS -> "waits";
            case OOM_KILLED -> "SIGKILL (out of memory)";
            default ->
                isByKey(outcome)
                        ? "SIGSEGV (SEGV_PKUERR, key " + siPkey(outcome) + ")"
                        : "signal " + signal(outcome) + " code " + siCode(outcome);
        };
    }
}
