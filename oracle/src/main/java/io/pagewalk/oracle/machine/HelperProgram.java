package io.pagewalk.oracle.machine;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.CSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The compiled C helper: made from its source on first use, and kept under a name that is a digest of source and options. */
public final class HelperProgram {
    private static final CSource SOURCE = new CSource(
            HelperProgram.class,
            "oracle-helper.c",
            List.of(
                    "-O2",
                    "-w",
                    "-static",
                    "-nostdlib",
                    "-ffreestanding",
                    "-fno-stack-protector",
                    "-fno-pie",
                    "-no-pie",
                    "-mgeneral-regs-only",
                    "-fcf-protection=none",
                    "-Wl,-z,noseparate-code,--build-id=none"),
            List.of(),
            "the helper of verify",
            "a compiler comes with the Debian package 'gcc'");

    private final Path program;
    private final Path directory;

    private HelperProgram(Path program, Path directory) {
        this.program = program;
        this.directory = directory;
    }

    /** Returns why this computer cannot judge, in one line, or empty: it must run Linux on x86-64. */
    public static Optional<String> obstacle() {
        String os = System.getProperty("os.name", "");
        String arch = System.getProperty("os.arch", "");
        if (!os.equals("Linux") || !arch.equals("amd64")) {
            return Optional.of("this is " + os + " on " + arch + "; the comparison needs Linux on x86-64");
        }
        return Optional.empty();
    }

    /**
     * Finds or makes the program.
     *
     * @param directory where it is kept; made when it is missing
     * @return the program
     * @throws BadInput when this is no Linux on x86-64, there is no compiler, or it fails
     */
    public static HelperProgram prepare(Path directory) {
        Optional<String> obstacle = obstacle();
        if (obstacle.isPresent()) {
            throw new BadInput("verify: " + obstacle.get());
        }
        return new HelperProgram(SOURCE.compiled(directory), directory);
    }

    /** Returns the version of the Linux that it runs on, such as {@code 6.18.44}. */
    public static String kernelVersion() {
        return System.getProperty("os.version", "");
    }

    /** Returns the version of Linux that is modelled, such as {@code 6.18}. */
    public static String modelledVersion() {
        try (InputStream in = HelperProgram.class.getResourceAsStream("LINUX_VERSION")) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns whether this computer runs the Linux that is modelled. */
    public static boolean runsModelledKernel() {
        String version = kernelVersion();
        String modelled = modelledVersion();
        return version.equals(modelled) || version.startsWith(modelled + ".") || version.startsWith(modelled + "-");
    }

    /** Returns the program. */
    public Path program() {
        return program;
    }

    /** Returns the directory for data files. */
    public Path directory() {
        return directory;
    }
}
