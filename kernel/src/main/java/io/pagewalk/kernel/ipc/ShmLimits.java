package io.pagewalk.kernel.ipc;

/** {@code /proc/sys/kernel/shm*}: the limits of {@code struct ipc_namespace}. */
public final class ShmLimits {
    /** {@code SHMMAX}: {@code ULONG_MAX - (1UL << 24)}, also of {@code SHMALL}. */
    public static final long DEFAULT_MAX = -1 - (1L << 24);

    /** {@code SHMMNI}. */
    public static final int DEFAULT_SEGMENTS = 4096;

    private long maxBytes = DEFAULT_MAX;
    private long totalPages = DEFAULT_MAX;
    private int segments = DEFAULT_SEGMENTS;
    private boolean isRemovalForced;

    ShmLimits() {}

    /** Returns {@code shmmax}: the longest segment in bytes, unsigned. */
    public long maxBytes() {
        return maxBytes;
    }

    /** Returns {@code shmall}: the pages that all segments may have together, unsigned. */
    public long totalPages() {
        return totalPages;
    }

    /** Returns {@code shmmni}: how many segments there may be. */
    public int segments() {
        return segments;
    }

    /** Returns {@code shm_rmid_forced}: whether segments go that nobody has attached. */
    public boolean isRemovalForced() {
        return isRemovalForced;
    }

    /**
     * Sets {@code shmmax}.
     *
     * @param value bytes, unsigned
     */
    public void setMaxBytes(long value) {
        maxBytes = value;
    }

    /**
     * Sets {@code shmall}.
     *
     * @param value pages, unsigned
     */
    public void setTotalPages(long value) {
        totalPages = value;
    }

    /**
     * Sets {@code shmmni}.
     *
     * @param value 0 to 32768
     */
    public void setSegments(int value) {
        segments = value;
    }

    void setRemovalForced(boolean value) {
        isRemovalForced = value;
    }
}
