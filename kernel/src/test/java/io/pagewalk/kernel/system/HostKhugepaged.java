package io.pagewalk.kernel.system;

import io.pagewalk.base.host.HostSettings;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/** khugepaged of this machine's kernel, for one test at a time: asleep until it is asked to scan. */
final class HostKhugepaged implements AutoCloseable {
    private static final long PATIENCE_NANOS = 20_000_000_000L;
    private static final String SLEEP = "khugepaged/scan_sleep_millisecs";
    private static final String ASLEEP = "3600000";
    private static final long FIRST_AREA = TwoKernels.ARENA + (1L << 40);
    private static final long HUGE_BYTES = 2L << 20;
    private static final int MADV_DONTNEED = 4;
    private static final int MADV_HUGEPAGE = 14;

    private final HostSettings settings;
    private final Path thread;

    private HostKhugepaged(HostSettings settings, Path thread) throws IOException {
        this.settings = settings;
        this.thread = thread;
        set("khugepaged/pages_to_scan", "100000000");
    }

    private static Optional<Path> threadState() throws IOException {
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                Path comm = process.resolve("comm");
                if (Files.isReadable(comm) && Files.readString(comm).equals("khugepaged\n")) {
                    return Optional.of(process.resolve("stat"));
                }
            }
        } catch (NoSuchFileException e) {
            // A process that ended meanwhile; the next search goes on behind it.
            return threadState();
        }
        return Optional.empty();
    }

    /** Sends it to sleep, which wakes it for a round first, and waits until it sleeps. Returns false when that took too long. */
    private boolean settle() throws IOException, InterruptedException {
        set(SLEEP, ASLEEP);
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        int asleep = 0;
        // A thread that was woken is runnable until it has run, whatever else the machine does.
        while (asleep < 3 && System.nanoTime() < deadline) {
            Thread.sleep(5);
            boolean isAsleep = Files.readString(thread).contains(") S ");
            asleep = isAsleep ? asleep + 1 : 0;
        }
        return asleep == 3;
    }

    /**
     * Takes it and sends it to sleep; the model's must be frozen. Empty where huge pages are not used as programs ask for them, or where it does not come to rest.
     *
     * <p>It only sleeps for a time while somebody is on its list, and is woken by whoever comes onto an empty one: so process 0 comes first, with an area in which there is nothing to find.
     */
    static Optional<HostKhugepaged> take(TwoKernels both) throws IOException, InterruptedException {
        Optional<HostKhugepaged> host = take();
        if (host.isPresent()) {
            both.call(0, "mmap", FIRST_AREA, HUGE_BYTES, 3, 0x32, -1, 0);
            both.store(0, FIRST_AREA, 1);
            both.call(0, "madvise", FIRST_AREA, HUGE_BYTES, MADV_HUGEPAGE);
            both.call(0, "madvise", FIRST_AREA, HUGE_BYTES, MADV_DONTNEED);
            if (!host.get().settle()) {
                host.get().close();
                return Optional.empty();
            }
        }
        return host;
    }

    private static Optional<HostKhugepaged> take() throws IOException {
        Optional<Path> thread = HostHugePages.areAsUsual() ? threadState() : Optional.empty();
        return thread.isEmpty() ? Optional.empty() : Optional.of(new HostKhugepaged(HostSettings.take(), thread.get()));
    }

    /** Writes a setting. */
    void set(String name, String value) throws IOException {
        settings.set(HostHugePages.file(name), value);
    }

    /** Lets it look at everything; returns false when it did not come to an end in time. */
    boolean scan() throws IOException, InterruptedException {
        long wanted = fullScans() + 2;
        set(SLEEP, "10");
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (fullScans() < wanted && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
        return settle() && fullScans() >= wanted;
    }

    private static long fullScans() throws IOException {
        return Long.parseLong(HostHugePages.chosen("khugepaged/full_scans"));
    }

    @Override
    public void close() {
        settings.close();
    }
}
