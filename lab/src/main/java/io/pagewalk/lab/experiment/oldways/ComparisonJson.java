package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.lab.experiment.Json;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import io.pagewalk.lab.experiment.oldways.Stray.Kind;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/** The comparison as JSON. */
final class ComparisonJson {
    private ComparisonJson() {}

    static String write(Comparison comparison) {
        return Json.object(Comparison.NAME, json -> {
            Settings settings = comparison.settings();
            json.writeNumberProperty("seed", settings.seed());
            json.writeNumberProperty("ram_bytes", settings.ramBytes());
            json.writeNumberProperty("program_bytes", settings.programBytes());
            json.writeNumberProperty("steps", settings.steps());
            json.writeNumberProperty("segment_bytes", settings.segmentBytes());
            json.writeNumberProperty("load_percent", settings.loadPercent());
            json.writeNumberProperty("programs", comparison.history().programs());
            json.writeArrayPropertyStart("systems");
            for (Outcome outcome : comparison.outcomes()) {
                json.writeStartObject();
                json.writeStringProperty("name", outcome.name());
                isolation(json, outcome.isolation());
                room(json, outcome);
                cost(json, outcome.cost());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeStringProperty("repeat", ComparisonText.repeat(settings));
        });
    }

    private static void isolation(JsonGenerator json, Outcome.Isolation isolation) {
        json.writeName("isolation");
        json.writeStartObject();
        json.writeNumberProperty("stores", isolation.all());
        for (Harm harm : Harm.values()) {
            json.writeNumberProperty(name(harm), isolation.sum(harm));
        }
        json.writeNumberProperty("damaged_bytes", isolation.damagedBytes());
        json.writeNumberProperty("wrong_reads", isolation.wrongReads());
        for (Kind kind : Kind.values()) {
            json.writeName(name(kind));
            json.writeStartObject();
            json.writeNumberProperty("stores", isolation.made(kind));
            for (Harm harm : Harm.values()) {
                json.writeNumberProperty(name(harm), isolation.count(kind, harm));
            }
            json.writeEndObject();
        }
        json.writeName("faults");
        json.writeStartObject();
        isolation.faults().forEach(json::writeNumberProperty);
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void room(JsonGenerator json, Outcome outcome) {
        Outcome.Room room = outcome.room();
        json.writeName("fragmentation");
        json.writeStartObject();
        json.writeNumberProperty("requests", room.requests());
        json.writeNumberProperty("refused", room.refused());
        json.writeNumberProperty("refused_though_free", room.refusedThoughFree());
        json.writeNumberProperty("used_share", room.used());
        json.writeNumberProperty("external_share", room.external());
        json.writeNumberProperty("internal_share", room.internal());
        json.writeNumberProperty("fullest_free_bytes", outcome.fullest().freeBytes());
        json.writeNumberProperty("fullest_largest_hole_bytes", outcome.fullest().largestFreeBytes());
        json.writeNumberProperty(
                "fullest_largest_request_bytes", outcome.fullest().largestRequestBytes());
        json.writeEndObject();
    }

    private static void cost(JsonGenerator json, Outcome.Cost cost) {
        json.writeName("cost");
        json.writeStartObject();
        json.writeNumberProperty("accesses", cost.accesses());
        json.writeNumberProperty("table_reads", cost.references());
        json.writeNumberProperty("cycles_per_access", cost.cyclesPerAccess());
        json.writeNumberProperty("moved_bytes", cost.movedBytes());
        json.writeNumberProperty("moves", cost.moves());
        json.writeNumberProperty("table_bytes", cost.tableBytes());
        json.writeNumberProperty("patched_words", cost.patchedWords());
        json.writeNumberProperty("page_faults", cost.faults());
        json.writeEndObject();
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
