package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds programs as a shell does, and opens scripts as {@code fs/binfmt_script.c:load_script()} does. */
public final class Programs {
    private static final int SCRIPT_LINE_BYTES = 255;
    private static final int DEEPEST_SCRIPT = 4;

    private Programs() {}

    /** Returns the file of a program that may be run: looked up in PATH when its name has no slash. Null when there is none. */
    static @Nullable Path find(String name) {
        if (name.contains("/")) {
            Path file = Path.of(name).toAbsolutePath();
            return isProgram(file) ? file : null;
        }
        String path = System.getenv("PATH");
        for (String directory : (path == null ? "/usr/bin:/bin" : path).split(":", -1)) {
            Path file = Path.of(directory.isEmpty() ? "." : directory, name).toAbsolutePath();
            if (isProgram(file)) {
                return file;
            }
        }
        return null;
    }

    /**
     * Returns the program to run for a command.
     *
     * @param command the program as typed, and its arguments
     * @return its file, found as a shell finds it
     * @throws BadInput when there is none
     */
    public static Path resolve(List<String> command) {
        if (command.isEmpty()) {
            throw new BadInput("nothing to record: give a command behind --");
        }
        Path file = find(command.getFirst());
        if (file == null) {
            throw new BadInput(command.getFirst() + ": no such program");
        }
        return file;
    }

    /**
     * Follows the {@code #!} lines of a command up to a program in machine code.
     *
     * @return the words that the kernel would run: the interpreter's file, its argument, the script, the script's arguments
     */
    static List<String> withoutScripts(List<String> command) throws IOException {
        List<String> words = new ArrayList<>(command);
        words.set(0, resolve(command).toString());
        for (int depth = 0; depth < DEEPEST_SCRIPT; depth++) {
            Path file = Path.of(words.getFirst());
            byte[] head;
            try (InputStream in = Files.newInputStream(file)) {
                head = in.readNBytes(SCRIPT_LINE_BYTES);
            }
            String text = new String(head, StandardCharsets.UTF_8);
            if (!text.startsWith("#!")) {
                return words;
            }
            String[] parts =
                    text.substring(2).lines().findFirst().orElse("").strip().split("[ \t]+", 2);
            if (parts[0].isEmpty() || !isProgram(Path.of(parts[0]))) {
                throw new BadInput(file + ": its interpreter '" + parts[0] + "' is no program");
            }
            words.addFirst(parts[0]);
            if (parts.length == 2) {
                words.add(1, parts[1]);
            }
        }
        throw new BadInput(command.getFirst() + ": scripts run scripts more than " + DEEPEST_SCRIPT + " deep");
    }

    private static boolean isProgram(Path file) {
        return Files.isRegularFile(file) && Files.isExecutable(file);
    }
}
