package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.workload.record.RecordOptions;
import io.pagewalk.workload.record.RecordTool;
import io.pagewalk.workload.record.Recorder;
import io.pagewalk.workload.record.Recording;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pagewalk record}. */
@Command(
        name = "record",
        description = "Records the memory trace of a program; no source and no recompilation needed.",
        customSynopsis = "pagewalk record -o FILE.pwt [--with lackey|qemu|step] -- CMD [ARGS]",
        sortOptions = false,
        footer = {
            "",
            "The program first runs once without instrumentation, so that the trace knows its CPU time.",
            "",
            "Example:",
            "  pagewalk record -o ls.pwt -- ls -l /usr/bin"
        })
final class RecordCommand implements Runnable {
    private final Terminal terminal;
    private final Program program;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE.pwt",
            description = "The trace to make.")
    private @Nullable Path output;

    @Option(
            names = "--with",
            paramLabel = "lackey|qemu|step",
            defaultValue = "lackey",
            description =
                    "Recorder: valgrind's lackey, or qemu with Pagewalk's plugin (much faster; needs a C compiler), or single steps (slow, but at the program's native addresses). Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String tool;

    @Option(names = "--no-native", description = "Leaves the run without instrumentation out.")
    private boolean isWithoutNative;

    @Option(names = "--small", description = "Compresses as far as it goes: a third smaller, ten times slower.")
    private boolean isSmall;

    @Option(
            names = {"-q", "--quiet"},
            description = "Prints nothing when it went well.")
    private boolean isQuiet;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    RecordCommand(Terminal terminal, Program program) {
        this.terminal = terminal;
        this.program = program;
    }

    @Override
    public void run() {
        if (output == null) {
            throw new BadInput("record: no output, expected 'pagewalk record -o FILE.pwt -- CMD ARGS'");
        }
        if (program.command().isEmpty()) {
            throw new BadInput("record: no command, expected 'pagewalk record -o " + output + " -- CMD ARGS'");
        }
        RecordTool recordTool = RunCommand.choice("--with", tool, RecordTool.values());
        WholeFile.check("-o", output);
        Recording recording;
        try (ProgressLine progress = new ProgressLine(terminal.err())) {
            RecordOptions options = new RecordOptions(
                    recordTool,
                    !isWithoutNative,
                    terminal.isErrTerminal() ? accesses -> progress.update(accesses, 0) : accesses -> {});
            recording = new Recorder()
                    .record(
                            options,
                            program.command(),
                            output,
                            isSmall ? TraceWriter.SMALL_LEVEL : TraceWriter.FAST_LEVEL);
        }
        if (!isQuiet) {
            terminal.err()
                    .printf(
                            Locale.ROOT,
                            "%s: %,d accesses, %,d system calls, %d threads, %s, exit code %d%n",
                            output,
                            recording.counts().accesses(),
                            recording.counts().syscalls(),
                            recording.counts().threads(),
                            Size.format(sizeOf(output)),
                            recording.exitStatus());
            if (!recording.replacedBy().isEmpty()) {
                terminal.err()
                        .printf(
                                "%s: ends where the program became '%s'%n",
                                output, String.join(" ", recording.replacedBy()));
            }
        }
    }

    static long sizeOf(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            return 0;
        }
    }
}
