package io.pagewalk.base.host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** The pool of huge pages of 2 MiB of this computer's kernel. It belongs to whoever has changed its size with {@link HostSettings}. */
public final class HostPool {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");

    /** How many pages there are. */
    public static final Path SIZE = DIRECTORY.resolve("nr_hugepages");

    /** How many may be made beyond these. */
    public static final Path OVERCOMMIT = DIRECTORY.resolve("nr_overcommit_hugepages");

    private static final List<Path> COUNTS = List.of(
            SIZE,
            DIRECTORY.resolve("free_hugepages"),
            DIRECTORY.resolve("resv_hugepages"),
            DIRECTORY.resolve("surplus_hugepages"));
    private static final int MOST_TRIES = 600;
    private static final long PAUSE_NANOS = 5_000_000L;

    private HostPool() {}

    /**
     * Returns how many pages there are, how many are free, promised, and beyond the pool.
     *
     * @throws UncheckedIOException when the kernel has no pools
     */
    public static long[] counts() {
        long[] result = new long[COUNTS.size()];
        try {
            for (int i = 0; i < result.length; i++) {
                result[i] = Long.parseUnsignedLong(HostSettings.chosen(COUNTS.get(i)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the pool of huge pages cannot be read", e);
        }
        return result;
    }

    /**
     * Empties the pool and waits a little until nobody uses a page of it: processes and segments that are gone give theirs back late.
     *
     * @return whether it is empty, and no page is promised
     */
    static boolean empty() throws IOException {
        for (int tries = 0; tries < MOST_TRIES; tries++) {
            Files.writeString(SIZE, "0");
            long[] counts = counts();
            if (counts[0] == 0 && counts[2] == 0) {
                return true;
            }
            releaseSurplus(counts);
            // Promises go with their process at once, pages may be freed late.
            boolean isPromiseOnly = counts[0] == counts[1] && counts[1] == counts[2];
            if (isPromiseOnly && tries >= MOST_TRIES / 20) {
                return false;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        return false;
    }

    /** Lets the pool go: pages that are in use go as soon as they are not. */
    static void letGo() throws IOException {
        Files.writeString(SIZE, "0");
        releaseSurplus(counts());
    }

    /** Pages that nobody uses and nobody was promised can be left beyond the pool, when promises came back twice; they go as pages of a pool that is made smaller. */
    private static void releaseSurplus(long[] counts) throws IOException {
        if (counts[0] == counts[1] && counts[2] >= 0 && counts[0] > counts[2]) {
            Files.writeString(SIZE, Long.toString(counts[0]));
            Files.writeString(SIZE, "0");
        }
    }
}
