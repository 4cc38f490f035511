package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.lab.machines.MachineCatalogue;
import io.pagewalk.lab.machines.MachineSpec;
import io.pagewalk.lab.run.Boot;
import io.pagewalk.lab.run.FinishedRun;
import io.pagewalk.lab.run.JsonReport;
import io.pagewalk.lab.run.RunProgress;
import io.pagewalk.lab.run.RunRequest;
import io.pagewalk.lab.run.Runner;
import io.pagewalk.lab.run.TextReport;
import io.pagewalk.lab.run.Workloads;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.observe.proc.ProcTree;
import io.pagewalk.workload.record.RecordOptions;
import io.pagewalk.workload.record.RecordTool;
import io.pagewalk.workload.replay.ReplayMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pagewalk run}. */
@Command(
        name = "run",
        description =
                "Replays a program's memory trace on a simulated machine and reports what its memory management did.",
        customSynopsis = {"pagewalk run [OPTIONS] TRACE|NAME", "pagewalk run [OPTIONS] -- CMD [ARGS]"},
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  pagewalk run gzip",
            "  pagewalk run gzip --machine server-2node --set vm.overcommit_memory=2 --json -",
            "  pagewalk run gzip --cmdline \"cma=64M slab_debug=FZPU\" --proc /tmp/after",
            "  pagewalk run -- ls -l /usr/bin"
        })
final class RunCommand implements Runnable {
    private final Terminal terminal;
    private final Program program;

    @Parameters(
            arity = "0..1",
            paramLabel = "TRACE|NAME",
            description = "A trace file, or the name of a bundled one ('pagewalk trace list').")
    private @Nullable String trace;

    @Option(
            names = "--machine",
            paramLabel = "NAME|FILE",
            defaultValue = MachineCatalogue.DEFAULT,
            description =
                    "Machine to run on: a name of 'pagewalk machine list', host, or a YAML file. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String machine;

    @Mixin
    private final MachineOptions machineOptions = new MachineOptions();

    @Option(names = "--set", paramLabel = "vm.X=Y", description = "A sysctl of the simulated kernel; may be repeated.")
    private final List<String> settings = List.of();

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Seed of everything random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--cache",
            paramLabel = "cold|warm",
            defaultValue = "cold",
            description = "Whether the program's files are in the page cache at the start. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String cache;

    @Option(
            names = "--replay",
            paramLabel = "accesses|runs|episodes",
            defaultValue = "episodes",
            description = "How fine the replay goes; the result is the same. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String replay;

    @Option(
            names = "--with",
            paramLabel = "lackey|qemu|step",
            defaultValue = "lackey",
            description = "Recorder of 'run -- CMD': see 'pagewalk record --help'. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String tool;

    @Option(
            names = "--json",
            paramLabel = "FILE|-",
            description = "Writes the report as JSON to a file, or instead of the text with '-'.")
    private @Nullable String json;

    @Option(names = "--proc", paramLabel = "DIR", description = "Writes the machine's final /proc into a directory.")
    private @Nullable Path proc;

    @Option(
            names = {"-q", "--quiet"},
            description = "Prints no text report.")
    private boolean isQuiet;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    RunCommand(Terminal terminal, Program program) {
        this.terminal = terminal;
        this.program = program;
    }

    @Override
    public void run() {
        if (program.isGiven() == (trace != null)) {
            throw new BadInput("run: " + (trace == null ? "no trace" : "both a trace and a command")
                    + ", expected 'pagewalk run TRACE|NAME' or" + " 'pagewalk run -- CMD ARGS'");
        }
        // Everything that can be refused is, before the long part starts.
        MachineSpec spec = machineOptions.machine(machine);
        SortedMap<String, String> sysctls = sysctls(settings);
        ReplayMode replayChoice = ReplayMode.byName(replay);
        PageCacheStart cacheChoice = choice("--cache", cache, PageCacheStart.values());
        Boot.check(spec, sysctls);
        new JsonTarget(json, terminal).check();
        if (proc != null) {
            WholeFile.checkTree("--proc", proc, ProcTree.MARKER);
        }
        try (Workloads.Opened workload = trace != null ? Workloads.open(trace) : record()) {
            RunRequest request = new RunRequest(
                    workload.name(),
                    workload.trace(),
                    spec,
                    sysctls,
                    seed,
                    replayChoice,
                    cacheChoice,
                    workload.preparationSeconds(),
                    repeat());
            finish(execute(request));
        }
    }

    private Workloads.Opened record() {
        RecordOptions options = RecordOptions.with(choice("--with", tool, RecordTool.values()));
        if (!terminal.isErrTerminal()) {
            return Workloads.record(program.command(), options);
        }
        try (ProgressLine progress = new ProgressLine(terminal.err())) {
            return Workloads.record(program.command(), options.withProgress(accesses -> progress.update(accesses, 0)));
        }
    }

    private FinishedRun execute(RunRequest request) {
        if (!terminal.isErrTerminal()) {
            return Runner.run(request, RunProgress.NONE);
        }
        try (ProgressLine progress = new ProgressLine(terminal.err())) {
            return Runner.run(request, progress);
        }
    }

    private void finish(FinishedRun run) {
        if (proc != null) {
            ProcTree.write("--proc", run.procFiles(), proc);
        }
        JsonTarget target = new JsonTarget(json, terminal);
        target.write(() -> JsonReport.write(run.result()));
        if (!isQuiet && !target.replacesText()) {
            terminal.out().print(TextReport.write(run.result(), terminal.usesColour()));
        }
    }

    /** The command that gives the same digest; names what differs from the defaults. */
    private String repeat() {
        StringBuilder text = new StringBuilder("pagewalk run");
        if (!machine.equals(MachineCatalogue.DEFAULT)) {
            text.append(" --machine ").append(Quoting.word(machine));
        }
        text.append(machineOptions.asTyped());
        settings.forEach(setting -> text.append(" --set ").append(Quoting.word(setting)));
        text.append(" --seed ").append(seed);
        if (!cache.equals("cold")) {
            text.append(" --cache ").append(cache);
        }
        text.append(trace != null ? " " + Quoting.word(trace) : " -- " + Quoting.words(program.command()));
        return text.toString();
    }

    static SortedMap<String, String> sysctls(List<String> settings) {
        SortedMap<String, String> result = new TreeMap<>();
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            if (equals <= 0) {
                throw new BadInput("--set", "'" + setting + "'", "NAME=VALUE, such as vm.overcommit_memory=2");
            }
            result.put(
                    setting.substring(0, equals).strip(),
                    setting.substring(equals + 1).strip());
        }
        return result;
    }

    static <E extends Enum<E>> E choice(String option, String text, E[] values) {
        for (E value : values) {
            if (value.name().equalsIgnoreCase(text)) {
                return value;
            }
        }
        throw new BadInput(
                option,
                "'" + text + "'",
                "one of "
                        + String.join(
                                ", ",
                                Stream.of(values)
                                        .map(value -> value.name().toLowerCase(Locale.ROOT))
                                        .toList()));
    }
}
