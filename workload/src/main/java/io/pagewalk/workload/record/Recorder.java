package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.read.ReadCounts;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;

/**
 * Records one run of a program: {@code pagewalk record -o F.pwt -- COMMAND}.
 *
 * <p>The program keeps its standard streams. Its working directory and environment are this process's. Children that it forks run, but are not recorded; when it replaces itself by {@code execve}, the recording ends there and the other program runs on unrecorded.
 *
 * <p>Unless switched off, the program first runs once without instrumentation, for its CPU time: what it prints then is dropped, but what it does to files it does twice. Both runs see the same standard input: a
 * file is opened for each, a pipe is kept in a temporary file.
 */
public final class Recorder {
    private final InputStream input;
    private final ProcessBuilder.Redirect output;
    private final OutputStream errors;

    /** Creates a recorder for this process's standard streams. */
    public Recorder() {
        this(System.in, ProcessBuilder.Redirect.INHERIT, System.err);
    }

    /**
     * Creates a recorder.
     *
     * @param input this process's standard input, read only when it is a pipe
     * @param output where the program's standard output goes
     * @param errors receives what a program under valgrind writes to its standard error
     */
    public Recorder(InputStream input, ProcessBuilder.Redirect output, OutputStream errors) {
        this.input = input;
        this.output = output;
        this.errors = errors;
    }

    /**
     * Records a program into a trace file. The file appears when it is complete; whatever goes wrong leaves none.
     *
     * @param options how
     * @param command the program and its arguments; the program is looked up as a shell does
     * @param target the file to make
     * @param level zstd's level; see {@link TraceWriter}
     * @return what was recorded
     * @throws BadInput when a tool or the program is missing, the disk is full, or the tool's output is not understood
     */
    public Recording record(RecordOptions options, List<String> command, Path target, int level) {
        Programs.resolve(command);
        try (TraceWriter writer = new TraceWriter(target, level);
                Cleanup cleanup = new Cleanup()) {
            cleanup.unfinished(writer);
            Recording recording = run(options, command, writer.sink(), cleanup);
            writer.finish(recording.header());
            return recording;
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /**
     * Records a program into a sink.
     *
     * @param options how
     * @param command the program and its arguments; the program is looked up as a shell does
     * @param sink receives what it does
     * @return what was recorded
     * @throws BadInput when a tool or the program is missing, the disk is full, or the tool's output is not understood
     */
    public Recording record(RecordOptions options, List<String> command, AccessSink sink) {
        Programs.resolve(command);
        try (Cleanup cleanup = new Cleanup()) {
            return run(options, command, sink, cleanup);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private Recording run(RecordOptions options, List<String> command, AccessSink sink, Cleanup cleanup)
            throws IOException {
        try {
            return instrumented(options, command, sink, cleanup);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BadInput("the recording was interrupted", e);
        }
    }

    private Recording instrumented(RecordOptions options, List<String> command, AccessSink sink, Cleanup cleanup)
            throws IOException, InterruptedException {
        Instrument instrument = switch (options.tool()) {
            case LACKEY -> new Lackey(errors);
            case QEMU -> new Qemu(cleanup.file("."));
            case STEP -> new SingleStep(cleanup.file("layout"));
        };
        double nativeSeconds = -1;
        StandardInput standardInput = StandardInput.shared();
        if (options.measuresNative()) {
            standardInput = StandardInput.repeatable(input, cleanup.file("stdin"));
            nativeSeconds = NativeRun.seconds(command, standardInput, cleanup);
        }
        Instant began = Instant.now();
        TracedFiles files = new TracedFiles(sink, Path.of("").toAbsolutePath(), began.toEpochMilli());
        ReadCounts counts;
        int status;
        try (LiveStream stream = new LiveStream(cleanup.file("stream"))) {
            Process process = instrument.start(command, standardInput, output, stream.path());
            cleanup.process(process);
            stream.markEndOf(process, instrument::endMark);
            counts = instrument
                    .reader(instrument.description(), files, options.progress())
                    .read(stream.in());
            stream.drain(process);
            status = process.waitFor();
        }
        if (counts.accesses() == 0) {
            throw new BadInput(instrument.description() + " recorded nothing of '" + command.getFirst()
                    + "' (exit code " + status + ")");
        }
        InitialLayout layout = instrument.layout();
        TraceHeader header = new TraceHeader(
                command,
                began.atZone(ZoneOffset.UTC).toLocalDate().toString(),
                System.getProperty("os.version"),
                instrument.description(),
                nativeSeconds,
                layout.maps(),
                layout.brkStart(),
                layout.entry(),
                layout.stackPointer(),
                files.files(layout.maps()));
        return new Recording(header, counts, status, files.replacedBy());
    }

    private static BadInput failed(IOException e) {
        String reason = e instanceof FileSystemException refused && refused.getReason() != null
                ? refused.getFile() + ": " + refused.getReason()
                : String.valueOf(e.getMessage());
        return new BadInput("the recording failed: " + reason, e);
    }
}
