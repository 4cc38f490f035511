package io.pagewalk.app.cli;

import io.pagewalk.lab.machines.MachineCatalogue;
import io.pagewalk.lab.machines.MachineSpec;
import io.pagewalk.lab.run.LayoutReport;
import io.pagewalk.lab.run.MachineReport;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.observe.proc.ProcTree;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pagewalk machine}. */
@Command(name = "machine", description = "Lists and shows the machines that can be simulated.")
final class MachineCommand implements Runnable {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    private MachineCommand() {}

    static CommandLine create(Terminal terminal) {
        CommandLine machine = new CommandLine(new MachineCommand());
        machine.addSubcommand(new ListCommand(terminal));
        machine.addSubcommand(new ShowCommand(terminal));
        return machine;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "machine: no command, expected 'machine list' or 'machine show NAME'");
    }

    /** {@code pagewalk machine list}. */
    @Command(name = "list", description = "Lists the shipped machines and the CPU models.")
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
            terminal.out().println("Machines (--machine NAME):");
            for (String name : MachineCatalogue.names()) {
                terminal.out()
                        .printf(
                                "  %-14s %s%n",
                                name, MachineCatalogue.find(name).summary());
            }
            terminal.out().printf("  %-14s %s%n", MachineCatalogue.HOST, "the machine that this runs on");
            terminal.out().println("CPU models (--cpu MODEL):");
            for (String line : MachineReport.cpuModels()) {
                terminal.out().println("  " + line);
            }
        }
    }

    /** {@code pagewalk machine show}. */
    @Command(
            name = "show",
            description = "Boots a machine and shows its memory: map, nodes, zones and watermarks.",
            sortOptions = false,
            footer = {
                "",
                "Examples:",
                "  pagewalk machine show host --proc /tmp/host-proc",
                "  pagewalk machine show i386-2g --layout",
                "  pagewalk machine show laptop --cmdline \"kernelcore=50%%\""
            })
    static final class ShowCommand implements Runnable {
        private final Terminal terminal;

        @Parameters(paramLabel = "NAME|FILE", description = "A name of 'pagewalk machine list', host, or a YAML file.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String name;

        @Mixin
        private final MachineOptions machineOptions = new MachineOptions();

        @Option(
                names = "--set",
                paramLabel = "vm.X=Y",
                description = "A sysctl of the simulated kernel; may be repeated.")
        private final List<String> settings = List.of();

        @Option(names = "--json", description = "Prints JSON.")
        private boolean isJson;

        @Option(
                names = "--layout",
                description =
                        "Draws the virtual address space: which addresses the kernel uses for what, and how much of"
                                + " each area is in use. With --json the same as data.")
        private boolean isLayout;

        @Option(
                names = "--proc",
                paramLabel = "DIR",
                description = "Writes the booted machine's /proc into a directory.")
        private @Nullable Path proc;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Shows this help.")
        @SuppressWarnings("UnusedVariable") // picocli reads it
        private boolean isHelpWanted;

        ShowCommand(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            MachineSpec machine = machineOptions.machine(name);
            if (proc != null) {
                WholeFile.checkTree("--proc", proc, ProcTree.MARKER);
            }
            MachineReport report = MachineReport.boot(machine, RunCommand.sysctls(settings));
            if (proc != null) {
                ProcTree.write("--proc", report.procFiles(), proc);
            }
            if (isLayout) {
                LayoutReport layout = report.layout();
                terminal.out().print(isJson ? layout.json() : layout.text());
            } else {
                terminal.out().print(isJson ? report.json() : report.text());
            }
        }
    }
}
