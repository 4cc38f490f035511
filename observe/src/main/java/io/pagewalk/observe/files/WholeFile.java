package io.pagewalk.observe.files;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;

/** Writers that fill a temporary beside the target and rename it, so that a reader never meets half a result. */
public final class WholeFile {
    private WholeFile() {}

    /**
     * Writes a text file, replacing one of that name.
     *
     * @param option the option that named it, for messages
     * @param target where it shall stand; its directory must exist
     * @param text its content
     * @throws BadInput when the file cannot be written; then there is no new file
     */
    public static void write(String option, Path target, String text) {
        Path absolute = target.toAbsolutePath();
        if (Files.isDirectory(absolute)) {
            throw new BadInput(option + ": " + target + " is a directory, expected the name of a file");
        }
        Path temporary = beside(absolute);
        try {
            Files.writeString(temporary, text, StandardCharsets.UTF_8);
            Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            deleteQuietly(temporary);
            throw new BadInput(option + ": cannot write " + target + " (" + reason(e) + ")", e);
        }
    }

    /**
     * Checks that a file or directory could be made, before a long run is spent on it.
     *
     * @param option the option that named it, for messages
     * @param target the file or directory
     * @throws BadInput when the directory that shall hold it is missing or read-only
     */
    public static void check(String option, Path target) {
        Path parent = target.toAbsolutePath().getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new BadInput(option + ": cannot write " + target + " (no such directory: " + parent + ")");
        }
        if (!Files.isWritable(parent)) {
            throw new BadInput(option + ": cannot write " + target + " (no permission in " + parent + ")");
        }
    }

    /**
     * Writes a directory tree. The directory must be new, empty, or a tree that this method wrote before, which is replaced.
     *
     * @param option the option that named it, for messages
     * @param directory where it shall stand
     * @param marker a file of every such tree, by which an earlier one is known
     * @param files relative path to content
     * @throws BadInput when the directory holds something else or cannot be written
     */
    public static void writeTree(String option, Path directory, String marker, Map<String, String> files) {
        Path absolute = directory.toAbsolutePath().normalize();
        checkTree(option, directory, marker);
        Path temporary = beside(absolute);
        Path old = absolute.resolveSibling(
                absolute.getFileName() + ".old." + ProcessHandle.current().pid());
        try {
            for (Map.Entry<String, String> file : new TreeMap<>(files).entrySet()) {
                Path path = temporary.resolve(file.getKey());
                Files.createDirectories(path.getParent());
                Files.writeString(path, file.getValue(), StandardCharsets.UTF_8);
            }
            if (Files.exists(absolute)) {
                Files.move(absolute, old, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
            deleteTree(old);
        } catch (IOException e) {
            deleteTree(temporary);
            throw new BadInput(option + ": cannot write " + directory + " (" + reason(e) + ")", e);
        }
    }

    /**
     * Checks that a tree could be written.
     *
     * @param option the option that named it, for messages
     * @param directory where it shall stand
     * @param marker a file of every such tree
     * @throws BadInput when the directory holds something else or cannot be written
     */
    public static void checkTree(String option, Path directory, String marker) {
        check(option, directory);
        if (Files.exists(directory) && !Files.isDirectory(directory)) {
            throw new BadInput(option + ": " + directory + " is a file, expected the name of a directory");
        }
        if (Files.isDirectory(directory) && !Files.isRegularFile(directory.resolve(marker)) && !isEmpty(directory)) {
            throw new BadInput(option + ": " + directory + " holds other files, expected a new or empty directory");
        }
    }

    private static boolean isEmpty(Path directory) {
        try (var entries = Files.list(directory)) {
            return entries.findAny().isEmpty();
        } catch (IOException e) {
            return false;
        }
    }

    private static Path beside(Path target) {
        return target.resolveSibling(
                "." + target.getFileName() + ".tmp." + ProcessHandle.current().pid());
    }

    private static String reason(IOException e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // The first failure is the one that is reported.
        }
    }

    private static void deleteTree(Path directory) {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (var entries = Files.list(directory)) {
            entries.toList().forEach(entry -> {
                if (Files.isDirectory(entry)) {
                    deleteTree(entry);
                } else {
                    deleteQuietly(entry);
                }
            });
        } catch (IOException e) {
            return;
        }
        deleteQuietly(directory);
    }
}
