package io.pagewalk.kernel.vma;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.StringTokenizer;

/** A small native process that performs raw memory calls, and what the kernel says about it under /proc. */
final class NativeProcess implements AutoCloseable {
    private static final String SOURCE = "mmhelper.c";
    private static final int REQUEST_BYTES = 64;
    private static final int ANSWER_BYTES = 24;

    private final Process process;
    private final OutputStream out;
    private final DataInputStream in;
    private final Path proc;

    /** One thing to do: kind 0 is a system call, 1 a load, 2 a store, 3 mincore. */
    record Request(int kind, int number, List<Long> args) {
        static Request of(int kind, int number, long... args) {
            return new Request(kind, number, Arrays.stream(args).boxed().toList());
        }
    }

    /** What came of it; the signal is 100 * number + si_code. */
    record Answer(long result, long errno, long signal) {}

    private NativeProcess(Process process) {
        this.process = process;
        this.out = process.getOutputStream();
        this.in = new DataInputStream(process.getInputStream());
        this.proc = Path.of("/proc", Long.toString(process.pid()));
    }

    /** Compiles the helper; empty when this is no x86-64 Linux or there is no compiler. */
    static Optional<Path> compile(Path directory) throws IOException, InterruptedException {
        if (!System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64")) {
            return Optional.empty();
        }
        Path source = directory.resolve(SOURCE);
        Path program = directory.resolve("mmhelper");
        try (InputStream stream = NativeProcess.class.getResourceAsStream(SOURCE)) {
            if (stream == null) {
                throw new IOException("resource " + SOURCE + " is missing");
            }
            Files.write(source, stream.readAllBytes());
        }
        try {
            Process gcc = new ProcessBuilder("gcc", "-O1", "-w", "-static", "-o", program.toString(), source.toString())
                    .redirectErrorStream(true)
                    .start();
            gcc.getInputStream().readAllBytes();
            return gcc.waitFor() == 0 ? Optional.of(program) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    static NativeProcess start(Path program, Path file) throws IOException {
        NativeProcess result = new NativeProcess(new ProcessBuilder(program.toString(), file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
        result.in.readNBytes("ready\n".length());
        return result;
    }

    List<Answer> perform(List<Request> requests) throws IOException {
        ByteBuffer buffer =
                ByteBuffer.allocate(8 + requests.size() * REQUEST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(requests.size());
        for (Request request : requests) {
            buffer.putLong(request.kind()).putLong(request.number());
            for (int i = 0; i < 6; i++) {
                buffer.putLong(i < request.args().size() ? request.args().get(i) : 0);
            }
        }
        out.write(buffer.array());
        out.flush();
        ByteBuffer answer =
                ByteBuffer.wrap(in.readNBytes(requests.size() * ANSWER_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        List<Answer> result = new ArrayList<>();
        for (int i = 0; i < requests.size(); i++) {
            result.add(new Answer(answer.getLong(), answer.getLong(), answer.getLong()));
        }
        return result;
    }

    List<String> read(String name) throws IOException {
        return Files.readAllLines(proc.resolve(name), StandardCharsets.ISO_8859_1);
    }

    /** Returns a field of /proc/PID/stat by its number in proc(5), which counts from 1. */
    long stat(int field) throws IOException {
        String text = read("stat").getFirst();
        StringTokenizer words = new StringTokenizer(text.substring(text.lastIndexOf(')') + 2));
        for (int skipped = 3; skipped < field; skipped++) {
            words.nextToken();
        }
        return Long.parseUnsignedLong(words.nextToken());
    }

    /** Returns a size of /proc/PID/status in pages. */
    long statusPages(String name) throws IOException {
        for (String line : read("status")) {
            if (line.startsWith(name + ":")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) / 4;
            }
        }
        throw new IOException(String.format(Locale.ROOT, "no %s in status", name));
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
