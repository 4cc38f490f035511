package io.pagewalk.kernel.syscall;

import java.util.Locale;

/** Numbers and switches that users write into files of sysfs: {@code lib/kstrtox.c}. One line end may follow a value. */
public final class Kstrtox {
    private static final long UNSIGNED_INT_MAX = 0xffff_ffffL;
    private static final int MOST_DIGITS = 18;

    private Kstrtox() {}

    /**
     * Parses a decimal number: {@code kstrtoul()}. Differs from Linux: numbers from 10<sup>18</sup> on are out of range, because no setting comes near.
     *
     * @param text as a user writes it
     * @return the number, {@code -EINVAL} or {@code -ERANGE}
     */
    public static long unsignedLong(String text) {
        return number(text, Long.MAX_VALUE);
    }

    /**
     * Parses a decimal number of 32 bits: {@code kstrtouint()}.
     *
     * @param text as a user writes it
     * @return the number, {@code -EINVAL} or {@code -ERANGE}
     */
    public static long unsignedInt(String text) {
        return number(text, UNSIGNED_INT_MAX);
    }

    /**
     * Parses a decimal number up to a limit.
     *
     * @param text as a user writes it
     * @param most the largest that fits
     * @return the number, {@code -EINVAL} or {@code -ERANGE}
     */
    public static long number(String text, long most) {
        String digits = withoutLineEnd(text);
        if (!digits.matches("\\+?[0-9]+")) {
            return -Errno.EINVAL;
        }
        digits = digits.replaceFirst("^\\+?0*(?=.)", "");
        long value = digits.length() > MOST_DIGITS ? -Errno.ERANGE : Long.parseLong(digits);
        return value > most ? -Errno.ERANGE : value;
    }

    /**
     * Parses a switch, of which the first letters count: {@code kstrtobool()}.
     *
     * @param text as a user writes it
     * @return 0, 1 or {@code -EINVAL}
     */
    public static long bool(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.startsWith("y") || lower.startsWith("1") || lower.startsWith("t") || lower.startsWith("on")) {
            return 1;
        }
        return lower.startsWith("n") || lower.startsWith("0") || lower.startsWith("f") || lower.startsWith("of")
                ? 0
                : -Errno.EINVAL;
    }

    /**
     * Returns what is compared of a word: {@code sysfs_streq()}.
     *
     * @param text as a user writes it
     */
    public static String withoutLineEnd(String text) {
        return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }
}
