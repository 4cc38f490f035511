package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/** Settings of huge pages of the machine that the tests run on, for one test at a time. Each is put back when they are given up, also when the virtual machine is ended before. */
final class HostHugePages implements AutoCloseable {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/transparent_hugepage");
    private static final String NEVER = "never";

    private final FileChannel channel;
    private final FileLock lock;
    private final Map<String, String> before = new LinkedHashMap<>();
    private final Thread atExit = new Thread(this::putBack);

    /** What is done meanwhile. */
    interface Action {
        void run() throws IOException, InterruptedException;
    }

    private HostHugePages(FileChannel channel, FileLock lock) {
        this.channel = channel;
        this.lock = lock;
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /** Waits until no other test has them and no random history relies on them. */
    static HostHugePages take() throws IOException {
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-host-settings.lock");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        return new HostHugePages(channel, channel.lock());
    }

    /** Does something while a file that says never has another value; the test is skipped when it says something else. */
    static void during(String name, String value, Action action) throws IOException, InterruptedException {
        try (HostHugePages settings = take()) {
            assumeTrue(chosen(name).equals(NEVER), "skipped: " + name + " is not " + NEVER);
            settings.set(name, value);
            action.run();
        }
    }

    /** Returns whether faults get pages of 4 KiB or 2 MiB, and those where programs ask for them. */
    static boolean areAsUsual() throws IOException {
        for (int kilobytes = 16; kilobytes < 2048; kilobytes *= 2) {
            String size = "hugepages-" + kilobytes + "kB/enabled";
            if (!Files.isReadable(DIRECTORY.resolve(size)) || !chosen(size).equals(NEVER)) {
                return false;
            }
        }
        return Files.isWritable(DIRECTORY.resolve("enabled"))
                && chosen("enabled").equals("madvise");
    }

    /** Returns a setting: of several words the one in brackets. */
    static String chosen(String name) throws IOException {
        String text = Files.readString(DIRECTORY.resolve(name)).strip();
        int open = text.indexOf('[');
        return open < 0 ? text : text.substring(open + 1, text.indexOf(']'));
    }

    /** Writes a setting. */
    void set(String name, String value) throws IOException {
        before.putIfAbsent(name, chosen(name));
        Files.writeString(DIRECTORY.resolve(name), value);
    }

    private void putBack() {
        before.forEach((name, value) -> {
            try {
                Files.writeString(DIRECTORY.resolve(name), value);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Override
    public void close() throws IOException {
        putBack();
        Runtime.getRuntime().removeShutdownHook(atExit);
        lock.release();
        channel.close();
    }
}
