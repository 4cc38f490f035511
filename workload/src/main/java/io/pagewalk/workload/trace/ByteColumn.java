package io.pagewalk.workload.trace;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing run of bytes that one column of a block is written into. */
final class ByteColumn {
    private byte[] bytes;
    private int size;

    ByteColumn(int capacity) {
        this.bytes = new byte[capacity];
    }

    int size() {
        return size;
    }

    byte[] array() {
        return bytes;
    }

    void clear() {
        size = 0;
    }

    void putByte(int value) {
        if (size == bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(64, size * 2));
        }
        bytes[size++] = (byte) value;
    }

    /** Appends the low 16 bits, low byte first. */
    void putShort(int value) {
        putByte(value);
        putByte(value >>> 8);
    }

    /** Appends an unsigned number in groups of seven bits, the lowest first. */
    void putVarint(long value) {
        long rest = value;
        while ((rest & ~0x7fL) != 0) {
            putByte((int) (rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        putByte((int) rest);
    }

    /** Appends a signed number so that small magnitudes stay short. */
    void putSigned(long value) {
        putVarint((value << 1) ^ (value >> 63));
    }

    /** Appends the length in bytes and the UTF-8 text. */
    void putText(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        putVarint(utf8.length);
        for (byte one : utf8) {
            putByte(one);
        }
    }
}
