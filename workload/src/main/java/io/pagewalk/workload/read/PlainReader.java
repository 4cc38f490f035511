package io.pagewalk.workload.read;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.LongConsumer;

/**
 * Reader of texts with one access a line: {@code LABEL ADDRESS [SIZE]}.
 *
 * <p>Labels: {@code l r 0} load, {@code s w 1} store, {@code m} load and then store, {@code i 2} instruction fetch, capital letters too ({@code 0 1 2} are Dinero's). The address is hexadecimal, with or without
 * {@code 0x}; the size is decimal and 1 when left out. Blank lines and what follows a {@code #} mean nothing. There is one thread, no calls, and the program ends well with the text.
 */
public final class PlainReader implements TraceReader {
    private static final int LONGEST_SIZE_DIGITS = 6;
    private static final String EXPECTED = "a line such as 'l 7ffe0010 8' (l r 0 load, s w 1 store, m both, i 2 fetch)";

    private final String name;
    private final AccessSink sink;
    private final LongConsumer progress;
    private long fetches;
    private long loads;
    private long stores;

    /**
     * Creates a reader.
     *
     * @param name what error messages call the text, usually its file
     * @param sink receives everything
     * @param progress told the number of accesses so far from time to time
     */
    public PlainReader(String name, AccessSink sink, LongConsumer progress) {
        this.name = name;
        this.sink = sink;
        this.progress = progress;
    }

    @Override
    public ReadCounts read(InputStream in) throws IOException {
        ByteSource source = new ByteSource(in);
        long line = 0;
        while (source.ensure(1)) {
            int found = source.lineEnd();
            int end = found < 0 ? source.limit : found;
            line++;
            if (!line(source.bytes, source.position, end)) {
                throw new BadInput(name + ":" + line, Hex.shorten(source.bytes, source.position, end), EXPECTED);
            }
            source.position = found < 0 ? end : end + 1;
            if ((line & 0xfffff) == 0) {
                progress.accept(fetches + loads + stores);
            }
        }
        if (fetches + loads + stores == 0) {
            throw new BadInput(name, line == 0 ? "an empty file" : "no access", EXPECTED);
        }
        progress.accept(fetches + loads + stores);
        sink.exitProcess(0);
        return new ReadCounts(fetches, loads, stores, 0, 1);
    }

    /** Returns whether the line is an access, a comment or blank. */
    private boolean line(byte[] bytes, int from, int to) {
        int p = skipBlanks(bytes, from, to);
        if (p == to || bytes[p] == '#') {
            return true;
        }
        byte label = bytes[p++];
        int afterLabel = p;
        p = skipBlanks(bytes, p, to);
        if (p == afterLabel) {
            return false;
        }
        if (p + 2 < to && bytes[p] == '0' && (bytes[p + 1] == 'x' || bytes[p + 1] == 'X')) {
            p += 2;
        }
        long vaddr = 0;
        int digits = p;
        while (p < to && Hex.digit(bytes[p]) >= 0) {
            vaddr = vaddr << 4 | Hex.digit(bytes[p++]);
        }
        if (p == digits || p - digits > 16 || (p < to && !isBlank(bytes[p]) && bytes[p] != '#')) {
            return false;
        }
        p = skipBlanks(bytes, p, to);
        int size = 1;
        if (p < to && bytes[p] != '#') {
            size = 0;
            digits = p;
            while (p < to && bytes[p] >= '0' && bytes[p] <= '9' && p - digits < LONGEST_SIZE_DIGITS) {
                size = size * 10 + bytes[p++] - '0';
            }
            p = skipBlanks(bytes, p, to);
        }
        return size > 0 && (p == to || bytes[p] == '#') && access(label, vaddr, size);
    }

    private boolean access(byte label, long vaddr, int size) {
        switch (label) {
            case 'l', 'L', 'r', 'R', '0' -> {
                loads++;
                sink.access(Access.LOAD, vaddr, size);
            }
            case 's', 'S', 'w', 'W', '1' -> {
                stores++;
                sink.access(Access.STORE, vaddr, size);
            }
            case 'm', 'M' -> {
                loads++;
                stores++;
                sink.access(Access.STORE, vaddr, size);
                sink.access(Access.LOAD, vaddr, size);
            }
            case 'i', 'I', '2' -> {
                fetches++;
                sink.access(Access.FETCH, vaddr, size);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private static int skipBlanks(byte[] bytes, int from, int to) {
        int p = from;
        while (p < to && isBlank(bytes[p])) {
            p++;
        }
        return p;
    }

    private static boolean isBlank(byte character) {
        return character == ' ' || character == '\t' || character == '\r';
    }
}
