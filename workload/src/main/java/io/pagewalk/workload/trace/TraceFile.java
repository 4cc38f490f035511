package io.pagewalk.workload.trace;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.trace.TraceBlock.Columns;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A complete {@code .pwt} trace, open for reading: its header, its counts, and its blocks in any order. */
public final class TraceFile implements Closeable {
    private final String name;
    private final SeekableByteChannel channel;
    private final TraceHeader header;
    private final TraceCounts counts = new TraceCounts();
    private final long[] blockPlaces;
    private byte[] frame = new byte[1 << 16];

    private TraceFile(String name, SeekableByteChannel channel) throws IOException {
        this.name = name;
        this.channel = channel;
        byte[] end = readEndFrame();
        ByteCursor in = new ByteCursor(name);
        in.reset(end, 0, end.length);
        long version = in.readVarint();
        if (version != PwtFormat.VERSION) {
            throw new BadInput(name, "trace format " + version, "format " + PwtFormat.VERSION);
        }
        header = HeaderText.parse(name, in.readText());
        counts.read(in);
        blockPlaces = new long[in.readCount(1 << 28)];
        TraceCounts ofBlock = new TraceCounts();
        for (int i = 0; i < blockPlaces.length; i++) {
            blockPlaces[i] = in.readVarint();
            ofBlock.read(in);
        }
    }

