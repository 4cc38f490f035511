package io.pagewalk.oracle.conformance;

import io.pagewalk.oracle.machine.HelperProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The table of a run: one row a source. */
public final class BoardReport {
    /**
     * One row.
     *
     * @param source where the cases come from
     * @param origins how many tests or programs of that source are re-expressed
     * @param goodOrigins of how many all cases pass on both sides
     * @param cases how many
     * @param model how many pass on the model
     * @param host how many pass on the running kernel
     * @param both how many pass on both
     * @param notModelled how many need what the model lacks
     * @param notRun how many this computer could not judge
     */
    public record Row(
            String source,
            long origins,
            long goodOrigins,
            long cases,
            long model,
            long host,
            long both,
            long notModelled,
            long notRun) {}

    private BoardReport() {}

    /**
     * Sums results up by source, in their order.
     *
     * @param results of a run
     */
    public static List<Row> rows(List<CaseResult> results) {
        Map<String, List<CaseResult>> bySource = results.stream()
                .collect(Collectors.groupingBy(
                        result -> result.test().source(), LinkedHashMap::new, Collectors.toList()));
        List<Row> rows = new ArrayList<>();
        bySource.forEach((source, list) -> rows.add(row(source, list)));
        return rows;
    }

    /**
     * Sums all results up.
     *
     * @param results of a run
     */
    public static Row total(List<CaseResult> results) {
        return row("all", results);
    }

    /**
     * Sums results up by suite, the first word of a source, in their order.
     *
     * @param results of a run
     */
    public static List<Row> suites(List<CaseResult> results) {
        Map<String, List<CaseResult>> bySuite = results.stream()
                .collect(Collectors.groupingBy(
                        result -> "all of " + result.test().source().split(" ", 2)[0],
                        LinkedHashMap::new,
                        Collectors.toList()));
        List<Row> rows = new ArrayList<>();
        bySuite.forEach((suite, list) -> rows.add(row(suite, list)));
        return rows;
    }

    private static Row row(String source, List<CaseResult> list) {
        Map<String, Boolean> origins = list.stream()
                .collect(Collectors.toMap(
                        result -> result.test().source() + " " + result.test().origin(),
                        CaseResult::isGood,
                        Boolean::logicalAnd));
        return new Row(
                source,
                origins.size(),
                origins.values().stream().filter(Boolean::booleanValue).count(),
                list.size(),
                list.stream().filter(result -> result.model().isPass()).count(),
                list.stream().filter(result -> result.host().isPass()).count(),
                list.stream().filter(CaseResult::isGood).count(),
                list.stream()
                        .filter(result -> result.model().kind() == CaseResult.Kind.NOT_MODELLED)
                        .count(),
                list.stream()
                        .filter(result -> result.host().kind() == CaseResult.Kind.NOT_RUN)
                        .count());
    }

    /**
     * Returns the text that the command prints: each failure, what is not modelled, the table.
     *
     * @param results of a run
     */
    public static String text(List<CaseResult> results) {
        StringBuilder text = new StringBuilder();
        for (CaseResult result : results) {
            line(text, result, "model", result.model());
            line(text, result, "host", result.host());
            if (result.test().notModelled() != null && result.model().isPass()) {
                text.append("STALE ").append(result.test().name()).append(" is declared as not modelled and passes\n");
            }
        }
        if (!text.isEmpty()) {
            text.append('\n');
        }
        text.append(String.format(
                Locale.ROOT,
                "model Linux %s, this computer Linux %s%n%n%-34s%7s%8s%7s%7s%7s%14s%9s%n",
                HelperProgram.modelledVersion(),
                HelperProgram.kernelVersion(),
                "source",
                "tests",
                "cases",
                "model",
                "host",
                "both",
                "not modelled",
                "not run"));
        List<Row> rows = new ArrayList<>(rows(results));
        rows.addAll(suites(results));
        rows.add(total(results));
        for (Row row : rows) {
            text.append(String.format(
                    Locale.ROOT,
                    "%-34s%7d%8d%7d%7d%7d%14d%9d%n",
                    row.source(),
                    row.origins(),
                    row.cases(),
                    row.model(),
                    row.host(),
                    row.both(),
                    row.notModelled(),
                    row.notRun()));
        }
        return text.toString();
    }

    private static void line(StringBuilder text, CaseResult result, String side, CaseResult.Outcome outcome) {
        String word = switch (outcome.kind()) {
            case PASS -> "";
            case FAIL -> "FAIL on " + side;
            case NOT_MODELLED -> "NOT MODELLED";
            case NOT_RUN -> "NOT RUN on host";
            case NO_RESULT -> "NO RESULT on host";
        };
        if (!word.isEmpty() && !outcome.reason().equals("this computer does not judge")) {
            text.append(word)
                    .append(": ")
                    .append(result.test().name())
                    .append(" (")
                    .append(result.test().says())
                    .append("): ")
                    .append(outcome.reason())
                    .append('\n');
        }
    }
}
