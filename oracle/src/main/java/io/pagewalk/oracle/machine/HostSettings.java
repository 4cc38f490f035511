package io.pagewalk.oracle.machine;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Settings of this computer's kernel for the time of a history: they are put back when it ends, when the program is told to end, and by the next one that changes settings after one that was
 * killed. One program changes them at a time, and none while another relies on them.
 */
public final class HostSettings implements AutoCloseable {
    /** The size of the pool of huge pages. */
    public static final Path POOL = Path.of("/proc/sys/vm/nr_hugepages");

    /** How many huge pages may be made beyond the pool. */
    public static final Path OVERCOMMIT = Path.of("/proc/sys/vm/nr_overcommit_hugepages");

    private static final List<String> NAMES =
            List.of("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp");
    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Path LOCK = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-host-settings.lock");
    private static final Path JOURNAL = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-host-settings");
    private static final long PATIENCE_NANOS = 3_000_000_000L;
    private static final int LONGEST = 256;
    private static final long PAUSE_NANOS = 5_000_000L;

    private final FileChannel channel;
    private final FileLock lock;
    private final Map<Path, String> wanted;
    private final Map<Path, String> before = new LinkedHashMap<>();
    private final Thread hook = new Thread(this::putBack, "put settings back");

    private HostSettings(Map<Path, String> wanted, FileChannel channel, FileLock lock) {
        this.wanted = wanted;
        this.channel = channel;
        this.lock = lock;
    }

    /**
     * Changes settings, or only keeps them as they are; waits until others who need something else have come to the end of their history.
     *
     * @param wanted the text for each file, none to keep all; with {@link #POOL} among them there must be no pool now
     * @return null where one cannot be changed, or somebody goes on using the pool for three seconds; the latter also when the kernel has lost promises of it, as it does when a part of an
     *     area is moved
     */
    public static @Nullable HostSettings take(Map<Path, String> wanted) {
        if (!wanted.keySet().stream().allMatch(Files::isWritable)) {
            return null;
        }
        try {
            boolean isShared = wanted.isEmpty() && !Files.exists(JOURNAL);
            FileChannel channel = FileChannel.open(
                    LOCK, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            HostSettings result = new HostSettings(wanted, channel, channel.lock(0, Long.MAX_VALUE, isShared));
            boolean isTaken = false;
            try {
                isTaken = isShared || result.change();
            } finally {
                if (!isTaken) {
                    result.close();
                }
            }
            return isTaken ? result : null;
        } catch (IOException | OverlappingFileLockException e) {
            return null;
        }
    }

    private boolean change() throws IOException {
        repair();
        if (wanted.isEmpty()) {
            return true;
        }
        if (wanted.containsKey(POOL) && !(chosen(POOL).equals("0") && isEmpty())) {
            return false;
        }
        List<String> lines = new ArrayList<>();
        for (Path file : wanted.keySet()) {
            before.put(file, chosen(file));
            lines.add(file + " " + before.get(file));
        }
        Files.write(JOURNAL, lines);
        Runtime.getRuntime().addShutdownHook(hook);
        return write();
    }

    private boolean write() throws IOException {
        for (Map.Entry<Path, String> entry : wanted.entrySet()) {
            if (entry.getKey().equals(POOL)) {
                // Pages of a pool stay dirty until they leave it.
                Files.writeString(POOL, "0");
            }
            Files.writeString(entry.getKey(), entry.getValue());
            if (!chosen(entry.getKey()).equals(entry.getValue())) {
                return false;
            }
        }
        return true;
    }

    /**
     * Sets everything once more, since a history may have changed it.
     *
     * @throws HelperFailure when the kernel refuses what it took before
     */
    public void renew() {
        try {
            if ((wanted.containsKey(POOL) && !isEmpty()) || !write()) {
                throw new HelperFailure(
                        "the settings " + wanted + " cannot be made again, the pool has " + Arrays.toString(pool()));
            }
        } catch (IOException e) {
            throw new HelperFailure("the settings " + wanted + " cannot be made again", e);
        }
    }

    /** The chosen word stands in brackets among others; a number stands alone. */
    static String chosen(Path file) throws IOException {
        String text;
        // At once: a file below /proc/sys says no more after its first byte was read alone.
        try (InputStream in = Files.newInputStream(file)) {
            text = new String(in.readNBytes(LONGEST), StandardCharsets.US_ASCII).strip();
        }
        int open = text.indexOf('[');
        return open < 0 ? text : text.substring(open + 1, text.indexOf(']'));
    }

    /** Puts back what a program has left that was killed. */
    private static void repair() throws IOException {
        if (Files.exists(JOURNAL)) {
            for (String line : Files.readAllLines(JOURNAL)) {
                int space = line.indexOf(' ');
                Files.writeString(Path.of(line.substring(0, space)), line.substring(space + 1));
            }
            Files.delete(JOURNAL);
        }
    }

    /** Returns how many pages of the pool there are for a history. */
    public long poolPages() {
        return Long.parseLong(wanted.getOrDefault(POOL, "0"));
    }

    /**
     * Returns HugePages_Total, Free, Rsvd and Surp.
     *
     * @throws HelperFailure when nobody tells
     */
    public static long[] pool() {
        try {
            String text = "\n" + Files.readString(MEMINFO);
            long[] result = new long[NAMES.size()];
            for (int i = 0; i < result.length; i++) {
                result[i] = ProcText.number(text, NAMES.get(i));
            }
            return result;
        } catch (IOException e) {
            throw new HelperFailure("the pool of huge pages cannot be read", e);
        }
    }

    /**
     * Empties the pool and waits a little until nobody uses a page of it: processes and segments that are gone give theirs back late.
     *
     * @return whether it is so
     */
    private static boolean isEmpty() throws IOException {
        long start = System.nanoTime();
        long patience;
        do {
            Files.writeString(POOL, "0");
            long[] counts = pool();
            if (counts[0] == 0 && counts[2] == 0) {
                return true;
            }
            releaseSurplus(counts);
            // Promises go with their process at once, pages may be freed late.
            boolean isPromiseOnly = counts[0] == counts[1] && counts[1] == counts[2];
            patience = isPromiseOnly ? PATIENCE_NANOS / 20 : PATIENCE_NANOS;
            LockSupport.parkNanos(PAUSE_NANOS);
        } while (System.nanoTime() - start < patience);
        return false;
    }

    /** Pages that nobody uses and nobody was promised can be left beyond the pool, when promises came back twice; they go as pages of a pool that is made smaller. */
    private static void releaseSurplus(long[] counts) throws IOException {
        if (counts[0] == counts[1] && counts[2] >= 0 && counts[0] > counts[2]) {
            Files.writeString(POOL, Long.toString(counts[0]));
            Files.writeString(POOL, "0");
        }
    }

    private synchronized void putBack() {
        try {
            if (before.containsKey(POOL)) {
                // What users still hold goes when they let it go, as nothing beyond the pool is allowed.
                Files.writeString(OVERCOMMIT, "0");
            }
            for (Map.Entry<Path, String> entry : before.entrySet()) {
                Files.writeString(entry.getKey(), entry.getValue());
            }
            if ("0".equals(before.get(POOL))) {
                releaseSurplus(pool());
            }
            if (!before.isEmpty()) {
                Files.deleteIfExists(JOURNAL);
            }
            before.clear();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        putBack();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The program is about to end and the hook runs.
        }
        try (channel) {
            lock.release();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
