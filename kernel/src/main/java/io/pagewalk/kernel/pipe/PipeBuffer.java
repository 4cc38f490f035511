package io.pagewalk.kernel.pipe;

/** A page with bytes that wait to be read: {@code struct pipe_buffer}. */
final class PipeBuffer {
    static final int PAGE_BYTES = 4096;

    private final long pfn;
    private final boolean isLent;
    private int offset;
    private int length;

    /** A page of the pipe's own, empty. */
    PipeBuffer(long pfn) {
        this(pfn, 0, 0, false);
    }

    /** Bytes in a page of a program, which has a reference for it. */
    static PipeBuffer lent(long pfn, int offset, int length) {
        return new PipeBuffer(pfn, offset, length, true);
    }

    private PipeBuffer(long pfn, int offset, int length, boolean isLent) {
        this.pfn = pfn;
        this.offset = offset;
        this.length = length;
        this.isLent = isLent;
    }

    long pfn() {
        return pfn;
    }

    boolean isLent() {
        return isLent;
    }

    int length() {
        return length;
    }

    /** Returns the physical address of the first byte. */
    long start() {
        return (pfn << 12) + offset;
    }

    /** Returns how many bytes can be written behind its own: none into a page of a program ({@code PIPE_BUF_FLAG_CAN_MERGE}). */
    int room() {
        return isLent ? 0 : PAGE_BYTES - offset - length;
    }

    void append(int bytes) {
        length += bytes;
    }

    void consume(int bytes) {
        offset += bytes;
        length -= bytes;
    }
}
