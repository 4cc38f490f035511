package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real kernel in an emulated machine with one CPU that has all features, and a first program that carries out a script. It needs {@code qemu-system-x86_64} on the path, a kernel image {@code /boot/vmlinuz-*} and gcc;
 * {@code -Dpagewalk.qemu=FILE} and {@code -Dpagewalk.vmlinuz=FILE} name others.
 */
public final class EmulatedKernel {
    private static final int MINUTES = 4;

    private final Path directory;
    private final Path qemu;
    private final Path image;

    private EmulatedKernel(Path directory, Path qemu, Path image) {
        this.directory = directory;
        this.qemu = qemu;
        this.image = image;
    }

    /**
     * Builds the first program; empty where something is missing.
     *
     * @param directory for files
     * @param source name of the program's source beside this class
     */
    public static Optional<EmulatedKernel> prepare(Path directory, String source)
            throws IOException, InterruptedException {
        Optional<Path> qemu = named("pagewalk.qemu").or(EmulatedKernel::onPath);
        Optional<Path> image = named("pagewalk.vmlinuz").or(EmulatedKernel::installed);
        if (qemu.isEmpty() || image.isEmpty() || !Files.isExecutable(Path.of("/usr/bin/gcc"))) {
            return Optional.empty();
        }
        try (InputStream stream = requireNonNull(EmulatedKernel.class.getResourceAsStream(source))) {
            Files.write(directory.resolve(source), stream.readAllBytes());
        }
        Process gcc = new ProcessBuilder(
                        "gcc",
                        "-O1",
                        "-w",
                        "-static",
                        "-pthread",
                        "-o",
                        file(directory, "init"),
                        file(directory, source))
                .redirectErrorStream(true)
                .start();
        gcc.getInputStream().readAllBytes();
        return gcc.waitFor() == 0
                ? Optional.of(new EmulatedKernel(directory, qemu.orElseThrow(), image.orElseThrow()))
                : Optional.empty();
    }

    private static String file(Path directory, String name) {
        return directory.resolve(name).toString();
    }

    private static Optional<Path> named(String property) {
        return Optional.ofNullable(System.getProperty(property)).map(Path::of);
    }

    private static Optional<Path> onPath() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator, -1))
                .map(entry -> Path.of(entry, "qemu-system-x86_64"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static Optional<Path> installed() {
        try (Stream<Path> files = Files.list(Path.of("/boot"))) {
            return files.filter(file -> file.getFileName().toString().startsWith("vmlinuz-") && Files.isReadable(file))
                    .sorted()
                    .reduce((older, newer) -> newer);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Boots, and lets the first program carry a script out.
     *
     * @param script its lines
     * @return what it printed, or nothing when the machine did not come to the end of it
     */
    public List<String> run(List<String> script) throws IOException, InterruptedException {
        Path initrd = directory.resolve("initrd");
        Files.write(initrd, archive(String.join("\n", script) + "\n"));
        Process process = new ProcessBuilder(List.of(
                        qemu.toString(),
                        "-cpu",
                        "max",
                        "-m",
                        "512M",
                        "-display",
                        "none",
                        "-nodefaults",
                        "-no-reboot",
                        "-serial",
                        "stdio",
                        "-kernel",
                        image.toString(),
                        "-initrd",
                        initrd.toString(),
                        "-append",
                        "console=ttyS0 quiet panic=-1"))
                .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                .redirectOutput(directory.resolve("console").toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            return List.of();
        }
        List<String> lines = Files.readString(directory.resolve("console"), StandardCharsets.ISO_8859_1)
                .lines()
                .map(line -> line.replace("\r", ""))
                .toList();
        int begin = 0;
        while (begin < lines.size() && !lines.get(begin).startsWith("--- begin")) {
            begin++;
        }
        int end = lines.indexOf("--- end");
        return begin < end ? lines.subList(begin + 1, end) : List.of();
    }

    /** An archive as the kernel unpacks it into its first file system: cpio, format newc. */
    private byte[] archive(String script) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        entry(out, "proc", 0040755, new byte[0]);
        entry(out, "dev", 0040755, new byte[0]);
        entry(out, "init", 0100755, Files.readAllBytes(directory.resolve("init")));
        entry(out, "script", 0100644, script.getBytes(StandardCharsets.US_ASCII));
        entry(out, "TRAILER!!!", 0, new byte[0]);
        return out.toByteArray();
    }

    private static void entry(ByteArrayOutputStream out, String name, int mode, byte[] content) throws IOException {
        StringBuilder header = new StringBuilder("070701");
        for (int field : new int[] {0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length() + 1, 0}) {
            header.append(String.format(Locale.ROOT, "%08X", field));
        }
        out.write((header + name + "\0").getBytes(StandardCharsets.US_ASCII));
        pad(out);
        out.write(content);
        pad(out);
    }

    private static void pad(ByteArrayOutputStream out) {
        while (out.size() % 4 != 0) {
            out.write(0);
        }
    }
}
