package io.pagewalk.base.host;

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
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of this computer's kernel that have other values for a time: they are put back when they are closed, when the program is told to end, and by the next one that changes settings after one
 * that was killed. One program changes them at a time, and none while another relies on them. Not for several threads, and a program holds them once at a time.
 */
public final class HostSettings implements AutoCloseable {
    private static final Path DIRECTORY = Path.of(System.getProperty("java.io.tmpdir"));
    private static final Path LOCK = DIRECTORY.resolve("pagewalk-host-settings.lock");
    private static final Path JOURNAL = DIRECTORY.resolve("pagewalk-host-settings");
    private static final int LONGEST = 256;

    private final FileChannel channel;
    private final FileLock lock;
    private final Map<Path, String> wanted = new LinkedHashMap<>();
    private final Map<Path, String> before = new LinkedHashMap<>();
    private final Thread hook = new Thread(this::putBack, "put settings back");

    private HostSettings(FileChannel channel, FileLock lock) {
        this.channel = channel;
        this.lock = lock;
    }

    private static HostSettings lock(boolean isShared) throws IOException {
        FileChannel channel =
                FileChannel.open(LOCK, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        return new HostSettings(channel, channel.lock(0, Long.MAX_VALUE, isShared));
    }

    /**
     * Waits until nobody changes settings, and keeps all as they are; others may rely on them too.
     *
     * @return null where one cannot be sure of that: this program may hold them already, or not write to the directory of temporary files
     */
    public static @Nullable HostSettings rely() {
        try {
            if (Files.exists(JOURNAL)) {
                take().close();
            }
            return lock(true);
        } catch (IOException | OverlappingFileLockException e) {
            return null;
        }
    }

    /**
     * Waits until nobody else changes settings or relies on them.
     *
     * @throws IOException when the directory of temporary files cannot be written, or settings that a killed program has left cannot be put back
     * @throws OverlappingFileLockException when this program holds them already
     */
    public static HostSettings take() throws IOException {
        HostSettings result = lock(false);
        boolean isTaken = false;
        try {
            repair();
            Runtime.getRuntime().addShutdownHook(result.hook);
            isTaken = true;
            return result;
        } finally {
            if (!isTaken) {
                result.close();
            }
        }
    }

    /**
     * Waits as {@link #take()} does, and changes settings.
     *
     * @param wanted the text for each file; with {@link HostPool#SIZE} among them there must be no pool now
     * @return null where one cannot be changed, or somebody goes on using the pool for three seconds; the latter also when the kernel has lost promises of it, as it does when a part of an
     *     area is moved
     */
    public static @Nullable HostSettings take(Map<Path, String> wanted) {
        if (!wanted.keySet().stream().allMatch(Files::isWritable)) {
            return null;
        }
        try {
            HostSettings result = take();
            boolean isTaken = false;
            try {
                boolean hasOtherPool = wanted.containsKey(HostPool.SIZE)
                        && !chosen(HostPool.SIZE).equals("0");
                isTaken = !hasOtherPool && result.setAll(wanted);
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

    private boolean setAll(Map<Path, String> values) throws IOException {
        if (values.containsKey(HostPool.SIZE) && !HostPool.empty()) {
            return false;
        }
        for (Map.Entry<Path, String> entry : values.entrySet()) {
            if (!set(entry.getKey(), entry.getValue())) {
                return false;
            }
        }
        return true;
    }

    /**
     * Changes one setting.
     *
     * @param file where it is written
     * @param value the number or word
     * @return whether the file now says so
     * @throws IOException when the kernel refuses it
     * @throws IllegalStateException when others rely on the settings too
     */
    public boolean set(Path file, String value) throws IOException {
        if (lock.isShared()) {
            throw new IllegalStateException("others rely on " + file);
        }
        wanted.put(file, value);
        remember(file);
        if (file.equals(HostPool.SIZE)) {
            remember(HostPool.OVERCOMMIT);
            // Pages of a pool stay dirty until they leave it.
            Files.writeString(file, "0");
        }
        Files.writeString(file, value);
        return chosen(file).equals(value);
    }

    private void remember(Path file) throws IOException {
        if (!before.containsKey(file)) {
            String value = chosen(file);
            Files.writeString(JOURNAL, file + " " + value + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            before.put(file, value);
        }
    }

    /**
     * Changes everything once more, since somebody may have written to a file meanwhile.
     *
     * @return false when the pool is in use, or a file does not say what was written
     * @throws IOException when the kernel refuses what it took before
     */
    public boolean renew() throws IOException {
        return setAll(new LinkedHashMap<>(wanted));
    }

    /** Returns the value that a setting was given, or another where it was left alone. */
    public String valueOr(Path file, String other) {
        return wanted.getOrDefault(file, other);
    }

    /**
     * Reads a setting: of several words the chosen one, which stands in brackets.
     *
     * @param file where it is written
     * @return the word or number
     */
    public static String chosen(Path file) throws IOException {
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

    private synchronized void putBack() {
        try {
            if (before.containsKey(HostPool.SIZE)) {
                // What users still hold goes when they let it go, as nothing beyond the pool is allowed.
                Files.writeString(HostPool.OVERCOMMIT, "0");
                HostPool.letGo();
            }
            for (Map.Entry<Path, String> entry : before.entrySet()) {
                Files.writeString(entry.getKey(), entry.getValue());
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
