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
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs {@link AddressSpaceBenchmark} on the model and {@code address-space.c} on the running kernel, the latter before and after, and prints both times side by side, the mean of JMH's iterations, the medians
 * of the program, and the least of each, which other load disturbs least:
 *
 * <pre>java -cp bench/target/benchmarks.jar io.pagewalk.bench.SideBySide</pre>
 *
 * <p>Needs gcc and about 3 GiB of free memory.
 */
public final class SideBySide {
    private static final String SOURCE = "address-space.c";

    private static final String FORMAT = "%-26s %14s %14s %14s %14s %9s %9s%n";
    private static final double[] NOTHING = {Double.NaN, Double.NaN};

    private SideBySide() {}

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    /**
     * Runs both and prints the table.
     *
     * @param args options of JMH
     */
    public static void main(String[] args)
            throws IOException, InterruptedException, RunnerException, CommandLineOptionException {
        Path directory = Files.createTempDirectory("side-by-side");
        Path program = directory.resolve("address-space");
        Path source = directory.resolve(SOURCE);
        try {
            compile(source, program);
            Map<String, double[]> before = runProgram(program);
            Collection<RunResult> results = new Runner(new OptionsBuilder()
                            .parent(new CommandLineOptions(args))
                            .include(AddressSpaceBenchmark.class.getSimpleName())
                            .verbosity(VerboseMode.SILENT)
                            .build())
                    .run();
            Map<String, double[]> after = runProgram(program);
            System.out.printf(
                    Locale.ROOT, FORMAT, "ns per operation", "model", "least", "Linux", "least", "model/L.", "least");
            for (RunResult result : results) {
                String label = result.getPrimaryResult().getLabel();
                double model = result.getPrimaryResult().getScore();
                double modelLeast = result.getPrimaryResult().getStatistics().getMin();
                double[] first = before.getOrDefault(label, NOTHING);
                double[] second = after.getOrDefault(label, NOTHING);
                double real = (first[0] + second[0]) / 2;
                double realLeast = Math.min(first[1], second[1]);
                System.out.printf(
                        Locale.ROOT,
                        FORMAT,
                        label,
                        number(model),
                        number(modelLeast),
                        number(real),
                        number(realLeast),
                        number(model / real),
                        number(modelLeast / realLeast));
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

    private static Map<String, double[]> runProgram(Path program) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(program.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        if (process.waitFor() != 0) {
            throw new IOException(program + " failed");
        }
        Map<String, double[]> times = new LinkedHashMap<>();
        for (String line : text.lines().toList()) {
            String[] words = line.split(" ", -1);
            times.put(words[0], new double[] {Double.parseDouble(words[1]), Double.parseDouble(words[2])});
        }
        return times;
    }
}
