package io.pagewalk.workload.record;

import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The named pipe between an instrumented process and the reader of its stream.
 *
 * <p>Children of the program may hold the pipe open for long after the program itself has gone, so its end cannot be told by end-of-file. Instead, the recorder writes an end mark into the pipe when the process has ended:
 * everything that the process wrote stands before it. The pipe is held open for reading and writing, so that neither side ever waits for the other to open it.
 */
final class LiveStream implements Closeable {
    /** Makes the end mark for an exit status. */
    interface EndMark {
        byte[] bytes(int status) throws IOException;
    }

    private static final int DRAIN_BYTES = 1 << 16;
    private static final int DRAIN_PAUSE_MILLIS = 2;

    private final Path path;
    private final RandomAccessFile holder;
    private final InputStream in;

    LiveStream(Path path) throws IOException {
        this.path = path;
        Posix.makeFifo(path);
        holder = new RandomAccessFile(path.toFile(), "rw");
        in = new FileInputStream(holder.getFD());
    }

    Path path() {
        return path;
    }

    InputStream in() {
        return in;
    }

    /** Has the end mark written as soon as the process ends. */
    void markEndOf(Process process, EndMark mark) {
        Thread.ofVirtual().name("recording-end").start(() -> {
            try (OutputStream out = Channels.newOutputStream(Files.newByteChannel(path, StandardOpenOption.WRITE))) {
                int status = process.waitFor();
                out.write(mark.bytes(status));
            } catch (IOException | InterruptedException e) {
                /* The recording was given up: nobody waits for the mark. */
            }
        });
    }

    /** Reads what comes after the reader has seen enough, until the process has ended. */
    void drain(Process process) throws IOException, InterruptedException {
        byte[] buffer = new byte[DRAIN_BYTES];
        while (process.isAlive()) {
            if (in.available() > 0) {
                in.read(buffer);
            } else {
                Thread.sleep(DRAIN_PAUSE_MILLIS);
            }
        }
    }

    @Override
    public void close() throws IOException {
        holder.close();
        Files.deleteIfExists(path);
    }
}
