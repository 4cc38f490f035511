package io.pagewalk.base;

import java.util.Locale;

/** Sizes in bytes as people write them: {@code 4096}, {@code 12K}, {@code 1.5G}, {@code 64MiB}. */
public final class Size {
    private static final String UNITS = "KMGTPE";

    /** One KiB in bytes. */
    public static final long KIB = 1L << 10;

    /** One MiB in bytes. */
    public static final long MIB = 1L << 20;

    /** One GiB in bytes. */
    public static final long GIB = 1L << 30;

    /** One TiB in bytes. */
    public static final long TIB = 1L << 40;

    private Size() {}

    /**
     * Reads a size; units are powers of 1024 and their case does not matter.
     *
     * @param where the option or file position, for the message
     * @param text a positive number with an optional K, M, G, T, P or E, optionally followed by {@code B} or {@code iB}
     * @return the size in bytes, at least 1
     * @throws BadInput when the text is no size or does not fit 63 bits
     */
    public static long parse(String where, String text) {
        String upper = text.strip().toUpperCase(Locale.ROOT);
        String digits = upper;
        int shift = 0;
        if (digits.endsWith("IB")) {
            digits = digits.substring(0, digits.length() - 2);
        } else if (digits.endsWith("B")) {
            digits = digits.substring(0, digits.length() - 1);
        }
        if (!digits.isEmpty()) {
            int unit = UNITS.indexOf(digits.charAt(digits.length() - 1));
            if (unit >= 0) {
                shift = 10 * (unit + 1);
                digits = digits.substring(0, digits.length() - 1);
            }
        }
        if (!digits.matches("[0-9]{1,18}(\\.[0-9]{1,9})?")) {
            throw new BadInput(where, "'" + text + "'", "a size such as 512M or 4G");
        }
        double value = Double.parseDouble(digits) * (double) (1L << shift);
        if (value < 1 || value >= 0x1p62) {
            throw new BadInput(where, "'" + text + "'", "a size from 1 byte to 4 EiB");
        }
        return digits.contains(".") ? Math.round(value) : Long.parseLong(digits) << shift;
    }

    /**
     * Writes a size for people with at most one digit after the point: {@code 1.5 GiB}.
     *
     * @param bytes at least 0
     */
    public static String format(long bytes) {
        if (bytes < KIB) {
            return bytes + " B";
        }
        int unit = Math.min(Bits.log2Floor(bytes) / 10, UNITS.length());
        double value = (double) bytes / (double) (1L << (10 * unit));
        String number = String.format(Locale.ROOT, "%.1f", value);
        if (number.endsWith(".0")) {
            number = number.substring(0, number.length() - 2);
        }
        return number + " " + UNITS.charAt(unit - 1) + "iB";
    }
}
