package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.lab.run.Workloads;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.workload.read.ReadCounts;
import io.pagewalk.workload.read.TraceImport;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.TraceCounts;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pagewalk trace}. */
@Command(name = "trace", description = "Lists, describes and converts traces.")
final class TraceCommand implements Runnable {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    private TraceCommand() {}

    static CommandLine create(Terminal terminal) {
        CommandLine trace = new CommandLine(new TraceCommand());
        trace.addSubcommand(new ListCommand(terminal));
        trace.addSubcommand(new InfoCommand(terminal));
        trace.addSubcommand(new ConvertCommand(terminal));
        return trace;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "trace: no command, expected 'trace list', 'trace info FILE' or 'trace convert IN OUT'");
    }

    /** {@code pagewalk trace list}. */
    @Command(name = "list", description = "Lists the bundled traces.")
    static final class ListCommand implements Runnable {
        private final Terminal terminal;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Shows this help.")
        @SuppressWarnings("UnusedVariable") // picocli reads it
        private boolean isHelpWanted;

        ListCommand(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            for (Workloads.Bundled trace : Workloads.bundled()) {
                terminal.out().printf("%-14s %s%n", trace.name(), trace.summary());
            }
        }
    }

    /** {@code pagewalk trace info}. */
    @Command(name = "info", description = "Tells what a trace holds.")
    static final class InfoCommand implements Runnable {
        private final Terminal terminal;

        @Parameters(paramLabel = "FILE|NAME", description = "A trace file, or the name of a bundled one.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String file;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Shows this help.")
        @SuppressWarnings("UnusedVariable") // picocli reads it
        private boolean isHelpWanted;

        InfoCommand(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            try (Workloads.Opened workload = Workloads.open(file)) {
                TraceFile trace = workload.trace();
                TraceHeader header = trace.header();
                TraceCounts counts = trace.counts();
                row("command", "%s", String.join(" ", header.command()));
                row("recorded", "%s by %s on Linux %s", header.recordedAt(), header.recorder(), header.hostKernel());
                row(
                        "native",
                        "%s",
                        header.nativeSeconds() < 0
                                ? "not measured"
                                : String.format(Locale.ROOT, "%.3f s of CPU time", header.nativeSeconds()));
                row("accesses", "%,d", counts.accesses());
                row("  fetches", "%,d", counts.fetches);
                row("  loads", "%,d", counts.loads);
                row("  stores", "%,d", counts.stores);
                row("system calls", "%,d", counts.syscalls);
                row("episodes", "%,d with %,d first touches", counts.episodes, counts.events);
                double per100 = counts.accesses() == 0 ? 0 : 100.0 * trace.sizeBytes() / counts.accesses();
                row(
                        "size",
                        "%s in %d blocks, %.2f bytes per 100 accesses",
                        Size.format(trace.sizeBytes()),
                        trace.blocks(),
                        per100);
                row("files", "%d", header.files().size());
                terminal.out().println("mappings at the first instruction");
                for (InitialMap map : header.maps()) {
                    String name = map.path() != null ? map.path() : map.name() != null ? map.name() : "";
                    terminal.out()
                            .println(String.format(
                                            "  %012x-%012x %s %08x %s",
                                            map.start(), map.end(), map.prot(), map.fileOffset(), name)
                                    .stripTrailing());
                }
            }
        }

        @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more dependency for one private method
        private void row(String name, String format, Object... values) {
            terminal.out().printf("%-14s ", name);
            terminal.out().printf(Locale.ROOT, format, values);
            terminal.out().println();
        }
    }

    /** {@code pagewalk trace convert}. */
    @Command(
            name = "convert",
            description =
                    "Makes a .pwt trace of valgrind lackey text, a stream of Pagewalk's qemu plugin, or lines such as 'l 7ffe0010 8'.",
            footer = {
                "",
                "Such a file does not say what was mapped at the start: it is taken from what the program touches.",
                "",
                "Example:",
                "  valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes --log-file=ls.txt ls",
                "  pagewalk trace convert ls.txt ls.pwt"
            })
    static final class ConvertCommand implements Runnable {
        private final Terminal terminal;

        @Parameters(index = "0", paramLabel = "IN", description = "The file to read.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private Path input;

        @Parameters(index = "1", paramLabel = "OUT", description = "The trace to make.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private Path output;

        @Option(names = "--small", description = "Compresses as far as it goes: a third smaller, ten times slower.")
        private boolean isSmall;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Shows this help.")
        @SuppressWarnings("UnusedVariable") // picocli reads it
        private boolean isHelpWanted;

        ConvertCommand(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            if (TraceFile.looksLikeTrace(input)) {
                throw new BadInput("trace " + input, "a .pwt trace", "a text or stream of another tool");
            }
            WholeFile.check("OUT", output);
            ReadCounts counts = TraceImport.convert(
                    input, output, isSmall ? TraceWriter.SMALL_LEVEL : TraceWriter.FAST_LEVEL, accesses -> {});
            terminal.err()
                    .printf(
                            Locale.ROOT,
                            "%s: %,d accesses, %,d system calls, %s%n",
                            output,
                            counts.accesses(),
                            counts.syscalls(),
                            Size.format(RecordCommand.sizeOf(output)));
        }
    }
}
