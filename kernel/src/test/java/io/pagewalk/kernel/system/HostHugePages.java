package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.host.HostPool;
import io.pagewalk.base.host.HostSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Huge pages of the machine that the tests run on: what is set, and other settings for one test at a time. */
final class HostHugePages {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/transparent_hugepage");
    private static final String NEVER = "never";
    private static final int MOST_TRIES = 200;
    private static final long PAUSE_NANOS = 1_000_000L;

    private HostHugePages() {}

    /** What is done meanwhile. */
    interface Action {
        void run() throws IOException, InterruptedException;
    }

    /** Does something while nobody sets which huge pages there are. */
    static void alone(Action action) throws IOException, InterruptedException {
        HostSettings settings = HostSettings.take();
        try (settings) {
            action.run();
        }
    }

    /** Does something while a file that says never has another value; the test is skipped when it says something else. */
    static void during(String name, String value, Action action) throws IOException, InterruptedException {
        try (HostSettings settings = HostSettings.take()) {
            assumeTrue(chosen(name).equals(NEVER), "skipped: " + name + " is not " + NEVER);
            settings.set(file(name), value);
            action.run();
        }
    }

    /** Takes a pool of so many huge pages, and faults get pages as usual meanwhile; the test is skipped where that is impossible. */
    static HostSettings takePool(int pages) throws IOException {
        Map<Path, String> wanted = new LinkedHashMap<>();
        wanted.put(HostPool.OVERCOMMIT, "0");
        wanted.put(HostPool.SIZE, Integer.toString(pages));
        HostSettings pool = HostSettings.take(wanted);
        assumeTrue(pool != null, "skipped: no pool of huge pages can be had, or promises of one were lost");
        if (!areAsUsual()) {
            pool.close();
            assumeTrue(false, "skipped: this machine's settings of huge pages are unusual");
        }
        return pool;
    }

    /** Returns how many pages the pool has in all, free, promised and surplus ones, as soon as that is what is expected: now and then a page comes back a little late. */
    static long[] poolOnceEqual(long[] expected) {
        long[] pages = HostPool.counts();
        for (int tries = 0; tries < MOST_TRIES && !Arrays.equals(pages, expected); tries++) {
            LockSupport.parkNanos(PAUSE_NANOS);
            pages = HostPool.counts();
        }
        return pages;
    }

    /** Returns whether faults get pages of 4 KiB or 2 MiB, and those where programs ask for them. */
    static boolean areAsUsual() throws IOException {
        for (int kilobytes = 16; kilobytes < 2048; kilobytes *= 2) {
            String size = "hugepages-" + kilobytes + "kB/enabled";
            if (!Files.isReadable(file(size)) || !chosen(size).equals(NEVER)) {
                return false;
            }
        }
        return Files.isWritable(file("enabled")) && chosen("enabled").equals("madvise");
    }

    /** Returns where a setting is written. */
    static Path file(String name) {
        return DIRECTORY.resolve(name);
    }

    /** Returns a setting: of several words the one in brackets. */
    static String chosen(String name) throws IOException {
        return HostSettings.chosen(file(name));
    }
}
