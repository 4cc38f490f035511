package io.pagewalk.app.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code pagewalk} without a command. */
@Command(
        name = "pagewalk",
        description = "A real program's memory on a simulated Linux machine.",
        synopsisSubcommandLabel = "COMMAND",
        versionProvider = RootCommand.VersionLine.class,
        footer = {
            "",
            "Examples:",
            "  pagewalk run gzip                            a bundled trace on the default machine",
            "  pagewalk run -- ls -l /usr/bin               records a program (valgrind), then runs the trace",
            "  pagewalk run gzip --machine i386-512m --ram 256M --json -"
        })
final class RootCommand implements Runnable {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Prints the version of Pagewalk and of the Linux it models.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isVersionWanted;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    private RootCommand() {}

    /** Builds the tree of commands. */
    static CommandLine create(Terminal terminal, Program program) {
        CommandLine root = new CommandLine(new RootCommand());
        root.addSubcommand(new RunCommand(terminal, program));
        root.addSubcommand(new RecordCommand(terminal, program));
        root.addSubcommand(TraceCommand.create(terminal));
        root.addSubcommand(MachineCommand.create(terminal));
        root.addSubcommand(ExperimentCommand.create(terminal));
        root.addSubcommand(new VerifyCommand(terminal, program));
        root.setUsageHelpWidth(120);
        return root;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "no command, expected one of "
                        + String.join(", ", spec.subcommands().keySet())
                        + "; try 'pagewalk run gzip' or 'pagewalk --help'");
    }

    /** The text of {@code --version}. */
    static final class VersionLine implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {Version.line()};
        }
    }
}
