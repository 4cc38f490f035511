package io.pagewalk.oracle.programs;

import java.util.List;
import java.util.Locale;

/** What came of one program, for people. */
public final class ProgramReport {
    private ProgramReport() {}

    /**
     * Prints what was compared, and each difference.
     *
     * @param result what came of a program
     */
    public static String text(ProgramResult result) {
        StringBuilder text = new StringBuilder();
        text.append(String.join(" ", result.command())).append('\n');
        text.append(String.format(
                Locale.ROOT,
                "  %,d accesses, %,d system calls, %d areas at the end%n",
                result.accesses(),
                result.syscalls(),
                result.areas()));
        differences(text, "maps and stack pointer at the first instruction", result.startDifferences());
        differences(text, "addresses that the kernel chose", result.otherAddresses());
        differences(text, "maps at the end", result.differences());
        text.append(String.format(
                Locale.ROOT,
                "  minor faults: %s (Linux %,d, model %,d)%n",
                result.realMinorFaults() == result.modelMinorFaults() ? "equal" : "DIFFERENT",
                result.realMinorFaults(),
                result.modelMinorFaults()));
        return text.toString();
    }

    private static void differences(StringBuilder text, String what, List<String> lines) {
        text.append("  ").append(what).append(": ").append(lines.isEmpty() ? "equal\n" : "DIFFERENT\n");
        for (String line : lines) {
            text.append("    ").append(line).append('\n');
        }
    }
}
