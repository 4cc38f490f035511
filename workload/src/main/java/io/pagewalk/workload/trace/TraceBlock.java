package io.pagewalk.workload.trace;

import com.github.luben.zstd.Zstd;
import io.pagewalk.base.BadInput;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One decoded block of a trace; the arrays are reused from block to block and may be longer than their content.
 *
 * <p>Tokens are decoded only when asked for.
 */
public final class TraceBlock {
    /** Span column: episodes in the span. */
    public static final int SPAN_EPISODES = 0;

    /** Span column: loads; the second halves of page-crossing ones follow at one more, and so for the other kinds. */
    public static final int SPAN_LOADS = 1;

    /** Span column: stores. */
    public static final int SPAN_STORES = 3;

    /** Span column: fetches. */
    public static final int SPAN_FETCHES = 5;

    /** Numbers of one span. */
    public static final int SPAN_WIDTH = 7;

    private final String where;
    private final ByteCursor cursor;
    private final TraceCounts counts = new TraceCounts();
    private byte[] raw = new byte[1 << 16];
    private byte[] controlBytes = new byte[1 << 12];
    private int controlSize;
    private byte[] tokens = new byte[0];
    private int tokenCount;
    private long[] pageAddresses = new long[1 << 10];
    private char[] events = new char[1 << 16];
    private char[] episodes = new char[1 << 14];
    private int[] spans = new int[1 << 10];
    private int pageCount;
    private int spanCount;
    private int number;

    TraceBlock(String where) {
        this.where = where;
        this.cursor = new ByteCursor(where);
    }

    /** Returns the block's place among the blocks, from 0. */
    public int number() {
        return number;
    }

    /** Returns what the block holds. */
    public TraceCounts counts() {
        return counts;
    }

    /** Returns the address of each page by its number in the block. */
    public long[] pageAddresses() {
        return pageAddresses;
    }

    /** Returns how many pages there are. */
    public int pageCount() {
        return pageCount;
    }

    /** Returns the events in order: the page's number shifted left by two, and the kind of access. */
    public char[] events() {
        return events;
    }

    /** Returns the episodes in order; {@link EpisodeFormat} has their bits. */
    public char[] episodes() {
        return episodes;
    }

    /** Returns how many spans there are. */
    public int spanCount() {
        return spanCount;
    }

    /** Returns {@link #SPAN_WIDTH} numbers a span. */
    public int[] spans() {
        return spans;
    }

    /** Returns the tokens, when they were asked for. */
    public byte[] tokens() {
        return tokens;
    }

    /** Returns how many tokens were decoded. */
    public int tokenCount() {
        return tokenCount;
    }

    /** Returns a reader over what stands between the spans. */
    public ControlReader controls() {
        ByteCursor controls = new ByteCursor(where);
        controls.reset(controlBytes, 0, controlSize);
        return new ControlReader(controls);
    }

    /** Decodes a block from its bytes behind the frame's head. */
    void decode(int blockNumber, byte[] frame, int from, int length, Columns which) {
        number = blockNumber;
        ByteBuffer buffer = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
        int headSize = buffer.getInt(from);
        if (headSize < 0 || headSize > length - 2 * Integer.BYTES) {
            throw damaged("its head");
        }
        int headFrom = from + Integer.BYTES;
        if (PwtFormat.crc(frame, headFrom, headSize) != buffer.getInt(headFrom + headSize)) {
            throw damaged("its head");
        }
        cursor.reset(frame, headFrom, headFrom + headSize);
        counts.read(cursor);
        int[] rawSizes = new int[BlockColumns.COLUMNS];
        int[] packedSizes = new int[BlockColumns.COLUMNS];
        int[] crcs = new int[BlockColumns.COLUMNS];
        for (int i = 0; i < BlockColumns.COLUMNS; i++) {
            rawSizes[i] = cursor.readCount(PwtFormat.MAX_COLUMN_BYTES);
            packedSizes[i] = cursor.readCount(length);
            crcs[i] = (int) cursor.readVarint();
        }
        int place = headFrom + headSize + Integer.BYTES;
        tokenCount = 0;
        for (int i = 0; i < BlockColumns.COLUMNS; i++) {
            if (packedSizes[i] > from + length - place) {
                throw damaged("column " + i);
            }
            // Skipped columns are checked too: a damaged trace is refused in every mode of replay.
            if (PwtFormat.crc(frame, place, packedSizes[i]) != crcs[i]) {
                throw damaged("column " + i);
            }
            if (which.includes(i)) {
                decodeColumn(i, frame, place, packedSizes[i], rawSizes[i]);
            }
            place += packedSizes[i];
        }
    }

