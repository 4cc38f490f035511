package io.pagewalk.app.cli;

import io.pagewalk.observe.files.WholeFile;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Where {@code --json FILE|-} leads.
 *
 * @param name a file, {@code -} for the standard output in place of the text, or null when there is no such option
 * @param terminal where the command prints
 */
record JsonTarget(@Nullable String name, Terminal terminal) {
    private static final String OPTION = "--json";
    private static final String STANDARD_OUTPUT = "-";

    /** Refuses a file that cannot be written, before a long run is spent on it. */
    void check() {
        if (name != null && !replacesText()) {
            WholeFile.check(OPTION, Path.of(name));
        }
    }

    /** Returns whether the command prints JSON and no text. */
    boolean replacesText() {
        return STANDARD_OUTPUT.equals(name);
    }

    /** Prints or writes the JSON when it is wanted. */
    void write(Supplier<String> json) {
        if (replacesText()) {
            terminal.out().print(json.get());
        } else if (name != null) {
            WholeFile.write(OPTION, Path.of(name), json.get());
        }
    }
}
