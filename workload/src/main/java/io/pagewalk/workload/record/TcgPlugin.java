package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The compiled qemu plugin: made from its source with the machine's C compiler on first use and kept in the user's cache directory. */
final class TcgPlugin {
    private static final String SOURCE = "pagewalk-tcg.c";
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");

    private TcgPlugin() {}

    /** Returns the plugin's file. */
    static Path file() throws IOException, InterruptedException {
        byte[] source = source();
        Path directory = cacheDirectory();
        Path plugin = directory.resolve("tcg-" + name(source) + ".so");
        if (!Files.exists(plugin)) {
            Files.createDirectories(directory);
            compile(source, directory, plugin);
        }
        return plugin;
    }

    private static void compile(byte[] source, Path directory, Path plugin) throws IOException, InterruptedException {
        Path compiler = compiler();
        if (compiler == null) {
            throw new BadInput(
                    "no C compiler for the qemu plugin: one comes with the Debian packages 'gcc' and 'libc6-dev'; recording with lackey needs none");
        }
        Path code = Files.createTempFile(directory, "tcg", ".c");
        Path made = Files.createTempFile(directory, "tcg", ".part");
        try {
            Files.write(code, source);
            Process process = new ProcessBuilder(
                            compiler.toString(),
                            "-O2",
                            "-shared",
                            "-fPIC",
                            "-o",
                            made.toString(),
                            code.toString(),
                            "-lpthread")
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                String reason = said.lines()
                        .filter(line -> line.contains("error"))
                        .findFirst()
                        .orElse(said.strip());
                throw new BadInput(compiler
                        + " cannot compile the qemu plugin (is the Debian package 'libc6-dev' installed?): " + reason);
            }
            Files.move(made, plugin, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(code);
            Files.deleteIfExists(made);
        }
    }

    private static @Nullable Path compiler() {
        for (String name : COMPILERS) {
            Path found = Programs.find(name);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static Path cacheDirectory() {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path base =
                cache == null || cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
        return base.resolve("pagewalk");
    }

    private static byte[] source() throws IOException {
        try (InputStream in = TcgPlugin.class.getResourceAsStream(SOURCE)) {
            if (in == null) {
                throw new IllegalStateException(SOURCE + " is not on the class path");
            }
            return in.readAllBytes();
        }
    }

    private static String name(byte[] source) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(source);
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