    private void decodeColumn(int column, byte[] frame, int place, int packedSize, int rawSize) {
        switch (column) {
            case BlockColumns.PAGES -> decodePages(unpack(frame, place, packedSize, rawSize), rawSize);
            case BlockColumns.EVENTS -> {
                events = events.length * 2 < rawSize ? new char[rawSize / 2] : events;
                decodeShorts(unpack(frame, place, packedSize, rawSize), rawSize, events);
                checkEvents(rawSize / 2);
            }
            case BlockColumns.EPISODES -> {
                episodes = episodes.length * 2 < rawSize ? new char[rawSize / 2] : episodes;
                decodeShorts(unpack(frame, place, packedSize, rawSize), rawSize, episodes);
                checkEpisodes(rawSize / 2);
            }
            case BlockColumns.SPANS -> decodeSpans(unpack(frame, place, packedSize, rawSize), rawSize);
            case BlockColumns.CONTROLS -> {
                controlBytes = Arrays.copyOf(unpack(frame, place, packedSize, rawSize), rawSize);
                controlSize = rawSize;
            }
            case BlockColumns.TOKENS -> {
                tokens = tokens.length < rawSize ? new byte[rawSize] : tokens;
                unpackInto(tokens, frame, place, packedSize, rawSize);
                tokenCount = rawSize;
            }
            default -> throw new IllegalArgumentException("column " + column);
        }
    }

    private byte[] unpack(byte[] frame, int place, int packedSize, int rawSize) {
        raw = raw.length < rawSize ? new byte[rawSize] : raw;
        unpackInto(raw, frame, place, packedSize, rawSize);
        return raw;
    }

    private void unpackInto(byte[] target, byte[] frame, int place, int packedSize, int rawSize) {
        long size = Zstd.decompressByteArray(target, 0, rawSize, frame, place, packedSize);
        if (size != rawSize) {
            throw damaged("its packed bytes");
        }
    }

    private void decodePages(byte[] bytes, int size) {
        cursor.reset(bytes, 0, size);
        pageCount = 0;
        long page = 0;
        while (cursor.hasMore()) {
            page += cursor.readSigned();
            if (pageCount == pageAddresses.length) {
                pageAddresses = Arrays.copyOf(pageAddresses, 2 * pageCount);
            }
            pageAddresses[pageCount++] = page << 12;
        }
    }

    private static void decodeShorts(byte[] bytes, int size, char[] into) {
        ByteBuffer.wrap(bytes, 0, size)
                .order(ByteOrder.LITTLE_ENDIAN)
                .asCharBuffer()
                .get(into, 0, size / 2);
    }

    private void checkEvents(int count) {
        int highest = -1;
        for (int i = 0; i < count; i++) {
            highest = Math.max(highest, events[i]);
        }
        if (highest >> 2 >= pageCount || count != counts.events) {
            throw damaged("its events");
        }
    }

    private void checkEpisodes(int count) {
        long sum = 0;
        for (int i = 0; i < count; i++) {
            sum += EpisodeFormat.eventCount(episodes[i]);
            if (EpisodeFormat.dataOrder(episodes[i]) > 24 || EpisodeFormat.fetchOrder(episodes[i]) > 24) {
                throw damaged("its episodes");
            }
        }
        if (sum != counts.events || count != counts.episodes) {
            throw damaged("its episodes");
        }
    }

    private void decodeSpans(byte[] bytes, int size) {
        cursor.reset(bytes, 0, size);
        int filled = 0;
        long episodeSum = 0;
        while (cursor.hasMore()) {
            if (filled + SPAN_WIDTH > spans.length) {
                spans = Arrays.copyOf(spans, 2 * spans.length);
            }
            for (int i = 0; i < SPAN_WIDTH; i++) {
                spans[filled++] = cursor.readCount(Integer.MAX_VALUE);
            }
            episodeSum += spans[filled - SPAN_WIDTH];
        }
        spanCount = filled / SPAN_WIDTH;
        if (episodeSum != counts.episodes) {
            throw damaged("its spans");
        }
    }

    private BadInput damaged(String what) {
        return new BadInput(where + ": block " + number + " is damaged: " + what + " does not match its checksum");
    }

    /** Which columns of a block are wanted. */
    public enum Columns {
        /** What stands between the spans, and nothing else: only the counts and {@link #controls} are those of the block. */
        CONTROLS,
        /** All but the tokens. */
        EPISODES,
        /** The tokens, too. */
        ALL;

        private boolean includes(int column) {
            return switch (this) {
                case CONTROLS -> column == BlockColumns.CONTROLS;
                case EPISODES -> column != BlockColumns.TOKENS;
                case ALL -> true;
            };
        }
    }
}
