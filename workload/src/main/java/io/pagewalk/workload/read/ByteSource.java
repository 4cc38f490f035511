package io.pagewalk.workload.read;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * A window on a stream of bytes that parsers index directly.
 *
 * <p>{@code bytes[position .. limit)} is read and not yet used; behind {@code limit} stand zeros, so that a parser of text may look up to {@link #PADDING} bytes past it and meets no digit there.
 */
final class ByteSource {
    static final int PADDING = 64;
    private static final int INITIAL_BYTES = 1 << 20;
    /** A single line or frame longer than this is not a trace. */
    private static final int MOST_BYTES = 1 << 26;

    byte[] bytes = new byte[INITIAL_BYTES + PADDING];
    int position;
    int limit;
    private final InputStream in;
    private long discarded;
    private boolean ended;

    ByteSource(InputStream in) {
        this.in = in;
    }

    /** Returns the offset in the stream of the byte at {@code position}. */
    long offset() {
        return discarded + position;
    }

    /** Makes at least {@code count} bytes available from {@code position}, or all that are left. Returns whether there are {@code count}. */
    boolean ensure(int count) throws IOException {
        while (limit - position < count && !ended) {
            fill(count);
        }
        return limit - position >= count;
    }

    /** Returns the index of the next line feed at or after {@code position}, or -1 when the rest of the stream has none. */
    int lineEnd() throws IOException {
        return lineEnd(0);
    }

    /** Returns the index of the next line feed at least {@code ahead} bytes after {@code position}, or -1. */
    int lineEnd(int ahead) throws IOException {
        ensure(ahead + 1);
        int from = Math.min(position + ahead, limit);
        while (true) {
            for (int i = from; i < limit; i++) {
                if (bytes[i] == '\n') {
                    return i;
                }
            }
            if (ended || limit - position >= MOST_BYTES) {
                return -1;
            }
            int seen = limit - position;
            fill(seen + 1);
            from = position + seen;
        }
    }

    private void fill(int count) throws IOException {
        if (position > 0) {
            System.arraycopy(bytes, position, bytes, 0, limit - position);
            limit -= position;
            discarded += position;
            position = 0;
        }
        if (count + PADDING > bytes.length || limit + PADDING >= bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(count + PADDING, 2 * bytes.length));
        }
        int got = in.read(bytes, limit, bytes.length - PADDING - limit);
        if (got < 0) {
            ended = true;
        } else {
            limit += got;
        }
        Arrays.fill(bytes, limit, limit + PADDING, (byte) 0);
    }
}
