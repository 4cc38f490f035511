package io.pagewalk.app.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where a command prints.
 *
 * @param out results
 * @param err messages and progress
 * @param isOutTerminal whether a person looks at {@code out}
 * @param isErrTerminal whether a person looks at {@code err}
 * @param usesColour whether {@code out} may carry escape sequences
 */
public record Terminal(
        PrintStream out, PrintStream err, boolean isOutTerminal, boolean isErrTerminal, boolean usesColour) {
    private static final int BUFFER_BYTES = 1 << 14;

    /** Returns the terminal of this process. The launcher says in {@code pagewalk.tty} which of its streams are terminals. */
    public static Terminal ofProcess() {
        String streams = System.getProperty("pagewalk.tty", "");
        boolean isOutTerminal = streams.contains("1");
        String noColour = System.getenv("NO_COLOR");
        boolean usesColour =
                isOutTerminal && (noColour == null || noColour.isEmpty()) && !"dumb".equals(System.getenv("TERM"));
        // UTF-8 whatever the locale says; buffered, since a report is many short lines.
        PrintStream out = new PrintStream(
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER_BYTES),
                false,
                StandardCharsets.UTF_8);
        return new Terminal(out, System.err, isOutTerminal, streams.contains("2"), usesColour);
    }
}
