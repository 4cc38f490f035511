package io.pagewalk.workload.trace;

import com.github.luben.zstd.Zstd;
import io.pagewalk.base.BadInput;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * A {@code .pwt} file being written.
 *
 * <p>The file grows under a temporary name beside its own and gets its name in {@link #finish}; {@link #close} without
 * it removes what there is, so that a reader never meets half a trace.
 */
public final class TraceWriter implements Closeable {
    /** A level that keeps up with a recorder. */
    public static final int FAST_LEVEL = 6;

    /** The level of traces that are kept for long: a third smaller, ten times slower. */
    public static final int SMALL_LEVEL = 19;

    private final Path target;
    private final Path temporary;
    private final OutputStream out;
    private final int level;
    private final EpisodeEncoder encoder = new EpisodeEncoder(this::writeBlock);
    private final TraceCounts totals = new TraceCounts();
    private final ByteColumn index = new ByteColumn(1 << 10);
    private int blocks;
    private long position;
    private byte[] packed = new byte[1 << 16];
    private boolean finished;

    /**
     * Begins a trace.
     *
     * @param target the file that {@link #finish} makes or replaces
     * @param level zstd's level, 1 to 22; see {@link #FAST_LEVEL} and {@link #SMALL_LEVEL}
     * @throws BadInput when the file cannot be made
     */
    public TraceWriter(Path target, int level) {
        this.target = target;
        this.level = level;
        /* Not createTempFile(): the trace should have the permissions that the user's umask gives to any file. */
        this.temporary = target.resolveSibling(
                "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
        try {
            this.out = new BufferedOutputStream(
                    Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), 1 << 16);
        } catch (IOException e) {
            throw new BadInput("cannot write " + target + ": " + reason(e), e);
        }
        writeLong(PwtFormat.MAGIC);
    }

    /** Returns where the accesses go. */
    public AccessSink sink() {
        return encoder;
    }

    /** Returns what has been written to the file so far; the block that is still filling is not in it. */
    public TraceCounts written() {
        return totals;
    }

    /**
     * Ends the trace and gives the file its name.
     *
     * @param header what is known of the program, the files that it turned out to use included
     * @throws BadInput when the disk is full or the file cannot be written
     */
    public void finish(TraceHeader header) {
        encoder.finish();
        ByteColumn end = new ByteColumn(1 << 12);
        end.putVarint(PwtFormat.VERSION);
        end.putText(HeaderText.format(header));
        totals.write(end);
        end.putVarint(blocks);
        long endPlace = position;
        byte[] body = new byte[end.size() + index.size()];
        System.arraycopy(end.array(), 0, body, 0, end.size());
        System.arraycopy(index.array(), 0, body, end.size(), index.size());
        writeFrameHead(PwtFormat.END, body.length + Integer.BYTES);
        write(body, body.length);
        writeInt(PwtFormat.crc(body, 0, body.length));
        writeLong(endPlace);
        writeLong(PwtFormat.END_MAGIC);
        try {
            out.close();
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new BadInput("cannot write " + target + ": " + reason(e), e);
        }
        finished = true;
    }

    /** Removes the unfinished file; does nothing after {@link #finish}. */
    @Override
    public void close() {
        if (finished) {
            return;
        }
        try {
            out.close();
        } catch (IOException e) {
            /* The file goes away in the next step. */
        }
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void writeBlock(BlockColumns block) {
        ByteColumn head = new ByteColumn(256);
        block.counts.write(head);
        int packedSize = 0;
        for (int i = 0; i < BlockColumns.COLUMNS; i++) {
            ByteColumn column = block.column(i);
            int room = (int) Zstd.compressBound(column.size());
            if (packed.length - packedSize < room) {
                packed = Arrays.copyOf(packed, packedSize + room);
            }
            long size = Zstd.compressByteArray(
                    packed, packedSize, packed.length - packedSize, column.array(), 0, column.size(), level);
            if (Zstd.isError(size)) {
                throw new IllegalStateException("zstd: " + Zstd.getErrorName(size));
            }
            head.putVarint(column.size());
            head.putVarint(size);
            head.putVarint(Integer.toUnsignedLong(PwtFormat.crc(packed, packedSize, (int) size)));
            packedSize += (int) size;
        }
        blocks++;
        index.putVarint(position);
        block.counts.write(index);
        totals.add(block.counts);
        writeFrameHead(PwtFormat.BLOCK, 2 * Integer.BYTES + head.size() + packedSize);
        writeInt(head.size());
        write(head.array(), head.size());
        writeInt(PwtFormat.crc(head.array(), 0, head.size()));
        write(packed, packedSize);
    }

    private void writeFrameHead(int kind, int length) {
        write(new byte[] {(byte) kind}, 1);
        writeInt(length);
    }

    private void writeInt(int value) {
        byte[] bytes = new byte[Integer.BYTES];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (value >>> (8 * i));
        }
        write(bytes, bytes.length);
    }

    private void writeLong(long value) {
        writeInt((int) value);
        writeInt((int) (value >>> 32));
    }

    private void write(byte[] bytes, int length) {
        try {
            out.write(bytes, 0, length);
        } catch (IOException e) {
            throw new BadInput("cannot write " + target + ": " + reason(e), e);
        }
        position += length;
    }

    /** Returns what the file system said: the reason of a {@code FileSystemException} stands behind its path. */
    private static String reason(IOException e) {
        if (e instanceof FileSystemException refused && refused.getReason() != null) {
            return refused.getReason();
        }
        return e instanceof FileSystemException || e.getMessage() == null
                ? e.getClass().getSimpleName().replace("Exception", "")
                : e.getMessage();
    }
}
