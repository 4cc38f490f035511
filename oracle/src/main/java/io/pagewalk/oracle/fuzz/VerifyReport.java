package io.pagewalk.oracle.fuzz;

import io.pagewalk.oracle.machine.HelperProgram;
import java.util.Locale;
import java.util.Map;

/** The text that a run ends with. */
public final class VerifyReport {
    private VerifyReport() {}

    /**
     * Prints each difference without a reason with its short history, and the table.
     *
     * @param request what was asked
     * @param result what came of it
     */
    public static String text(VerifyRequest request, VerifyResult result) {
        StringBuilder text = new StringBuilder();
        for (VerifyResult.Mismatch mismatch : result.unexplained()) {
            mismatch(text, mismatch);
        }
        for (String failure : result.helperFailures()) {
            text.append("no result: ").append(failure).append("\n\n");
        }
        text.append(String.format(
                Locale.ROOT,
                "model Linux %s, this computer Linux %s%n",
                HelperProgram.modelledVersion(),
                HelperProgram.kernelVersion()));
        row(text, "operations", result.operations());
        text.append(String.format(Locale.ROOT, ", %,.0f/s", result.operationsPerSecond()));
        row(text, "\nhistories", result.histories());
        text.append(String.format(
                Locale.ROOT, ", seeds %d to %d", request.seed(), request.seed() + result.histories() - 1));
        row(text, "\ncomparisons", result.comparisons());
        row(text, "\nmismatches explained", result.explainedCount());
        for (Map.Entry<String, Long> entry : result.explained().entrySet()) {
            text.append(String.format(Locale.ROOT, "%n%,24d  %s", entry.getValue(), entry.getKey()));
        }
        row(text, "\nmismatches unexplained", result.unexplained().size());
        if (!result.helperFailures().isEmpty()) {
            row(text, "\nhelper failures", result.helperFailures().size());
        }
        return text.append('\n').toString();
    }

    private static void row(StringBuilder text, String name, long value) {
        String label = name.startsWith("\n") ? name.substring(1) : name;
        text.append(name.startsWith("\n") ? "\n" : "").append(String.format(Locale.ROOT, "%-24s%,14d", label, value));
    }

    private static void mismatch(StringBuilder text, VerifyResult.Mismatch mismatch) {
        text.append("MISMATCH ").append(mismatch.what());
        text.append(" (seed ")
                .append(mismatch.seed())
                .append(", step ")
                .append(mismatch.index())
                .append(")\n");
        text.append("  Linux ").append(mismatch.expected()).append('\n');
        text.append("  model ").append(mismatch.actual()).append('\n');
        if (!mismatch.isReproduced()) {
            text.append("  It was not seen again when the history was repeated.\n");
        }
        if (mismatch.script().size() <= LONGEST_SCRIPT) {
            text.append("  history:\n");
            mismatch.script().forEach(line -> text.append("    ").append(line).append('\n'));
            text.append("\n--- C program\n").append(mismatch.cProgram());
            text.append("--- JUnit test\n").append(mismatch.junitTest()).append('\n');
        } else {
            text.append("  history: ").append(mismatch.script().size()).append(" steps, see --json\n\n");
        }
    }

    private static final int LONGEST_SCRIPT = 200;
}
