package io.pagewalk.kernel.procfs;

/** Numbers that users write into files: {@code lib/kstrtox.c:kstrtoint()} after {@code strstrip()}. */
final class ProcNumber {
    /** The text is no number: {@code -EINVAL}. */
    static final long NOT_A_NUMBER = Long.MIN_VALUE;

    /** The number does not fit into 32 bits: {@code -ERANGE}. */
    static final long OUT_OF_RANGE = Long.MIN_VALUE + 1;

    private ProcNumber() {}

    /** Parses a decimal number, with a sign and one line end at most, between white space. */
    static long parseInt(String text) {
        String stripped = text.strip();
        boolean isNegative = stripped.startsWith("-");
        String digits = isNegative || stripped.startsWith("+") ? stripped.substring(1) : stripped;
        if (digits.isEmpty() || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return NOT_A_NUMBER;
        }
        long value = 0;
        for (int i = 0; i < digits.length(); i++) {
            value = 10 * value + digits.charAt(i) - '0';
            if (value > 1L + Integer.MAX_VALUE) {
                return OUT_OF_RANGE;
            }
        }
        value = isNegative ? -value : value;
        return value > Integer.MAX_VALUE ? OUT_OF_RANGE : value;
    }
}
