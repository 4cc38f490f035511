package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.CSource;
import io.pagewalk.kernel.exec.ElfFile;
import io.pagewalk.workload.read.QemuReader;
import io.pagewalk.workload.read.TraceReader;
import io.pagewalk.workload.trace.AccessSink;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Records by {@code qemu-x86_64} with the plugin {@code pagewalk-tcg.c}.
 *
 * <p>The initial layout comes from a run that ends before the program's first instruction: qemu has no address randomization, so the recording that follows has the same layout.
 */
final class Qemu implements Instrument {
    private static final CSource PLUGIN = new CSource(
            Qemu.class,
            "pagewalk-tcg.c",
            List.of("-O2", "-shared", "-fPIC"),
            List.of("-lpthread"),
            "the qemu plugin",
            "a compiler comes with the Debian packages 'gcc' and 'libc6-dev'; recording with lackey needs none");

    /** Statuses above this one tell of a signal. */
    private static final int KILLED = 128;

    private static final int MOST_VCPUS = 4096;
    private static final int BUFFER_HEADER_WORDS = 3;

    private final Path qemu;
    private final Path scratch;
    private final Path plugin;
    private Path stream = Path.of("");
    private @Nullable InitialLayout layout;

    /**
     * Finds qemu and has the plugin ready.
     *
     * @param scratch a directory for temporary files
     * @throws BadInput when qemu or a compiler is missing
     */
    Qemu(Path scratch) {
        Path found = Programs.find("qemu-x86_64");
        if (found == null) {
            throw new BadInput("qemu-x86_64 is not installed: it comes with the Debian package 'qemu-user'");
        }
        qemu = found;
        this.scratch = scratch;
        plugin = PLUGIN.compiled(CSource.cacheDirectory());
    }

    @Override
    public String description() {
        try {
            Process process = new ProcessBuilder(qemu.toString(), "--version")
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return text.lines()
                            .findFirst()
                            .orElse("qemu-x86_64")
                            .replaceAll(" version | \\(.*", " ")
                            .strip() + " plugin";
        } catch (IOException e) {
            return "qemu-x86_64 plugin";
        }
    }

    @Override
    public Process start(List<String> command, StandardInput input, ProcessBuilder.Redirect output, Path stream)
            throws IOException, InterruptedException {
        this.stream = stream;
        List<String> words = Programs.withoutScripts(command);
        boolean isScript = words.size() > command.size();
        String name = isScript ? words.getFirst() : command.getFirst();
        layout = probe(name, words);
        List<String> run = guest(name, words, List.of("-plugin", plugin + ",out=" + stream));
        return new ProcessBuilder(run)
                .redirectInput(input.redirect())
                .redirectOutput(output)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private InitialLayout probe(String name, List<String> words) throws IOException, InterruptedException {
        Path program = Path.of(words.getFirst());
        ElfFile.read(program);
        Path log = scratch.resolve("layout.log");
        Process process = new ProcessBuilder(guest(
                        name, words, List.of("-d", "page", "-D", log.toString(), "-plugin", plugin + ",layout=1")))
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int status = process.waitFor();
        if (status != 0 || !Files.exists(log)) {
            throw new BadInput("qemu-x86_64 cannot run " + name + ": "
                    + output.lines().findFirst().orElse("status " + status));
        }
        return QemuLayout.of(Files.readAllLines(log, StandardCharsets.ISO_8859_1), program);
    }

    private List<String> guest(String name, List<String> words, List<String> options) {
        List<String> run = new ArrayList<>();
        run.add(qemu.toString());
        run.addAll(options);
        run.addAll(List.of("-0", name));
        run.addAll(words);
        return run;
    }

    @Override
    public TraceReader reader(String name, AccessSink sink, LongConsumer progress) {
        return new QemuReader(name, sink, progress);
    }

    /* A process that a signal has killed leaves records in its buffers, which are files beside the stream. */
    @Override
    public byte[] endMark(int status) throws IOException {
        ByteArrayOutputStream mark = new ByteArrayOutputStream();
        for (int vcpu = 0; status > KILLED && vcpu < MOST_VCPUS; vcpu++) {
            Path buffer = stream.resolveSibling(stream.getFileName() + "." + vcpu);
            if (Files.exists(buffer)) {
                mark.write(
                        rest(vcpu, ByteBuffer.wrap(Files.readAllBytes(buffer)).order(ByteOrder.LITTLE_ENDIAN)));
            }
        }
        ByteBuffer end = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        mark.write(
                end.putLong(head(QemuReader.FRAME_STATUS, 0, 1)).putLong(status).array());
        return mark.toByteArray();
    }

    private static byte[] rest(int vcpu, ByteBuffer buffer) {
        int filled = (int) buffer.getLong(0);
        int written = (int) buffer.getLong(Long.BYTES);
        boolean isAnnounced = buffer.getLong(2 * Long.BYTES) != 0;
        if (!isAnnounced || filled <= written) {
            return new byte[0];
        }
        int words = filled - written;
        ByteBuffer frame = ByteBuffer.allocate((1 + words) * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        frame.putLong(head(QemuReader.FRAME_RECORDS, vcpu, words));
        frame.put(Long.BYTES, buffer, (BUFFER_HEADER_WORDS + written) * Long.BYTES, words * Long.BYTES);
        return frame.array();
    }

    private static long head(int type, int vcpu, int words) {
        return ((long) type << 56) | ((long) vcpu << 32) | words;
    }

    @Override
    public InitialLayout layout() {
        if (layout == null) {
            throw new IllegalStateException("the program was not started");
        }
        return layout;
    }
}
