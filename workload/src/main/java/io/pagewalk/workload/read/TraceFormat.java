package io.pagewalk.workload.read;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.trace.AccessSink;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

/** The formats of other tools that Pagewalk reads, told apart by content. */
public enum TraceFormat {
    /** Text of valgrind's lackey. */
    LACKEY,
    /** Stream of Pagewalk's qemu plugin. */
    QEMU,
    /** One access a line, as {@link PlainReader} describes. */
    PLAIN;

    private static final int HEAD_BYTES = 4096;
    private static final Pattern LACKEY_LINE =
            Pattern.compile("(?:==|--)\\d+(?:==|--).*|SYSCALL\\[.*|(?:I  | [LSM] )[0-9a-fA-F]+,\\d+");
    private static final Pattern PLAIN_LINE =
            Pattern.compile("\\s*(?:[lsrwmiLSRWMI012]\\s+(?:0[xX])?[0-9a-fA-F]{1,16}(?:\\s+\\d+)?\\s*)?(?:#.*)?");

    /**
     * Tells the format of a file.
     *
     * @param file the file
     * @return its format
     * @throws BadInput when it is empty or in none of the formats
     * @throws IOException when it cannot be read
     */
    public static TraceFormat detect(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return detect(in.readNBytes(HEAD_BYTES), file.toString());
        }
    }

    /**
     * Tells the format by the first bytes.
     *
     * @param head the first bytes; a few lines are enough
     * @param name what the error message calls the input
     * @return the format
     * @throws BadInput when there is nothing, or it is in none of the formats
     */
    public static TraceFormat detect(byte[] head, String name) {
        if (head.length == 0) {
            throw new BadInput(name, "an empty file", "a trace");
        }
        if (isMagic(head)) {
            return QEMU;
        }
        String[] lines = new String(head, StandardCharsets.ISO_8859_1).split("\n", -1);
        boolean isPlain = true;
        for (int i = 0; i < lines.length; i++) {
            boolean isCut = i == lines.length - 1 && i > 0;
            if (!isCut && LACKEY_LINE.matcher(lines[i]).matches()) {
                return LACKEY;
            }
            isPlain &= isCut || PLAIN_LINE.matcher(lines[i]).matches();
            if (!isPlain) {
                throw new BadInput(
                        name + ":" + (i + 1),
                        Hex.shorten(head, offset(lines, i), offset(lines, i) + lines[i].length()),
                        "a .pwt trace, valgrind's lackey text, a qemu stream of Pagewalk or lines such as 'l 7ffe0010 8'");
            }
        }
        return PLAIN;
    }

    /**
     * Makes the reader of this format.
     *
     * @param name what error messages call the input
     * @param sink receives everything
     * @param progress told the number of accesses so far from time to time
     * @return the reader, to be used once
     */
    public TraceReader reader(String name, AccessSink sink, LongConsumer progress) {
        return switch (this) {
            case LACKEY -> new LackeyReader(name, sink, progress);
            case QEMU -> new QemuReader(name, sink, progress);
            case PLAIN -> new PlainReader(name, sink, progress);
        };
    }

    /**
     * Reads a whole file of any of these formats into a sink.
     *
     * @param file the file
     * @param sink receives everything
     * @param progress told the number of accesses so far from time to time
     * @return what was read
     * @throws BadInput when the file does not exist, is no trace or ends too early
     * @throws IOException when reading fails
     */
    public static ReadCounts read(Path file, AccessSink sink, LongConsumer progress) throws IOException {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new BadInput(file.toString(), Files.exists(file) ? "no readable file" : "no such file", "a trace");
        }
        TraceFormat format = detect(file);
        try (InputStream in = Files.newInputStream(file)) {
            return format.reader(file.toString(), sink, progress).read(in);
        }
    }

    private static boolean isMagic(byte[] head) {
        long word = 0;
        for (int i = 0; i < 8 && i < head.length; i++) {
            word |= (head[i] & 0xffL) << (8 * i);
        }
        return word == QemuReader.MAGIC;
    }

    private static int offset(String[] lines, int index) {
        int offset = 0;
        for (int i = 0; i < index; i++) {
            offset += lines[i].length() + 1;
        }
        return offset;
    }
}
