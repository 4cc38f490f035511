package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** A tree of processes on the kernel of this machine that does what it is asked: the C program {@code shmhelper.c}, which describes the requests. Process 0 is the first. */
final class RealKernel implements AutoCloseable {
    static final int ANSWER_BYTES = 24;
    private static final String SOURCE = "shmhelper.c";
    private static final int REQUEST_BYTES = 72;

    private final Path directory;
    private final Process process;
    private final Map<Integer, OutputStream> to = new HashMap<>();
    private final Map<Integer, DataInputStream> from = new HashMap<>();

    /** What came of a request. */
    record Answer(long result, long errno, long signal) {}

    private RealKernel(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        to.put(0, process.getOutputStream());
        from.put(0, new DataInputStream(process.getInputStream()));
    }

    /** Starts the program with the mount options of its {@code /dev/shm}; empty where that is impossible. */
    static Optional<RealKernel> start(Path directory, String options) throws IOException, InterruptedException {
        if (!System.getProperty("os.version").startsWith("6.18")
                || !System.getProperty("os.arch").equals("amd64")
                || !Files.isExecutable(Path.of("/usr/bin/gcc"))) {
            return Optional.empty();
        }
        Path source = directory.resolve(SOURCE);
        Path program = directory.resolve("shmhelper");
        try (InputStream stream = requireNonNull(RealKernel.class.getResourceAsStream(SOURCE))) {
            Files.write(source, stream.readAllBytes());
        }
        Process gcc = new ProcessBuilder(
                        "gcc", "-O1", "-w", "-static", "-pthread", "-o", program.toString(), source.toString())
                .redirectErrorStream(true)
                .start();
        gcc.getInputStream().readAllBytes();
        if (gcc.waitFor() != 0) {
            return Optional.empty();
        }
        Process process = new ProcessBuilder(program.toString(), options, directory.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        byte[] greeting = process.getInputStream().readNBytes("ready\n".length());
        if (!new String(greeting, StandardCharsets.US_ASCII).equals("ready\n")) {
            process.destroyForcibly();
            return Optional.empty();
        }
        return Optional.of(new RealKernel(directory, process));
    }

    /** Returns the number of the first process. */
    long pid() {
        return process.pid();
    }

    void send(int who, int kind, long number, long... args) {
        ByteBuffer buffer = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(kind).putLong(number);
        for (long argument : args) {
            buffer.putLong(argument);
        }
        try {
            OutputStream out = requireNonNull(to.get(who));
            out.write(buffer.array());
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    byte[] receive(int who, int bytes, Supplier<String> history) {
        try {
            byte[] answer = requireNonNull(from.get(who)).readNBytes(bytes);
            assertThat(answer.length)
                    .as(() -> "the native helper died\n" + history.get())
                    .isEqualTo(bytes);
            return answer;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Answer request(int who, int kind, long number, Supplier<String> history, long... args) {
        send(who, kind, number, args);
        ByteBuffer answer = ByteBuffer.wrap(receive(who, ANSWER_BYTES, history)).order(ByteOrder.LITTLE_ENDIAN);
        return new Answer(answer.getLong(), answer.getLong(), answer.getLong());
    }

    /** Makes the pipes that a child opens first of all. */
    void makePipes(int child) throws IOException, InterruptedException {
        for (String name : new String[] {"in.", "out."}) {
            Process mkfifo =
                    new ProcessBuilder("mkfifo", directory.resolve(name + child).toString()).start();
            assertThat(mkfifo.waitFor()).isZero();
        }
    }

    /** Opens the pipes of a child that runs. */
    void connect(int child) throws IOException {
        to.put(child, Files.newOutputStream(directory.resolve("in." + child)));
        from.put(child, new DataInputStream(Files.newInputStream(directory.resolve("out." + child))));
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
