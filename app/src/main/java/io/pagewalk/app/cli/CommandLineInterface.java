package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The whole command line: parses, runs one command, and turns whatever happens into an exit code. */
public final class CommandLineInterface {
    /** A command did what was asked. */
    public static final int OK = 0;

    /** Pagewalk itself failed. */
    public static final int INTERNAL_ERROR = 1;

    /** The input cannot be used; one line on the standard error says why. */
    public static final int BAD_INPUT = 2;

    private final Terminal terminal;

    /**
     * Creates a command line.
     *
     * @param terminal where commands print
     */
    public CommandLineInterface(Terminal terminal) {
        this.terminal = terminal;
    }

    /**
     * Runs one command.
     *
     * @param args the command line; what stands behind a lone {@code --} is a program to record and its arguments
     * @return {@link #OK}, {@link #BAD_INPUT} or {@link #INTERNAL_ERROR}
     */
    public int run(String... args) {
        List<String> all = Arrays.asList(args);
        int separator = all.indexOf("--");
        List<String> own = separator < 0 ? all : all.subList(0, separator);
        List<String> program = separator < 0 ? List.of() : all.subList(separator + 1, all.size());
        try {
            if (own.size() == 1
                    && (own.getFirst().equals("--version") || own.getFirst().equals("-V"))) {
                terminal.out().println(Version.line());
                return OK;
            }
            CommandLine commands = RootCommand.create(terminal, new Program(separator >= 0, program));
            commands.setOut(new PrintWriter(terminal.out(), true, StandardCharsets.UTF_8));
            commands.setColorScheme(CommandLine.Help.defaultColorScheme(terminal.usesColour() ? Ansi.ON : Ansi.OFF));
            // The library would print an exception that a handler throws, so handlers keep it and it is thrown here.
            List<Exception> problems = new ArrayList<>();
            commands.setParameterExceptionHandler((problem, arguments) -> keep(problems, problem));
            commands.setExecutionExceptionHandler((problem, command, result) -> keep(problems, problem));
            int code = commands.execute(own.toArray(String[]::new));
            if (!problems.isEmpty()) {
                throw problems.getFirst();
            }
            return code;
        } catch (BadInput problem) {
            return refuse(String.valueOf(problem.getMessage()));
        } catch (ParameterException problem) {
            return refuse(describe(problem));
        } catch (OutOfMemoryError problem) {
            terminal.err()
                    .println("pagewalk: the Java heap is full (" + problem.getMessage()
                            + "); a larger one: PAGEWALK_JAVA_OPTS=-Xmx8g pagewalk ...");
            return INTERNAL_ERROR;
        } catch (Throwable problem) {
            return reportDefect(problem, args);
        } finally {
            terminal.out().flush();
        }
    }

    private static int keep(List<Exception> problems, Exception problem) {
        problems.add(problem);
        return INTERNAL_ERROR;
    }

    private int refuse(String message) {
        terminal.err()
                .println("pagewalk: "
                        + message.strip().lines().map(String::strip).collect(Collectors.joining(" ")));
        return BAD_INPUT;
    }

    private int reportDefect(Throwable problem, String[] args) {
        terminal.err().println("pagewalk: internal error: " + problem);
        for (StackTraceElement frame : problem.getStackTrace()) {
            terminal.err().println("    at " + frame);
        }
        if (problem.getCause() != null) {
            terminal.err().println("caused by " + problem.getCause());
        }
        terminal.err()
                .println(
                        "This is a defect of Pagewalk. Please report it with the lines above, the output of 'pagewalk --version', and the"
                                + " command: pagewalk " + String.join(" ", args));
        return INTERNAL_ERROR;
    }

    private static String describe(ParameterException problem) {
        CommandLine command = problem.getCommandLine();
        if (problem instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            String argument = unmatched.getUnmatched().getFirst();
            if (argument.startsWith("-")) {
                String valid = command.getCommandSpec().options().stream()
                        .filter(option -> !option.hidden())
                        .map(OptionSpec::longestName)
                        .sorted()
                        .collect(Collectors.joining(" "));
                String similar = unmatched.getSuggestions().stream()
                        .filter(name -> name.startsWith("-"))
                        .findFirst()
                        .map(name -> "; did you mean " + name + "?")
                        .orElse("");
                return "unknown option '" + argument + "'" + similar + " Options of '"
                        + command.getCommandSpec().qualifiedName() + "': " + valid;
            }
            if (!command.getSubcommands().isEmpty()) {
                return "unknown command '" + argument + "', expected one of "
                        + String.join(", ", command.getSubcommands().keySet());
            }
            return "unexpected argument '" + argument + "', see '"
                    + command.getCommandSpec().qualifiedName() + " --help'";
        }
        return problem.getMessage() == null ? "unusable command line" : problem.getMessage();
    }
}
