package io.pagewalk.lab.run;

import io.pagewalk.observe.ledger.Ledger;
import java.io.StringWriter;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** A {@link RunResult} as JSON. Names are stable: other programs read them. */
public final class JsonReport {
    private JsonReport() {}

    /**
     * Writes a result.
     *
     * @param result what the run has shown
     * @return one JSON object and a line end
     */
    public static String write(RunResult result) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            program(json, result);
            machine(json, result.machine());
            translation(json, result.translation());
            memory(json, result);
            time(json, result);
            json.writeEndObject();
        }
        return JsonText.indented(text.toString());
    }

    private static void program(JsonGenerator json, RunResult result) {
        RunResult.Program program = result.program();
        json.writeStringProperty("workload", program.name());
        json.writeArrayPropertyStart("command");
        for (String word : program.command()) {
            json.writeString(word);
        }
        json.writeEndArray();
        json.writeStringProperty("linux_version", result.linuxVersion());
        json.writeNumberProperty("seed", result.seed());
        json.writeStringProperty("digest", result.digest());
        json.writeNumberProperty("accesses", program.accesses());
        json.writeNumberProperty("fetches", program.fetches());
        json.writeNumberProperty("loads", program.loads());
        json.writeNumberProperty("stores", program.stores());
        json.writeNumberProperty("syscalls", program.syscalls());
        json.writeNumberProperty("threads", program.threads());
        json.writeStringProperty("end", program.end());
        json.writeNumberProperty("wall_seconds", rounded(result.speed().wallSeconds()));
        json.writeNumberProperty("replay_seconds", rounded(result.speed().replaySeconds()));
        json.writeNumberProperty(
                "accesses_per_second", Math.round(result.speed().accessesPerSecond()));
        if (program.nativeSeconds() < 0) {
            json.writeNullProperty("native_seconds");
        } else {
            json.writeNumberProperty("native_seconds", rounded(program.nativeSeconds()));
        }
    }

    private static void machine(JsonGenerator json, RunResult.Machine machine) {
        json.writeStringProperty("machine", machine.name());
        json.writeStringProperty("cpu", machine.cpuModel());
        json.writeStringProperty("paging", machine.paging());
        json.writeNumberProperty("ram_kb", machine.ramBytes() >> 10);
        json.writeNumberProperty("cpus", machine.cpus());
        json.writeNumberProperty("nodes", machine.nodes());
        json.writeObjectPropertyStart("sysctls");
        for (Map.Entry<String, String> sysctl : machine.sysctls().entrySet()) {
            json.writeStringProperty(sysctl.getKey(), sysctl.getValue());
        }
        json.writeEndObject();
    }

    private static void translation(JsonGenerator json, RunResult.Translation translation) {
        json.writeObjectPropertyStart("tlb");
        level(json, "l1i", translation.l1i());
        level(json, "l1d", translation.l1d());
        level(json, "l2", translation.l2());
        json.writeEndObject();
        json.writeNumberProperty("walks", translation.walks());
        json.writeNumberProperty("walk_memory_refs", translation.walkMemoryRefs());
    }

    private static void level(JsonGenerator json, String name, RunResult.Level level) {
        json.writeObjectPropertyStart(name);
        json.writeNumberProperty("hits", level.hits());
        json.writeNumberProperty("misses", level.misses());
        json.writeEndObject();
    }

    private static void memory(JsonGenerator json, RunResult result) {
        RunResult.Faults faults = result.faults();
        json.writeObjectPropertyStart("faults");
        json.writeNumberProperty("minor", faults.minor());
        json.writeNumberProperty("major", faults.major());
        json.writeNumberProperty("segv", faults.segv());
        json.writeNumberProperty("bus", faults.bus());
        for (RunResult.Count kind : faults.kinds()) {
            json.writeNumberProperty(key(kind.name()), kind.value());
        }
        json.writeEndObject();
        RunResult.Memory memory = result.memory();
        json.writeNumberProperty("rss_peak_kb", memory.rssPeakKb());
        json.writeNumberProperty("vm_peak_kb", memory.virtualPeakKb());
        json.writeNumberProperty("anon_kb", memory.anonKb());
        json.writeNumberProperty("file_kb", memory.fileKb());
        json.writeNumberProperty("page_table_kb", memory.pageTableKb());
        json.writeNumberProperty("page_cache_kb", memory.pageCacheKb());
        json.writeNumberProperty("areas", memory.areas());
        json.writeArrayPropertyStart("zones");
        for (RunResult.ZoneRow zone : result.zones()) {
            json.writeStartObject();
            json.writeNumberProperty("node", zone.node());
            json.writeStringProperty("name", zone.name());
            json.writeNumberProperty("present", zone.presentPages());
            json.writeNumberProperty("managed", zone.managedPages());
            json.writeNumberProperty("free", zone.freePages());
            json.writeNumberProperty("min", zone.min());
            json.writeNumberProperty("low", zone.low());
            json.writeNumberProperty("high", zone.high());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeObjectPropertyStart("ledger");
        for (Ledger.Row row : result.ledger().rows()) {
            json.writeNumberProperty(row.owner().name().toLowerCase(Locale.ROOT), row.frames());
        }
        json.writeNumberProperty("ram", result.ledger().ramFrames());
        json.writeNumberProperty("unaccounted", result.ledger().unaccountedFrames());
        json.writeEndObject();
        json.writeNumberProperty("oom_kills", result.oomReports().size());
    }

    private static void time(JsonGenerator json, RunResult result) {
        json.writeNumberProperty("simulated_ns", result.time().totalNanos());
        json.writeObjectPropertyStart("time_ns");
        for (RunResult.Count cause : result.time().causes()) {
            json.writeNumberProperty(key(cause.name()), cause.value());
        }
        json.writeEndObject();
        json.writeStringProperty("repeat", result.repeat());
    }

    private static String key(String words) {
        return words.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "_");
    }

    private static double rounded(double seconds) {
        return Math.round(seconds * 1000) / 1000.0;
    }
}
