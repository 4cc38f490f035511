package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** A pool of huge pages of the machine that the tests run on, for one test at a time. It is taken when there is none, and is gone when it is given up, also when the virtual machine is ended before. */
final class HostPool implements AutoCloseable {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");
    private static final String SIZE = "nr_hugepages";
    private static final String[] NAMES = {SIZE, "free_hugepages", "resv_hugepages", "surplus_hugepages"};
    /** Promises that this machine's kernel has lost and that may be tolerated: as many pages more are taken. */
    private static final long LOST = Long.getLong("pagewalk.pool.lost", 0);

    private static final int MOST_TRIES = 200;
    private static final long PAUSE_NANOS = 1_000_000L;

    private final FileChannel channel;
    private final FileLock lock;
    private final Thread atExit = new Thread(HostPool::empty);

    private HostPool(FileChannel channel, FileLock lock) {
        this.channel = channel;
        this.lock = lock;
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /** Takes a pool; the test is skipped where that is impossible. */
    static HostPool take(int pages) throws IOException {
        assumeTrue(Files.isWritable(DIRECTORY.resolve(SIZE)), "skipped: needs the right to have a pool of huge pages");
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-hugetlb.lock");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        HostPool pool = new HostPool(channel, channel.lock());
        long[] before = counts();
        // What a process that has just ended had of a pool comes back late.
        for (int tries = 0; tries < MOST_TRIES && !isUnused(before); tries++) {
            LockSupport.parkNanos(PAUSE_NANOS);
            before = counts();
        }
        boolean isUnused = isUnused(before) && figure("nr_overcommit_hugepages") == 0;
        if (isUnused) {
            Files.writeString(DIRECTORY.resolve(SIZE), Long.toString(LOST + pages));
        }
        if (!isUnused || counts()[0] != LOST + pages) {
            pool.close();
            assumeTrue(false, "skipped: a pool is there, or promises of one were lost: " + Arrays.toString(before));
        }
        return pool;
    }

    private static boolean isUnused(long[] counts) {
        return counts[0] <= LOST && counts[0] == counts[1] && counts[2] == LOST;
    }

    private static long figure(String name) {
        try {
            return Long.parseUnsignedLong(
                    Files.readString(DIRECTORY.resolve(name)).strip());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long[] counts() {
        return Arrays.stream(NAMES).mapToLong(HostPool::figure).toArray();
    }

    /** Returns how many pages it has in all, free, promised and surplus ones, as soon as that is what is expected: now and then a page comes back a little late. */
    long[] pagesOnceEqual(long[] expected) {
        long[] pages = pages();
        for (int tries = 0; tries < MOST_TRIES && !Arrays.equals(pages, expected); tries++) {
            LockSupport.parkNanos(PAUSE_NANOS);
            pages = pages();
        }
        return pages;
    }

    private static long[] pages() {
        long[] counts = counts();
        return new long[] {counts[0] - LOST, counts[1] - LOST, counts[2] - LOST, counts[3]};
    }

    private static void empty() {
        try {
            Files.writeString(DIRECTORY.resolve(SIZE), "0");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        empty();
        Runtime.getRuntime().removeShutdownHook(atExit);
        lock.release();
        channel.close();
    }
}
