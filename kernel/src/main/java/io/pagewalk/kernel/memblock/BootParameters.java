package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import java.util.Locale;

/**
 * What the kernel's command line says about memory ({@code Documentation/admin-guide/kernel-parameters.txt}).
 *
 * @param kernelcore memory that the kernel may use for itself; the rest of each node becomes ZONE_MOVABLE
 * @param movablecore memory for ZONE_MOVABLE
 * @param cmaBytes size of the contiguous memory area, 0 for none
 * @param noKeys whether protection keys stay off ({@code nopku})
 * @param commandLine the whole line, for those who read more in it
 */
public record BootParameters(Amount kernelcore, Amount movablecore, long cmaBytes, boolean noKeys, String commandLine) {
    /** Nothing on the command line. */
    public static final BootParameters NONE = new BootParameters(Amount.NONE, Amount.NONE, 0, false, "");

    /**
     * An amount of memory: bytes, or a part of all memory.
     *
     * @param bytes an absolute amount, 0 when percent is given
     * @param percent 1 to 100, or 0
     */
    public record Amount(long bytes, int percent) {
        /** Not given. */
        static final Amount NONE = new Amount(0, 0);

        /** Returns the pages of a machine with so many. */
        long pages(long totalPages) {
            return percent > 0 ? totalPages * 100 * percent / 10_000 : bytes >>> 12;
        }
    }

    /**
     * Reads a command line; words that are not about memory are passed over, as the kernel leaves them to others.
     *
     * @param commandLine as in {@code /proc/cmdline}, such as {@code kernelcore=512M cma=64M}
     * @throws BadInput for an amount that is none
     */
    public static BootParameters parse(String commandLine) {
        Amount kernelcore = Amount.NONE;
        Amount movablecore = Amount.NONE;
        long cma = 0;
        boolean noKeys = false;
        for (String word : commandLine.strip().split("\\s+", -1)) {
            int equals = word.indexOf('=');
            String value = equals < 0 ? "" : word.substring(equals + 1);
            switch (equals < 0 ? word : word.substring(0, equals)) {
                case "kernelcore" -> kernelcore = amount("kernelcore", value);
                case "movablecore" -> movablecore = amount("movablecore", value);
                case "nopku" -> noKeys = true;
                case "cma" -> cma = bytes("cma", value);
                default -> {
                    // Not about the page allocator.
                }
            }
        }
        return new BootParameters(kernelcore, movablecore, cma, noKeys, commandLine);
    }

    private static Amount amount(String name, String value) {
        if (value.endsWith("%")) {
            String digits = value.substring(0, value.length() - 1);
            if (!digits.matches("[0-9]{1,3}") || Integer.parseInt(digits) > 100) {
                throw new BadInput("kernel parameter " + name, "'" + value + "'", "0% to 100%");
            }
            return new Amount(0, Integer.parseInt(digits));
        }
        return new Amount(bytes(name, value), 0);
    }

    private static long bytes(String name, String value) {
        if (!value.toUpperCase(Locale.ROOT).matches("[0-9]{1,12}[KMGT]?")) {
            throw new BadInput("kernel parameter " + name, "'" + value + "'", "a size such as 512M");
        }
        char unit = Character.toUpperCase(value.charAt(value.length() - 1));
        long number = Long.parseLong(Character.isDigit(unit) ? value : value.substring(0, value.length() - 1));
        return switch (unit) {
            case 'K' -> number * Size.KIB;
            case 'M' -> number * Size.MIB;
            case 'G' -> number * Size.GIB;
            case 'T' -> number * Size.TIB;
            default -> number;
        };
    }
}
