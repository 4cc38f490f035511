package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Settings of huge pages of the machine that the tests run on, changed for a while. Each is put back in the end, also when the Java machine ends before; a lock keeps tests that run at once
 * apart.
 */
final class HostSetting {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/transparent_hugepage");
    private static final String NEVER = "never";

    /** What is done meanwhile. */
    interface Action {
        void run() throws IOException, InterruptedException;
    }

    private HostSetting() {}

    /** Does something while a file of sysfs that says never has another value; the test is skipped when it says something else. */
    static void during(String name, String value, Action action) throws IOException, InterruptedException {
        Path file = DIRECTORY.resolve(name);
        Path lockFile = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-huge-pages.lock");
        try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            boolean isNever = lock.isValid() && Files.readString(file).contains("[" + NEVER + "]");
            assumeTrue(isNever, "skipped: " + name + " is not " + NEVER);
            Thread hook = new Thread(() -> write(file, NEVER));
            Runtime.getRuntime().addShutdownHook(hook);
            try {
                write(file, value);
                action.run();
            } finally {
                write(file, NEVER);
                Runtime.getRuntime().removeShutdownHook(hook);
            }
        }
    }

    private static void write(Path file, String value) {
        try {
            Files.writeString(file, value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
