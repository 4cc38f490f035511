package io.pagewalk.oracle.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Lines of files under {@code /proc/PID}, brought to a form in which the two sides can be compared. */
public final class ProcText {
    private static final Pattern MAPS_LINE =
            Pattern.compile("([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) ([0-9]+) *(.*)");
    /** Devices of file systems in memory; that of huge pages has another number on each computer. */
    private static final String MEMORY_DEVICE = "00:";

    private static final String NO_DEVICE = "00:00";
    private static final int FIELDS = 5;

    /**
     * One line of maps.
     *
     * @param start first address
     * @param end first address behind
     * @param permissions four letters
     * @param offset byte offset in the file
     * @param major major device number
     * @param minor minor device number
     * @param inode inode number
     * @param name path, name in brackets, or empty
     */
    public record MapsLine(
            long start, long end, String permissions, long offset, int major, int minor, long inode, String name) {}

    private ProcText() {}

    /** Returns the lines of a maps text; {@code [vsyscall]} has a negative start. */
    public static List<MapsLine> parseMaps(String text) {
        List<MapsLine> result = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            Matcher m = MAPS_LINE.matcher(line);
            if (m.matches()) {
                result.add(new MapsLine(
                        Long.parseUnsignedLong(m.group(1), 16),
                        Long.parseUnsignedLong(m.group(2), 16),
                        m.group(3),
                        Long.parseUnsignedLong(m.group(4), 16),
                        Integer.parseInt(m.group(5), 16),
                        Integer.parseInt(m.group(6), 16),
                        Long.parseLong(m.group(7)),
                        m.group(8)));
            }
        }
        return result;
    }

    /** Removes what differs from run to run: inode numbers of files in memory. */
    public static String normalMaps(String text) {
        StringBuilder result = new StringBuilder(text.length());
        int at = 0;
        while (at < text.length()) {
            int end = text.indexOf('\n', at);
            end = end < 0 ? text.length() : end;
            int field = at;
            int device = at;
            for (int i = 0; i < FIELDS && field < end; i++) {
                int space = text.indexOf(' ', field);
                if (space < 0 || space >= end) {
                    field = end;
                    break;
                }
                if (i == 3) {
                    device = field;
                }
                field = space + 1;
            }
            if (text.startsWith(MEMORY_DEVICE, device) && !text.startsWith(NO_DEVICE, device)) {
                int name = field;
                while (name < end && text.charAt(name) == ' ') {
                    name++;
                }
                result.append(text, at, device)
                        .append(MEMORY_DEVICE)
                        .append(' ')
                        .append(text, name, end);
            } else {
                result.append(text, at, end);
            }
            result.append('\n');
            at = end + 1;
        }
        return result.toString();
    }

    /** Returns the first line in which two texts differ as {@code {expected, actual}}. */
    public static String[] firstDifference(String expected, String actual) {
        String[] left = expected.split("\n", -1);
        String[] right = actual.split("\n", -1);
        for (int i = 0; i < Math.max(left.length, right.length); i++) {
            String a = i < left.length ? left[i] : "(no line)";
            String b = i < right.length ? right[i] : "(no line)";
            if (!a.equals(b)) {
                return new String[] {a, b};
            }
        }
        return new String[] {"", ""};
    }

    /** Returns a number such as that of {@code VmSize:     12 kB}, or -1. */
    public static long number(String text, String name) {
        int at = text.indexOf("\n" + name + ":");
        if (at < 0) {
            return -1;
        }
        at += name.length() + 2;
        long value = 0;
        boolean hasDigits = false;
        for (; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c >= '0' && c <= '9') {
                value = value * 10 + c - '0';
                hasDigits = true;
            } else if (hasDigits || c == '\n') {
                break;
            }
        }
        return hasDigits ? value : -1;
    }
}
