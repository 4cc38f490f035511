package io.pagewalk.workload.trace;

import io.pagewalk.base.BadInput;
import java.nio.charset.StandardCharsets;

/** A reading position in a decoded column; what does not fit ends in {@link BadInput}. */
final class ByteCursor {
    private final String where;
    private byte[] bytes = new byte[0];
    private int position;
    private int limit;

    /**
     * Creates a cursor over nothing.
     *
     * @param where the file, for messages
     */
    ByteCursor(String where) {
        this.where = where;
    }

    void reset(byte[] newBytes, int from, int to) {
        bytes = newBytes;
        position = from;
        limit = to;
    }

    boolean hasMore() {
        return position < limit;
    }

    int readByte() {
        if (position >= limit) {
            throw new BadInput(where, "a column that ends too early", "a number");
        }
        return bytes[position++] & 0xff;
    }

    long readVarint() {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            int next = readByte();
            value |= (long) (next & 0x7f) << shift;
            if (next < 0x80) {
                return value;
            }
        }
        throw new BadInput(where, "a number of more than 64 bits", "a number");
    }

    /** Reads a count that must fit the memory of this program. */
    int readCount(int most) {
        long value = readVarint();
        if (value < 0 || value > most) {
            throw new BadInput(where, "a count of " + Long.toUnsignedString(value), "at most " + most);
        }
        return (int) value;
    }

    long readSigned() {
        long value = readVarint();
        return (value >>> 1) ^ -(value & 1);
    }

    String readText() {
        int length = readCount(limit - position);
        String text = new String(bytes, position, length, StandardCharsets.UTF_8);
        position += length;
        return text;
    }
}
