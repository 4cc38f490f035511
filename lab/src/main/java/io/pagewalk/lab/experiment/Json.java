package io.pagewalk.lab.experiment;

import io.pagewalk.lab.run.JsonText;
import java.io.StringWriter;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** JSON of experiments. Names are stable: other programs read them. */
public final class Json {
    private Json() {}

    /**
     * Writes one object, a property a line.
     *
     * @param experiment its name, the first property
     * @param content writes the other properties
     */
    public static String object(String experiment, Consumer<JsonGenerator> content) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("experiment", experiment);
            content.accept(json);
            json.writeEndObject();
        }
        return JsonText.indented(text.toString());
    }
}
