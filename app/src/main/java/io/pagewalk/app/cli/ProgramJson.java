package io.pagewalk.app.cli;

import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.programs.ProgramResult;
import java.io.StringWriter;
import java.util.List;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The result of {@code pagewalk verify -- CMD} as JSON. */
final class ProgramJson {
    private ProgramJson() {}

    static String write(ProgramResult result) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("kernel", HelperProgram.kernelVersion());
            json.writeStringProperty("modelled", HelperProgram.modelledVersion());
            strings(json, "command", result.command());
            json.writeNumberProperty("accesses", result.accesses());
            json.writeNumberProperty("syscalls", result.syscalls());
            json.writeNumberProperty("areas", result.areas());
            strings(json, "startDifferences", result.startDifferences());
            strings(json, "otherAddresses", result.otherAddresses());
            strings(json, "endDifferences", result.differences());
            json.writeNumberProperty("linuxMinorFaults", result.realMinorFaults());
            json.writeNumberProperty("modelMinorFaults", result.modelMinorFaults());
            json.writeBooleanProperty("agrees", result.agrees());
            json.writeEndObject();
        }
        return text.append('\n').toString();
    }

    private static void strings(JsonGenerator json, String name, List<String> values) {
        json.writeName(name);
        json.writeStartArray();
        for (String value : values) {
            json.writeString(value);
        }
        json.writeEndArray();
    }
}
