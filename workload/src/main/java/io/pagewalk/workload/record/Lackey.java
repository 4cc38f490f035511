package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.read.LackeyReader;
import io.pagewalk.workload.read.TraceReader;
import io.pagewalk.workload.trace.AccessSink;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Records by {@code valgrind --tool=lackey}.
 *
 * <p>The trace goes to a log file of its own. The initial layout comes out of valgrind's debug log ({@code -d -d}), which shares the program's standard error: that is read here, the log's lines are taken
 * out and the rest passed on, so the program finds a pipe there. Debian's wrapper script sets LD_LIBRARY_PATH, which makes the program look for libraries in other places; the program behind it is preferred.
 */
final class Lackey implements Instrument {
    private static final Pattern DEBUG_LINE = Pattern.compile("--\\d+:\\d:.*");
    private static final int END_MARK_BYTES = 128;
    private static final int MOST_WAIT_MILLIS = 500;

    private final Path valgrind;
    private final OutputStream programErrors;
    private final LackeyLayout layout = new LackeyLayout();
    private @Nullable Thread errorReader;

    /**
     * Finds valgrind.
     *
     * @param programErrors receives what the program writes to its standard error
     * @throws BadInput when it is not installed
     */
    Lackey(OutputStream programErrors) {
        Path found = Programs.find("valgrind.bin");
        found = found == null ? Programs.find("valgrind") : found;
        if (found == null) {
            throw new BadInput("valgrind is not installed: it comes with the Debian package 'valgrind'");
        }
        valgrind = found;
        this.programErrors = programErrors;
    }

    @Override
    public String description() {
        try {
            Process process = new ProcessBuilder(valgrind.toString(), "--version")
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return text.strip() + " lackey";
        } catch (IOException e) {
            return "valgrind lackey";
        }
    }

    @Override
    public Process start(List<String> command, StandardInput input, ProcessBuilder.Redirect output, Path stream)
            throws IOException {
        List<String> words = new ArrayList<>(List.of(
                valgrind.toString(),
                "-d",
                "-d",
                "--vgdb=no",
                "--child-silent-after-fork=yes",
                "--tool=lackey",
                "--trace-mem=yes",
                "--trace-syscalls=yes",
                "--trace-sched=yes",
                "--log-file=" + stream.toString().replace("%", "%%")));
        words.addAll(command);
        Process process = new ProcessBuilder(words)
                .redirectInput(input.redirect())
                .redirectOutput(output)
                .start();
        errorReader =
                Thread.ofPlatform().name("recording-errors").daemon().start(() -> readErrors(process.getErrorStream()));
        return process;
    }

    /* A line that cannot become one of the log's is passed on at once: it may be a prompt. */
    private void readErrors(InputStream errors) {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try {
            int next = errors.read();
            while (next >= 0) {
                line.write(next);
                if (next == '\n') {
                    endLine(line);
                } else if (errors.available() == 0 && !maybeDebugLine(line)) {
                    line.writeTo(programErrors);
                    programErrors.flush();
                    line.reset();
                }
                next = errors.read();
            }
            line.writeTo(programErrors);
            programErrors.flush();
        } catch (IOException e) {
            /* Whoever reads our own errors has gone; the recording itself does not depend on it. */
        }
    }

    private static boolean maybeDebugLine(ByteArrayOutputStream line) {
        String text = line.toString(StandardCharsets.ISO_8859_1);
        return text.startsWith("--") || "--".startsWith(text);
    }

    private void endLine(ByteArrayOutputStream line) throws IOException {
        String text = line.toString(StandardCharsets.UTF_8).stripTrailing();
        if (DEBUG_LINE.matcher(text).matches()) {
            synchronized (layout) {
                layout.line(text);
            }
        } else {
            line.writeTo(programErrors);
            programErrors.flush();
        }
        line.reset();
    }

    @Override
    public TraceReader reader(String name, AccessSink sink, LongConsumer progress) {
        return new LackeyReader(name, sink, progress);
    }

    @Override
    public byte[] endMark(int status) {
        String mark = "\n" + LackeyReader.END_MARK + status;
        return (mark + " ".repeat(END_MARK_BYTES - mark.length()) + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    /* A child that lives on may hold the pipe of errors open: what it says later is nobody's. */
    @Override
    public InitialLayout layout() throws InterruptedException {
        if (errorReader != null) {
            errorReader.join(Duration.ofMillis(MOST_WAIT_MILLIS));
        }
        synchronized (layout) {
            return layout.layout();
        }
    }
}
