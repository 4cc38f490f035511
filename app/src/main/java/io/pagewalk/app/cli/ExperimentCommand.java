package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.oldways.Comparison;
import io.pagewalk.lab.experiment.oldways.Settings;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code pagewalk experiment}. */
@Command(
        name = "experiment",
        description = "Runs an experiment on the model and draws what it shows. Without a name: lists the experiments.",
        footer = {"", "Example:", "  pagewalk experiment paging-vs-segmentation --svg memory.svg"})
final class ExperimentCommand implements Runnable {
    private final Terminal terminal;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    private ExperimentCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    static CommandLine create(Terminal terminal) {
        CommandLine experiment = new CommandLine(new ExperimentCommand(terminal));
        experiment.addSubcommand(new OldWaysCommand(terminal));
        experiment.addSubcommand(new AllocatorCommands.Buddy(terminal));
        experiment.addSubcommand(new AllocatorCommands.Slab(terminal));
        experiment.addSubcommand(new AllocatorCommands.Fragmentation(terminal));
        return experiment;
    }

    @Override
    public void run() {
        for (Map.Entry<String, CommandLine> each : spec.subcommands().entrySet()) {
            String[] lines = each.getValue().getCommandSpec().usageMessage().description();
            terminal.out().printf("%-24s %s%n", each.getKey(), lines[0]);
        }
    }

    /** Reads a size that fits an int. */
    static int size(String option, String text) {
        long bytes = Size.parse(option, text);
        if (bytes > Integer.MAX_VALUE) {
            throw new BadInput(option, "'" + text + "'", "a size below 2G");
        }
        return (int) bytes;
    }

    /** {@code pagewalk experiment paging-vs-segmentation}. */
    @Command(
            name = Comparison.NAME,
            description = {
                "One history of programs on machines without protection, with segments, and with paging.",
                "The same programs start, grow, err and end on a machine with one unprotected address space, in real mode, with base/limit"
                        + " descriptors (first, best and worst fit, and with compaction), and on the modelled Linux. Shows stray accesses caught,"
                        + " fragmentation and cost side by side."
            },
            sortOptions = false,
            footer = {"", "Example:", "  pagewalk experiment paging-vs-segmentation --seed 7 --load 95 --svg memory.svg"
            })
    static final class OldWaysCommand implements Runnable {
        private final Terminal terminal;

        @Option(
                names = "--seed",
                paramLabel = "N",
                defaultValue = "1",
                description = "Seed of the history. Default: ${DEFAULT-VALUE}.")
        private long seed;

        @Option(
                names = "--ram",
                paramLabel = "SIZE",
                defaultValue = "1M",
                description =
                        "Memory of each machine; the system keeps 64K of it. Real mode reaches no more than 1M. Default: ${DEFAULT-VALUE}.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String ram;

        @Option(
                names = "--steps",
                paramLabel = "N",
                defaultValue = "2000",
                description = "Requests of the history. Default: ${DEFAULT-VALUE}.")
        private int steps;

        @Option(
                names = "--segment",
                paramLabel = "SIZE",
                defaultValue = "8K",
                description = "Mean size of a segment; none is larger than 64K. Default: ${DEFAULT-VALUE}.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String segment;

        @Option(
                names = "--load",
                paramLabel = "PERCENT",
                defaultValue = "90",
                description = "How much of the memory programs ask for. Default: ${DEFAULT-VALUE}.")
        private int load;

        @Mixin
        private final ReportOptions report = new ReportOptions();

        OldWaysCommand(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            Settings settings = new Settings(seed, Size.parse("--ram", ram), steps, size("--segment", segment), load);
            report.tell(terminal, progress -> Comparison.run(settings, progress));
        }
    }
}
