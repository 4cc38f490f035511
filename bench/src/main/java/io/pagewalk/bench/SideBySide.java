package io.pagewalk.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs {@link AddressSpaceBenchmark} on the model and {@code address-space.c} on the running kernel, the latter before and after, and prints both times side by side:
 *
 * <pre>java -cp bench/target/benchmarks.jar io.pagewalk.bench.SideBySide</pre>
 *
 * <p>Needs gcc and about 3 GiB of free memory.
 */
public final class SideBySide {
    private static final String SOURCE = "address-space.c";

    private SideBySide() {}

    /**
     * Runs both and prints the table.
     *
     * @param args a regular expression for the names of benchmarks, or nothing for all
     */
    public static void main(String[] args) throws IOException, InterruptedException, RunnerException {
        Path directory = Files.createTempDirectory("side-by-side");
        Path program = directory.resolve("address-space");
        Path source = directory.resolve(SOURCE);
        try {
            compile(source, program);
            Map<String, Double> before = runProgram(program);
            String name = AddressSpaceBenchmark.class.getSimpleName() + "." + (args.length > 0 ? args[0] : "");
            Collection<RunResult> results = new Runner(new OptionsBuilder()
                            .include(name)
                            .verbosity(VerboseMode.SILENT)
                            .build())
                    .run();
            Map<String, Double> after = runProgram(program);
            System.out.printf(
                    Locale.ROOT,
                    "%-26s %14s %12s %14s %14s %8s%n",
                    "ns per operation",
                    "model",
                    "+-",
                    "Linux before",
                    "Linux after",
                    "model/L.");
            for (RunResult result : results) {
                String label = result.getPrimaryResult().getLabel();
                double model = result.getPrimaryResult().getScore();
                double first = before.getOrDefault(label, Double.NaN);
                double second = after.getOrDefault(label, Double.NaN);
                System.out.printf(
                        Locale.ROOT,
                        "%-26s %14.1f %12.1f %14.1f %14.1f %8.2f%n",
                        label,
                        model,
                        result.getPrimaryResult().getScoreError(),
                        first,
                        second,
                        model / ((first + second) / 2));
            }
        } finally {
            Files.deleteIfExists(program);
            Files.deleteIfExists(source);
            Files.deleteIfExists(directory);
        }
    }

    private static void compile(Path source, Path program) throws IOException, InterruptedException {
        try (InputStream in = SideBySide.class.getResourceAsStream(SOURCE)) {
            if (in == null) {
                throw new IOException("resource " + SOURCE + " is missing");
            }
            Files.write(source, in.readAllBytes());
        }
        Process process = new ProcessBuilder("gcc", "-O2", "-o", program.toString(), source.toString())
                .inheritIO()
                .start();
        if (process.waitFor() != 0) {
            throw new IOException("gcc failed");
        }
    }

    private static Map<String, Double> runProgram(Path program) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(program.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        if (process.waitFor() != 0) {
            throw new IOException(program + " failed");
        }
        Map<String, Double> times = new LinkedHashMap<>();
        for (String line : text.lines().toList()) {
            String[] words = line.split(" ", -1);
            times.put(words[0], Double.parseDouble(words[1]));
        }
        return times;
    }
}
