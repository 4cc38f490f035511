package io.pagewalk.app.cli;

import io.pagewalk.oracle.fuzz.Area;
import io.pagewalk.oracle.fuzz.VerifyRequest;
import io.pagewalk.oracle.fuzz.VerifyResult;
import io.pagewalk.oracle.machine.HelperProgram;
import java.io.StringWriter;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The result of {@code pagewalk verify} as JSON. */
final class VerifyJson {
    private VerifyJson() {}

    static String write(VerifyRequest request, VerifyResult result) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("kernel", HelperProgram.kernelVersion());
            json.writeStringProperty("modelled", HelperProgram.modelledVersion());
            json.writeName("areas");
            json.writeStartArray();
            for (Area area : Area.values()) {
                if (request.areas().contains(area)) {
                    json.writeString(area.key());
                }
            }
            json.writeEndArray();
            json.writeNumberProperty("seed", request.seed());
            json.writeNumberProperty("operations", result.operations());
            json.writeNumberProperty("histories", result.histories());
            json.writeNumberProperty("comparisons", result.comparisons());
            json.writeNumberProperty("seconds", result.nanos() / 1e9);
            json.writeNumberProperty("operationsPerSecond", Math.round(result.operationsPerSecond()));
            json.writeName("explained");
            json.writeStartObject();
            for (Map.Entry<String, Long> entry : result.explained().entrySet()) {
                json.writeNumberProperty(entry.getKey(), entry.getValue());
            }
            json.writeEndObject();
            json.writeName("unexplained");
            json.writeStartArray();
            for (VerifyResult.Mismatch mismatch : result.unexplained()) {
                mismatch(json, mismatch);
            }
            json.writeEndArray();
            json.writeName("helperFailures");
            json.writeStartArray();
            result.helperFailures().forEach(json::writeString);
            json.writeEndArray();
            json.writeEndObject();
        }
        return text.append("\n").toString();
    }

    private static void mismatch(JsonGenerator json, VerifyResult.Mismatch mismatch) {
        json.writeStartObject();
        json.writeNumberProperty("seed", mismatch.seed());
        json.writeNumberProperty("step", mismatch.index());
        json.writeStringProperty("what", mismatch.what());
        json.writeStringProperty("linux", mismatch.expected());
        json.writeStringProperty("model", mismatch.actual());
        json.writeBooleanProperty("reproduced", mismatch.isReproduced());
        json.writeName("script");
        json.writeStartArray();
        mismatch.script().forEach(json::writeString);
        json.writeEndArray();
        json.writeStringProperty("cProgram", mismatch.cProgram());
        json.writeStringProperty("junitTest", mismatch.junitTest());
        json.writeEndObject();
    }
}
