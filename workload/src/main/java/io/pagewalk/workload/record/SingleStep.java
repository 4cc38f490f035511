package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.CSource;
import io.pagewalk.workload.read.QemuReader;
import io.pagewalk.workload.read.TraceReader;
import io.pagewalk.workload.trace.AccessSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * Records by single steps under ptrace ({@code pagewalk-step.c}): slow, but the program runs natively, without address randomization, and the layout is what {@code /proc/PID/maps} says when
 * {@code execve} has returned.
 */
final class SingleStep implements Instrument {
    private static final CSource PROGRAM = new CSource(
            SingleStep.class,
            "pagewalk-step.c",
            List.of("-O2"),
            List.of("-lcapstone"),
            "the single-step recorder",
            "it needs the Debian packages 'gcc', 'libc6-dev' and 'libcapstone-dev'; recording with lackey needs none");

    private final Path program;
    private final Path layout;

    /**
     * Has the recorder ready.
     *
     * @param layout a file for the layout
     * @throws io.pagewalk.base.BadInput when a compiler or the disassembler library is missing
     */
    SingleStep(Path layout) {
        this.layout = layout;
        program = PROGRAM.compiled(CSource.cacheDirectory());
    }

    @Override
    public String description() {
        return "single steps";
    }

    @Override
    public Process start(List<String> command, StandardInput input, ProcessBuilder.Redirect output, Path stream)
            throws IOException {
        Programs.withoutScripts(command);
        List<String> run = new ArrayList<>(List.of(program.toString(), "trace", stream.toString(), layout.toString()));
        run.addAll(command);
        return new ProcessBuilder(run)
                .redirectInput(input.redirect())
                .redirectOutput(output)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Runs a command at full speed and returns how it looked at its first instruction and at its end; what it prints is dropped. */
    static List<Observation> watch(List<String> command, Map<String, String> environment, Path file)
            throws IOException, InterruptedException {
        List<String> run = new ArrayList<>(
                List.of(PROGRAM.compiled(CSource.cacheDirectory()).toString(), "watch", "none", file.toString()));
        run.addAll(command);
        ProcessBuilder builder =
                new ProcessBuilder(run).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        int status = process.waitFor();
        if (!Files.exists(file)) {
            throw new BadInput("'" + command.getFirst() + "' does not start (status " + status + ")");
        }
        return Observation.read(file);
    }

    @Override
    public TraceReader reader(String name, AccessSink sink, LongConsumer progress) {
        return new QemuReader(name, sink, progress);
    }

    @Override
    public byte[] endMark(int status) {
        ByteBuffer end = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        return end.putLong((long) QemuReader.FRAME_STATUS << 56 | 1)
                .putLong(status)
                .array();
    }

    @Override
    public InitialLayout layout() throws IOException {
        return Observation.read(layout).getFirst().layout();
    }
}
