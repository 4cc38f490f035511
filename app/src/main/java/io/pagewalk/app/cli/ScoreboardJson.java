package io.pagewalk.app.cli;

import io.pagewalk.oracle.conformance.BoardReport;
import io.pagewalk.oracle.conformance.CaseResult;
import io.pagewalk.oracle.machine.HelperProgram;
import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The result of {@code pagewalk verify --scoreboard} as JSON. */
final class ScoreboardJson {
    private ScoreboardJson() {}

    static String write(List<CaseResult> results) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("kernel", HelperProgram.kernelVersion());
            json.writeStringProperty("modelled", HelperProgram.modelledVersion());
            json.writeName("sources");
            json.writeStartArray();
            for (BoardReport.Row row : BoardReport.rows(results)) {
                row(json, row);
            }
            json.writeEndArray();
            json.writeName("cases");
            json.writeStartArray();
            for (CaseResult result : results) {
                json.writeStartObject();
                json.writeStringProperty("source", result.test().source());
                json.writeStringProperty("test", result.test().origin());
                json.writeStringProperty("says", result.test().says());
                outcome(json, "model", result.model());
                outcome(json, "host", result.host());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return text.append("\n").toString();
    }

    private static void row(JsonGenerator json, BoardReport.Row row) {
        json.writeStartObject();
        json.writeStringProperty("source", row.source());
        json.writeNumberProperty("tests", row.origins());
        json.writeNumberProperty("cases", row.cases());
        json.writeNumberProperty("passOnModel", row.model());
        json.writeNumberProperty("passOnHost", row.host());
        json.writeNumberProperty("passOnBoth", row.both());
        json.writeNumberProperty("notModelled", row.notModelled());
        json.writeNumberProperty("notRun", row.notRun());
        json.writeEndObject();
    }

    private static void outcome(JsonGenerator json, String side, CaseResult.Outcome outcome) {
        json.writeStringProperty(side, outcome.kind().name().toLowerCase(Locale.ROOT));
        if (!outcome.reason().isEmpty()) {
            json.writeStringProperty(side + "Reason", outcome.reason());
        }
    }
}
