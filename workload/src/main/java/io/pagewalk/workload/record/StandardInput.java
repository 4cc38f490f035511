package io.pagewalk.workload.record;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The standard input of this process, made such that several runs of a program see the same bytes. */
final class StandardInput {
    private static final Path SELF = Path.of("/proc/self/fd/0");

    /** A file to read from, or null when runs share the terminal or device itself. */
    private final @Nullable Path file;

    private StandardInput(@Nullable Path file) {
        this.file = file;
    }

    /** Lets the runs have the input itself. */
    static StandardInput shared() {
        return new StandardInput(null);
    }

    /**
     * Makes an input that can be read again: a file is opened anew for every run, a pipe is first copied to {@code spool}, a terminal or device is shared.
     *
     * @param in this process's standard input
     * @param spool the file for the copy; it need not exist
     */
    static StandardInput repeatable(InputStream in, Path spool) throws IOException {
        if (Files.isRegularFile(SELF)) {
            return new StandardInput(SELF.toRealPath());
        }
        if (isPipe()) {
            Files.copy(in, spool);
            return new StandardInput(spool);
        }
        return shared();
    }

    private static boolean isPipe() throws IOException {
        if (!Files.isSymbolicLink(SELF)) {
            return false;
        }
        String target = Files.readSymbolicLink(SELF).toString();
        return target.startsWith("pipe:") || target.startsWith("socket:");
    }

    /** Returns what a process builder takes. */
    ProcessBuilder.Redirect redirect() {
        return file == null ? ProcessBuilder.Redirect.INHERIT : ProcessBuilder.Redirect.from(file.toFile());
    }
}
