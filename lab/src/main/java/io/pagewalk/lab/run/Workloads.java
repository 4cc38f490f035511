package io.pagewalk.lab.run;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.read.TraceImport;
import io.pagewalk.workload.record.RecordOptions;
import io.pagewalk.workload.record.Recorder;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Where programs come from: a trace file, a text of another tool, a bundled trace by name, or a command that is recorded first. */
public final class Workloads {
    private static final String BUNDLED = "/io/pagewalk/workload/traces/";

    /**
     * A bundled trace.
     *
     * @param name what {@code run} takes
     * @param summary one line about it
     */
    public record Bundled(String name, String summary) {}

    /** An opened workload; closing it removes what was made for it. */
    public static final class Opened implements AutoCloseable {
        private final String name;
        private final TraceFile trace;
        private final @Nullable Path temporary;
        private final double preparationSeconds;

        private Opened(String name, TraceFile trace, @Nullable Path temporary, double preparationSeconds) {
            this.name = name;
            this.trace = trace;
            this.temporary = temporary;
            this.preparationSeconds = preparationSeconds;
        }

        /** Returns the name for reports. */
        public String name() {
            return name;
        }

        /** Returns the trace. */
        public TraceFile trace() {
            return trace;
        }

        /** Returns the seconds that recording or converting took, which are no part of the run. */
        public double preparationSeconds() {
            return preparationSeconds;
        }

        @Override
        public void close() {
            try {
                trace.close();
            } finally {
                delete(temporary);
            }
        }
    }

    private Workloads() {}

    /** Returns the bundled traces. */
    public static List<Bundled> bundled() {
        List<Bundled> result = new ArrayList<>();
        try (InputStream in = Workloads.class.getResourceAsStream(BUNDLED + "index.tsv")) {
            if (in != null) {
                for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8)
                        .lines()
                        .toList()) {
                    int tab = line.indexOf('\t');
                    if (tab > 0) {
                        result.add(new Bundled(line.substring(0, tab), line.substring(tab + 1)));
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return result;
    }

    /**
     * Opens a workload.
     *
     * @param name the name of a bundled trace, or a file: a {@code .pwt} trace or a text that {@code trace convert} reads
     * @throws BadInput for a name that is neither (lists the bundled ones) and for a broken trace
     */
    @SuppressWarnings("MustBeClosedChecker") // the result closes it
    public static Opened open(String name) {
        if (bundled().stream().anyMatch(trace -> trace.name().equals(name))) {
            return new Opened(name, bundledTrace(name), null, 0);
        }
        Path file = Path.of(name);
        if (!Files.exists(file)) {
            String names =
                    String.join(", ", bundled().stream().map(Bundled::name).toList());
            throw new BadInput(
                    "trace '" + name + "'",
                    "no such file",
                    names.isEmpty() ? "a trace file" : "a trace file or one of " + names);
        }
        String shortName = String.valueOf(file.getFileName()).replaceFirst("\\.pwt$", "");
        if (isEmptyFile(file)) {
            throw new BadInput("trace " + name, "an empty file", "a trace");
        }
        if (TraceFile.looksLikeTrace(file) || name.endsWith(".pwt")) {
            return new Opened(shortName, TraceFile.open(file), null, 0);
        }
        long start = System.nanoTime();
        Path converted = temporary();
        return guarded(converted, () -> {
            TraceImport.convert(file, converted, TraceWriter.FAST_LEVEL, accesses -> {});
            return new Opened(shortName, TraceFile.open(converted), converted, secondsSince(start));
        });
    }

    /**
     * Records a command and opens the result.
     *
     * @param command the program and its arguments
     * @param options with what to record
     */
    @SuppressWarnings("MustBeClosedChecker") // the result closes it
    public static Opened record(List<String> command, RecordOptions options) {
        if (command.isEmpty()) {
            throw new BadInput("nothing stands behind '--', expected a command to record");
        }
        long start = System.nanoTime();
        Path recorded = temporary();
        return guarded(recorded, () -> {
            new Recorder().record(options, command, recorded, TraceWriter.FAST_LEVEL);
            String program = command.getFirst();
            return new Opened(
                    program.substring(program.lastIndexOf('/') + 1),
                    TraceFile.open(recorded),
                    recorded,
                    secondsSince(start));
        });
    }

    private static TraceFile bundledTrace(String name) {
        try (InputStream in = Workloads.class.getResourceAsStream(BUNDLED + name + ".pwt")) {
            if (in == null) {
                throw new BadInput("trace '" + name + "' is missing from the build");
            }
            return TraceFile.of(name, new BytesChannel(in.readAllBytes()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes an {@link Opened} out of a temporary file, which goes away when that fails. */
    private static Opened guarded(Path temporary, Supplier<Opened> make) {
        boolean isMade = false;
        try {
            Opened opened = make.get();
            isMade = true;
            return opened;
        } finally {
            if (!isMade) {
                delete(temporary);
            }
        }
    }

    private static double secondsSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }

    private static boolean isEmptyFile(Path file) {
        try {
            return Files.isRegularFile(file) && Files.size(file) == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static Path temporary() {
        try {
            return Files.createTempFile("pagewalk", ".pwt");
        } catch (IOException e) {
            throw new BadInput("cannot make a temporary file: " + e.getMessage(), e);
        }
    }

    private static void delete(@Nullable Path file) {
        if (file != null) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException e) {
                // A left-over temporary file harms nobody; the run's own outcome is what counts.
            }
        }
    }
}
