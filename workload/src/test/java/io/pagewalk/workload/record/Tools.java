package io.pagewalk.workload.record;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** What tests of recorders need of the machine they run on. */
public final class Tools {
    private Tools() {}

    /** Skips the test, in one line, where a tool is missing. */
    public static void assumeInstalled(String... programs) {
        for (String program : programs) {
            assumeTrue(Programs.find(program) != null, program + " is not installed");
        }
    }

    /** Skips the test where the tool of a recorder is missing. */
    public static void assumeInstalled(RecordTool tool) {
        switch (tool) {
            case LACKEY -> assumeInstalled("valgrind");
            case QEMU -> assumeInstalled("qemu-x86_64", "gcc");
            case STEP -> {
                assumeInstalled("gcc");
                assumeTrue(
                        Files.exists(Path.of("/usr/include/capstone/capstone.h")), "libcapstone-dev is not installed");
            }
        }
    }

    /**
     * Compiles a C program of this package's test resources.
     *
     * @param source its file name
     * @param directory where the program goes
     * @param options for gcc
     */
    public static Path compile(String source, Path directory, String... options)
            throws IOException, InterruptedException {
        assumeInstalled("gcc");
        Path code = directory.resolve(source);
        try (InputStream in = Objects.requireNonNull(Tools.class.getResourceAsStream(source))) {
            Files.write(code, in.readAllBytes());
        }
        Path program = directory.resolve(source.substring(0, source.indexOf('.')));
        List<String> words = new ArrayList<>(List.of("gcc", "-O1", "-o", program.toString(), code.toString()));
        words.addAll(List.of(options));
        output(words);
        return program;
    }

    /** Runs a command without input to its end and returns what it prints. */
    public static String output(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        if (status != 0) {
            throw new IOException(command + " ended with " + status + ": " + output);
        }
        return output;
    }
}
