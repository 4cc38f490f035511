package io.pagewalk.workload.read;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Digits of texts, one table look-up each. */
final class Hex {
    /** Value of a hexadecimal digit by its byte; -1 for every other byte. Never written after the class is made. */
    private static final byte[] VALUES = values();

    private Hex() {}

    /** Returns the value of a hexadecimal digit, or -1. */
    static int digit(byte character) {
        return VALUES[character & 0xff];
    }

    /** Returns bytes as text for an error message: 60 characters at most, control characters replaced. */
    static String shorten(byte[] bytes, int from, int to) {
        int end = Math.min(to, from + 60);
        StringBuilder text = new StringBuilder("'");
        for (char c : new String(bytes, from, Math.max(0, end - from), StandardCharsets.UTF_8).toCharArray()) {
            text.append(Character.isISOControl(c) ? '?' : c);
        }
        return text.append(end < to ? "...'" : "'").toString();
    }

    private static byte[] values() {
        byte[] table = new byte[256];
        Arrays.fill(table, (byte) -1);
        for (int i = 0; i < 10; i++) {
            table['0' + i] = (byte) i;
        }
        for (int i = 0; i < 6; i++) {
            table['a' + i] = (byte) (10 + i);
            table['A' + i] = (byte) (10 + i);
        }
        return table;
    }
}
