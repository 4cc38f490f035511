package io.pagewalk.oracle.machine;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The compiled C helper: made from its source on first use, and kept under a name that is a digest of source and options. */
public final class HelperProgram {
    private static final String SOURCE = "oracle-helper.c";
    private static final List<String> COMPILERS = List.of("gcc", "cc", "clang");
    private static final List<String> OPTIONS = List.of(
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
            "-Wl,-z,noseparate-code,--build-id=none");
    private static final int COMPILE_SECONDS = 60;

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

    /** Returns the directory where the helper is kept: {@code $XDG_CACHE_HOME/pagewalk}, else {@code ~/.cache/pagewalk}. */
    public static Path defaultDirectory() {
        String cache = System.getenv("XDG_CACHE_HOME");
        return cache != null && cache.startsWith("/")
                ? Path.of(cache, "pagewalk")
                : Path.of(System.getProperty("user.home", "/tmp"), ".cache", "pagewalk");
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
        try {
            byte[] source = source();
            Files.createDirectories(directory);
            Path program = directory.resolve("oracle-helper-" + digest(source));
            if (!Files.isExecutable(program)) {
                compile(source, directory, program);
            }
            return new HelperProgram(program, directory);
        } catch (IOException e) {
            throw new BadInput("verify: cannot keep the helper in " + directory + ": " + e.getMessage());
        }
    }

    private static byte[] source() throws IOException {
        try (InputStream in = HelperProgram.class.getResourceAsStream(SOURCE)) {
            if (in == null) {
                throw new IOException("the resource " + SOURCE + " is missing from the build");
            }
            return in.readAllBytes();
        }
    }

    private static String digest(byte[] source) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(source);
            digest.update(String.join(" ", OPTIONS).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Compiles under a name of its own and renames, so that two runs at once do not see half a program. */
    private static void compile(byte[] source, Path directory, Path program) throws IOException {
        Path work = Files.createTempDirectory(directory, "compile");
        Path text = work.resolve(SOURCE);
        Path made = work.resolve("helper");
        try {
            Files.write(text, source);
            for (String compiler : COMPILERS) {
                List<String> command = new ArrayList<>(List.of(compiler));
                command.addAll(OPTIONS);
                command.addAll(List.of("-o", made.toString(), text.toString()));
                Process process;
                try {
                    process = new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .start();
                } catch (IOException missing) {
                    continue;
                }
                String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (!process.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                    process.destroyForcibly();
                    throw new BadInput("verify: " + compiler + " cannot compile the helper: "
                            + output.lines().findFirst().orElse("no message"));
                }
                Files.move(made, program, StandardCopyOption.ATOMIC_MOVE);
                return;
            }
            throw new BadInput("verify: no C compiler found (looked for " + String.join(", ", COMPILERS)
                    + "); install one, for example 'apt install gcc'");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BadInput("verify: interrupted while the helper was compiled");
        } finally {
            Files.deleteIfExists(text);
            Files.deleteIfExists(made);
            Files.deleteIfExists(work);
        }
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
