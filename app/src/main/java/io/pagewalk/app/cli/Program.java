package io.pagewalk.app.cli;

import java.util.List;

/**
 * What stands behind a lone {@code --} on the command line.
 *
 * @param isGiven whether there was a {@code --}
 * @param command the program and its arguments
 */
record Program(boolean isGiven, List<String> command) {
    Program {
        command = List.copyOf(command);
    }
}