    /**
     * Opens a trace.
     *
     * @param path a {@code .pwt} file
     * @throws BadInput when it is missing, empty, no trace, cut short (and then how far it is good) or damaged
     */
    @SuppressWarnings("MustBeClosedChecker")
    public static TraceFile open(Path path) {
        try {
            return of(path.toString(), FileChannel.open(path));
        } catch (NoSuchFileException e) {
            throw new BadInput("trace " + path + ": no such file", e);
        } catch (IOException e) {
            throw new BadInput("trace " + path + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Opens a trace over a channel, which it closes.
     *
     * @param name what messages call it
     * @param channel the whole file
     * @throws BadInput as for {@link #open}
     */
    public static TraceFile of(String name, SeekableByteChannel channel) {
        try {
            return new TraceFile(name, channel);
        } catch (IOException e) {
            throw new BadInput("trace " + name + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Tells whether a file begins as a {@code .pwt} trace does.
     *
     * @param path any file
     * @return false also when it cannot be read
     */
    public static boolean looksLikeTrace(Path path) {
        if (!Files.isRegularFile(path)) {
            return false;
        }
        try (SeekableByteChannel channel = Files.newByteChannel(path)) {
            return channel.size() >= PwtFormat.MAGIC_BYTES
                    && readAt(channel, 0, 8).getLong(0) == PwtFormat.MAGIC;
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns what messages call it. */
    public String name() {
        return name;
    }

    /** Returns what was known of the program when it was recorded. */
    public TraceHeader header() {
        return header;
    }

    /** Returns what the whole trace holds. */
    public TraceCounts counts() {
        return counts;
    }

    /** Returns the number of blocks. */
    public int blocks() {
        return blockPlaces.length;
    }

    /** Returns the file's length in bytes. */
    public long sizeBytes() {
        try {
            return channel.size();
        } catch (IOException e) {
            throw new BadInput("trace " + name + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** Returns room for decoded blocks of this trace. */
    public TraceBlock newBlock() {
        return new TraceBlock(name);
    }

    /**
     * Reads and decodes one block.
     *
     * @param number from 0 to {@link #blocks} - 1
     * @param into where it goes
     * @param which the columns that are wanted
     * @throws BadInput when the block is damaged
     */
    public void readBlock(int number, TraceBlock into, Columns which) {
        try {
            ByteBuffer head = readAt(channel, blockPlaces[number], PwtFormat.FRAME_HEAD_BYTES);
            int length = head.getInt(1);
            if (head.get(0) != PwtFormat.BLOCK || length < 8 || length > channel.size()) {
                throw new BadInput(name + ": block " + number, "no block", "one at byte " + blockPlaces[number]);
            }
            if (frame.length < length) {
                frame = new byte[length];
            }
            fill(channel, blockPlaces[number] + PwtFormat.FRAME_HEAD_BYTES, ByteBuffer.wrap(frame, 0, length));
            into.decode(number, frame, 0, length, which);
        } catch (IOException e) {
            throw new BadInput("trace " + name + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** Closes the file. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new BadInput("trace " + name + ": cannot be closed: " + e.getMessage(), e);
        }
    }

    private byte[] readEndFrame() throws IOException {
        long size = channel.size();
        if (size == 0) {
            throw new BadInput("trace " + name, "an empty file", "a .pwt trace");
        }
        if (size < PwtFormat.MAGIC_BYTES || readAt(channel, 0, 8).getLong(0) != PwtFormat.MAGIC) {
            throw new BadInput("trace " + name, "a file that does not begin as a trace does", "a .pwt trace");
        }
        if (size < PwtFormat.MAGIC_BYTES + PwtFormat.TAIL_BYTES) {
            throw truncated();
        }
        ByteBuffer tail = readAt(channel, size - PwtFormat.TAIL_BYTES, PwtFormat.TAIL_BYTES);
        long place = tail.getLong(0);
        if (tail.getLong(8) != PwtFormat.END_MAGIC) {
            throw truncated();
        }
        if (place < PwtFormat.MAGIC_BYTES || place > size - PwtFormat.TAIL_BYTES - PwtFormat.FRAME_HEAD_BYTES) {
            throw new BadInput("trace " + name + ": its end frame is damaged");
        }
        ByteBuffer head = readAt(channel, place, PwtFormat.FRAME_HEAD_BYTES);
        long length = size - PwtFormat.TAIL_BYTES - PwtFormat.FRAME_HEAD_BYTES - place;
        if (head.get(0) != PwtFormat.END || head.getInt(1) != length || length < Integer.BYTES) {
            throw new BadInput("trace " + name + ": its end frame is damaged");
        }
        int bodyLength = (int) length - Integer.BYTES;
        byte[] body = bytesAt(channel, place + PwtFormat.FRAME_HEAD_BYTES, bodyLength);
        int crc = readAt(channel, place + PwtFormat.FRAME_HEAD_BYTES + bodyLength, Integer.BYTES)
                .getInt(0);
        if (PwtFormat.crc(body, 0, bodyLength) != crc) {
            throw new BadInput("trace " + name + ": its end frame does not match its checksum");
        }
        return body;
    }

    /** Walks the blocks of a file without an end to tell how much of it is good. */
    private BadInput truncated() throws IOException {
        long place = PwtFormat.MAGIC_BYTES;
        TraceCounts good = new TraceCounts();
        int goodBlocks = 0;
        TraceBlock block = new TraceBlock(name);
        while (channel.size() - place >= PwtFormat.FRAME_HEAD_BYTES) {
            ByteBuffer head = readAt(channel, place, PwtFormat.FRAME_HEAD_BYTES);
            int length = head.getInt(1);
            long next = place + PwtFormat.FRAME_HEAD_BYTES + length;
            if (head.get(0) != PwtFormat.BLOCK || length < 8 || next > channel.size()) {
                break;
            }
            try {
                byte[] body = readAt(channel, place + PwtFormat.FRAME_HEAD_BYTES, length)
                        .array();
                block.decode(goodBlocks, body, 0, length, Columns.ALL);
            } catch (BadInput damaged) {
                break;
            }
            good.add(block.counts());
            goodBlocks++;
            place = next;
        }
        return new BadInput(
                "trace " + name,
                "a file cut short at byte " + channel.size() + " (good up to byte " + place + ": " + goodBlocks
                        + " blocks, " + good.accesses() + " accesses)",
                "a complete .pwt trace");
    }

    private static ByteBuffer readAt(SeekableByteChannel channel, long place, int length) throws IOException {
        return ByteBuffer.wrap(bytesAt(channel, place, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] bytesAt(SeekableByteChannel channel, long place, int length) throws IOException {
        byte[] bytes = new byte[length];
        fill(channel, place, ByteBuffer.wrap(bytes));
        return bytes;
    }

    private static void fill(SeekableByteChannel channel, long place, ByteBuffer buffer) throws IOException {
        channel.position(place);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException("the file ends at byte " + channel.position());
            }
        }
    }
}
