package io.pagewalk.kernel.system;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Settings of the machine that the tests run on, changed for a while: each is put back in the end, also when the Java machine ends before. */
final class HostSetting {
    /** What is done meanwhile. */
    interface Action {
        void run() throws IOException, InterruptedException;
    }

    private HostSetting() {}

    /** Does something while a file of sysfs, whose values stand in a row with the chosen one in brackets, has another value. */
    static void during(Path file, String value, Action action) throws IOException, InterruptedException {
        String before = Files.readString(file).replaceAll("(?s).*\\[(.*)\\].*", "$1");
        Thread hook = new Thread(() -> write(file, before));
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            write(file, value);
            action.run();
        } finally {
            write(file, before);
            Runtime.getRuntime().removeShutdownHook(hook);
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
