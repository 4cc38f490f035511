package io.pagewalk.app;

import io.pagewalk.app.cli.CommandLineInterface;
import io.pagewalk.app.cli.Terminal;

/** The entry point that the launcher {@code pagewalk} starts. */
public final class Main {
    private Main() {}

    /**
     * Runs one command and ends the process with its exit code.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        int code = new CommandLineInterface(Terminal.ofProcess()).run(args);
        System.out.flush();
        System.err.flush();
        // Not a plain return: an error has an exit code of its own.
        System.exit(code);
    }
}
