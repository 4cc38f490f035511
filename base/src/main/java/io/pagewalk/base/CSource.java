package io.pagewalk.base;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A C program or library that travels as source, is compiled on first use, and is kept under a name that is a digest of source and options.
 *
 * @param owner class beside which the resource lies
 * @param resource name of the source, such as {@code helper.c}
 * @param options of the compiler, before the source
 * @param libraries of the linker, behind the source
 * @param purpose what it is for error messages: {@code the qemu plugin}
 * @param advice what to do when it cannot be compiled, such as which Debian packages to install
 */
public record CSource(
        Class<?> owner, String resource, List<String> options, List<String> libraries, String purpose, String advice) {
    private static final List<String> COMPILERS = List.of("gcc", "cc", "clang");
    private static final int COMPILE_SECONDS = 60;

    /** Copies the lists. */
    public CSource {
        options = List.copyOf(options);
        libraries = List.copyOf(libraries);
    }

    /** Returns the directory where such things are kept: {@code $XDG_CACHE_HOME/pagewalk}, else {@code ~/.cache/pagewalk}. */
    public static Path cacheDirectory() {
        String cache = System.getenv("XDG_CACHE_HOME");
        return cache != null && cache.startsWith("/")
                ? Path.of(cache, "pagewalk")
                : Path.of(System.getProperty("user.home", "/tmp"), ".cache", "pagewalk");
    }

    /**
     * Finds or makes the compiled file.
     *
     * @param directory where it is kept; made when it is missing
     * @return the file
     * @throws BadInput when there is no compiler, or it fails, or the directory cannot be written
     */
    public Path compiled(Path directory) {
        try {
            byte[] source = source();
            Files.createDirectories(directory);
            Path product = directory.resolve(resource.replaceFirst("\\.c$", "") + "-" + digest(source));
            if (!Files.isExecutable(product)) {
                compile(source, directory, product);
            }
            return product;
        } catch (IOException e) {
            throw new BadInput("cannot keep " + purpose + " in " + directory + ": " + e.getMessage(), e);
        }
    }

    private byte[] source() throws IOException {
        try (InputStream in = owner.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("the resource " + resource + " is missing from the build");
            }
            return in.readAllBytes();
        }
    }

    private String digest(byte[] source) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(source);
            digest.update(String.join(" ", options).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Compiles under a name of its own and renames, so that two runs at once do not see half a file. */
    private void compile(byte[] source, Path directory, Path product) throws IOException {
        Path work = Files.createTempDirectory(directory, "compile");
        Path text = work.resolve(resource);
        Path made = work.resolve("made");
        try {
            Files.write(text, source);
            for (String compiler : COMPILERS) {
                List<String> command = new ArrayList<>(List.of(compiler));
                command.addAll(options);
                command.addAll(List.of("-o", made.toString(), text.toString()));
                command.addAll(libraries);
                Process process;
                try {
                    process = new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .start();
                } catch (IOException missing) {
                    continue;
                }
                process.getOutputStream().close();
                String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (!process.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                    process.destroyForcibly();
                    String reason = output.lines()
                            .filter(line -> line.contains("error"))
                            .findFirst()
                            .orElse(output.lines().findFirst().orElse("no message"));
                    throw new BadInput(compiler + " cannot compile " + purpose + " (" + advice + "): " + reason);
                }
                Files.move(made, product, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                return;
            }
            throw new BadInput(
                    "no C compiler for " + purpose + " (looked for " + String.join(", ", COMPILERS) + "): " + advice);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BadInput("interrupted while " + purpose + " was compiled", e);
        } finally {
            Files.deleteIfExists(text);
            Files.deleteIfExists(made);
            Files.deleteIfExists(work);
        }
    }
}
