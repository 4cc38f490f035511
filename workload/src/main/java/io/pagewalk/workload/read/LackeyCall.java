package io.pagewalk.workload.read;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** One SYSCALL line of valgrind's, taken apart. Text is given with one character a byte (ISO 8859-1); paths come out as UTF-8. */
final class LackeyCall {
    static final int CLONE = 56;
    static final int EXECVE = 59;
    static final int EXIT = 60;
    static final int ARCH_PRCTL = 158;
    static final int EXIT_GROUP = 231;
    static final int EXECVEAT = 322;
    private static final long CLONE_THREAD = 0x10000;
    private static final int ARGUMENTS = 6;
    private static final String ARROW = "--> ";

    /** What the line says of the call's end. */
    enum Outcome {
        /** Nothing: the line goes on, or the program was replaced. */
        NONE,
        /** The call may block; its result comes on a line of its own. */
        BLOCKED,
        /** This is the result of a call that blocked. */
        RESUMED,
        /** The call and its result. */
        RETURNED
    }

    private final String line;
    private int at;
    private final long[] arguments = new long[ARGUMENTS];
    private int processId;
    private int slot;
    private int number;
    private long result;
    private @Nullable String path;
    private Outcome outcome = Outcome.NONE;

    private LackeyCall(String line) {
        this.line = line;
    }

    /** Takes a line apart that starts with {@code SYSCALL[}. Returns null when it is not one of valgrind's. */
    static @Nullable LackeyCall parse(String line) {
        LackeyCall call = new LackeyCall(line);
        return call.head() && call.body() ? call : null;
    }

    int processId() {
        return processId;
    }

    int slot() {
        return slot;
    }

    int number() {
        return number;
    }

    long argument(int index) {
        return arguments[index];
    }

    long result() {
        return result;
    }

    @Nullable
    String path() {
        return path;
    }

    Outcome outcome() {
        return outcome;
    }

    boolean hasOutcome() {
        return outcome != Outcome.NONE;
    }

    boolean isExec() {
        return number == EXECVE || number == EXECVEAT;
    }

    boolean makesThread() {
        return number == CLONE && (arguments[0] & CLONE_THREAD) != 0;
    }

    /** How many characters of the line belong to the call; another thread's output may stand behind them. */
    int consumed() {
        return at;
    }

    private boolean head() {
        at = "SYSCALL[".length();
        processId = small(',');
        slot = small(']');
        if (slot < 1 || !take("(")) {
            return false;
        }
        number = small(')');
        return number >= 0 && take(" ");
    }

    private boolean body() {
        if (take("... [async] ")) {
            return result(Outcome.RESUMED);
        }
        int open = line.indexOf('(', at);
        boolean hasArguments =
                open >= 0 && !line.startsWith("unimplemented", at) && !line.startsWith("non-existent", at);
        if (hasArguments) {
            at = open + 1;
            if (!arguments()) {
                return false;
            }
        }
        return result(Outcome.RETURNED);
    }

    private boolean arguments() {
        for (int i = 0; ; i++) {
            skipBlanks();
            if (at >= line.length() || line.charAt(at) == ')') {
                at++;
                return true;
            }
            if (line.startsWith(ARROW, at) || line.startsWith("[sync]", at)) {
                return true; /* execveat lacks its bracket */
            }
            long value = argument(isPlainHex(i));
            if (i < ARGUMENTS) {
                arguments[i] = value;
            }
            if (at < line.length() && line.charAt(at) == '(') {
                String text = string();
                path = path == null ? text : path;
            }
            skipBlanks();
            if (at < line.length() && line.charAt(at) == ',') {
                at++;
            }
        }
    }

    /* Hexadecimal without 0x: the flags of clone, and what arch_prctl is given. */
    private boolean isPlainHex(int index) {
        return (number == CLONE && index == 0) || (number == ARCH_PRCTL && index == 1);
    }

    /* A word that is no number, such as a symbol's name, counts as 0. */
    private long argument(boolean plainHex) {
        int start = at;
        boolean isNegative = take("-");
        boolean hex = take("0x") || plainHex;
        int digits = at;
        long value = 0;
        while (at < line.length()) {
            int digit = Hex.digit((byte) line.charAt(at));
            if (digit < 0 || (!hex && digit > 9)) {
                break;
            }
            value = value * (hex ? 16 : 10) + digit;
            at++;
        }
        if (at > digits) {
            return isNegative ? -value : value;
        }
        at = start;
        while (at < line.length() && ",() \n".indexOf(line.charAt(at)) < 0) {
            at++;
        }
        at = at == start ? at + 1 : at;
        return 0;
    }

    /* A path may hold brackets and commas: it ends at a bracket behind which the next argument or the end of the list stands. */
    private String string() {
        int start = ++at;
        int end = start;
        while (end < line.length() && !(line.charAt(end) == ')' && endsString(end + 1))) {
            end++;
        }
        at = Math.min(end + 1, line.length());
        return new String(line.substring(start, end).getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    private boolean endsString(int from) {
        if (from >= line.length() || line.startsWith(" )", from) || line.charAt(from) == ')') {
            return true;
        }
        return line.startsWith(", ", from)
                && from + 2 < line.length()
                && (line.charAt(from + 2) == '-' || Character.isDigit(line.charAt(from + 2)));
    }

    private boolean result(Outcome returned) {
        int arrow = line.indexOf(ARROW, Math.min(at, line.length()));
        if (arrow < 0) {
            return returned != Outcome.RESUMED;
        }
        at = arrow + ARROW.length();
        if (take("[async] ...")) {
            at = line.length();
            outcome = Outcome.BLOCKED;
            return true;
        }
        boolean isTold = take("[pre-success] ") || take("[pre-fail] ");
        outcome = returned;
        if (take("NoWriteResult")) {
            take(" ");
            return isTold;
        }
        boolean isSuccess = take("Success(0x");
        if (!isSuccess && !take("Failure(0x")) {
            return false;
        }
        int digits = at;
        while (at < line.length() && Hex.digit((byte) line.charAt(at)) >= 0) {
            result = result << 4 | Hex.digit((byte) line.charAt(at++));
        }
        result = isSuccess ? result : -result;
        boolean isClosed = at > digits && at - digits <= 16 && take(")");
        take(" ");
        return isClosed;
    }

    /** Reads a small decimal number that {@code end} closes. Returns -1 when there is none. */
    private int small(char end) {
        int close = line.indexOf(end, at);
        if (close <= at || close - at > 9) {
            return -1;
        }
        int value = 0;
        for (int i = at; i < close; i++) {
            if (!Character.isDigit(line.charAt(i))) {
                return -1;
            }
            value = value * 10 + line.charAt(i) - '0';
        }
        at = close + 1;
        return value;
    }

    private boolean take(String expected) {
        if (line.startsWith(expected, at)) {
            at += expected.length();
            return true;
        }
        return false;
    }

    private void skipBlanks() {
        while (at < line.length() && line.charAt(at) == ' ') {
            at++;
        }
    }
}
