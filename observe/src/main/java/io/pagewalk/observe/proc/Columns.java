package io.pagewalk.observe.proc;

/** Padding as the kernel's {@code seq_printf()} does it. */
final class Columns {
    private static final int KIB_PER_PAGE = 4;

    private Columns() {}

    /** Appends a text so that it ends in a column, or whole when it is longer. */
    static void right(StringBuilder out, String text, int width) {
        for (int i = text.length(); i < width; i++) {
            out.append(' ');
        }
        out.append(text);
    }

    static void right(StringBuilder out, long number, int width) {
        right(out, Long.toString(number), width);
    }

    /** Appends a text and fills up with spaces to a width. */
    static void left(StringBuilder out, String text, int width) {
        out.append(text);
        for (int i = text.length(); i < width; i++) {
            out.append(' ');
        }
    }

    /** Appends {@code Name:   12345 kB}. */
    static void kilobytes(StringBuilder out, String name, long kilobytes) {
        left(out, name + ":", 16);
        right(out, kilobytes, 8);
        out.append(" kB\n");
    }

    static long kilobytesOf(long pages) {
        return pages * KIB_PER_PAGE;
    }

    /** Appends a number in hexadecimal with leading zeros to a width. */
    static void hex(StringBuilder out, long number, int width) {
        String digits = Long.toHexString(number);
        for (int i = digits.length(); i < width; i++) {
            out.append('0');
        }
        out.append(digits);
    }
}
