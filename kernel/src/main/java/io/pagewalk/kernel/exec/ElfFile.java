package io.pagewalk.kernel.exec;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The headers of an x86-64 ELF file, as {@code fs/binfmt_elf.c:load_elf_binary()} reads them.
 *
 * @param path the file's path as maps shows it, without symbolic links
 * @param isRelocatable {@code ET_DYN}: loaded where the kernel likes; else {@code ET_EXEC}, at the addresses that stand in the file
 * @param entry address of its first instruction, without load bias
 * @param headersOffset where the program headers lie in the file
 * @param headers how many there are
 * @param segments its {@code PT_LOAD} headers, in the order of the file
 * @param interpreter the dynamic linker that {@code PT_INTERP} names, or null
 * @param hasExecutableStack whether {@code PT_GNU_STACK} asks for a stack that may be executed
 */
public record ElfFile(
        String path,
        boolean isRelocatable,
        long entry,
        long headersOffset,
        int headers,
        List<Segment> segments,
        @Nullable String interpreter,
        boolean hasExecutableStack) {
    /** Bytes of a program header. */
    static final int PROGRAM_HEADER_BYTES = 56;

    private static final int HEADER_BYTES = 64;
    private static final int PATH_BYTES = 4096;
    private static final int MAGIC = 0x464c457f;
    private static final int CLASS_64 = 2;
    private static final int MACHINE_X86_64 = 62;
    private static final int ET_EXEC = 2;
    private static final int ET_DYN = 3;
    private static final int PT_LOAD = 1;
    private static final int PT_INTERP = 3;
    private static final int PT_GNU_STACK = 0x6474e551;
    private static final int PF_X = 1;
    private static final int PF_W = 2;
    private static final int PF_R = 4;

    /**
     * One {@code PT_LOAD} header.
     *
     * @param vaddr first address, without load bias
     * @param fileOffset where its bytes lie in the file
     * @param fileBytes how many bytes the file has of it
     * @param memoryBytes how many bytes it has in memory; those beyond the file's are zero
     * @param align its alignment, a power of two
     * @param flags {@code PF_*}
     */
    public record Segment(long vaddr, long fileOffset, long fileBytes, long memoryBytes, long align, int flags) {
        /** Returns whether it may be executed. */
        public boolean isExecutable() {
            return (flags & PF_X) != 0;
        }

        /** Returns the {@code PROT_*} bits. */
        public int prot() {
            return ((flags & PF_R) != 0 ? 1 : 0) | ((flags & PF_W) != 0 ? 2 : 0) | (isExecutable() ? 4 : 0);
        }
    }

    /** Copies the segments. */
    public ElfFile {
        segments = List.copyOf(segments);
    }

    /**
     * Reads a file's headers.
     *
     * @param file a file of this computer
     * @return the headers
     * @throws BadInput when it is no 64-bit x86 program
     * @throws IOException when it cannot be read
     */
    public static ElfFile read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer header = bytes(channel, 0, HEADER_BYTES);
            int type = header.limit() < HEADER_BYTES ? 0 : header.getShort(16);
            if (header.limit() < HEADER_BYTES
                    || header.getInt(0) != MAGIC
                    || header.get(4) != CLASS_64
                    || header.getShort(18) != MACHINE_X86_64
                    || (type != ET_EXEC && type != ET_DYN)) {
                throw new BadInput(file.toString(), "something else", "a 64-bit x86 program");
            }
            long offset = header.getLong(32);
            int count = header.getShort(56) & 0xffff;
            ByteBuffer table = bytes(channel, offset, count * PROGRAM_HEADER_BYTES);
            List<Segment> segments = new ArrayList<>();
            String interpreter = null;
            boolean hasExecutableStack = false;
            for (int at = 0; at + PROGRAM_HEADER_BYTES <= table.limit(); at += PROGRAM_HEADER_BYTES) {
                switch (table.getInt(at)) {
                    case PT_LOAD -> segments.add(segment(table, at));
                    case PT_INTERP -> interpreter = interpreter == null ? string(channel, table, at) : interpreter;
                    case PT_GNU_STACK -> hasExecutableStack = (table.getInt(at + 4) & PF_X) != 0;
                    default -> {
                        /* Of no matter to the kernel. */
                    }
                }
            }
            return new ElfFile(
                    file.toRealPath().toString(),
                    type == ET_DYN,
                    header.getLong(24),
                    offset,
                    count,
                    segments,
                    interpreter,
                    hasExecutableStack);
        }
    }

    /** Returns the bytes from the first page of the first segment to the end of the last: {@code total_mapping_size()}. */
    long mappingBytes() {
        long start = Long.MAX_VALUE;
        long end = 0;
        for (Segment segment : segments) {
            start = Math.min(start, segment.vaddr() & -4096L);
            end = Math.max(end, segment.vaddr() + segment.memoryBytes());
        }
        return segments.isEmpty() ? 0 : end - start;
    }

    /** Returns the largest alignment of a segment, at least a page: {@code maximum_alignment()}. */
    long alignment() {
        long most = 4096;
        for (Segment segment : segments) {
            if (Long.bitCount(segment.align()) == 1) {
                most = Math.max(most, segment.align());
            }
        }
        return most;
    }

    private static Segment segment(ByteBuffer table, int at) {
        return new Segment(
                table.getLong(at + 16),
                table.getLong(at + 8),
                table.getLong(at + 32),
                table.getLong(at + 40),
                table.getLong(at + 48),
                table.getInt(at + 4));
    }

    private static String string(FileChannel file, ByteBuffer table, int at) throws IOException {
        ByteBuffer name = bytes(file, table.getLong(at + 8), (int) Math.min(table.getLong(at + 32), PATH_BYTES));
        byte[] text = new byte[Math.max(0, name.limit() - 1)];
        name.get(0, text);
        return new String(text, StandardCharsets.UTF_8);
    }

    private static ByteBuffer bytes(FileChannel file, long offset, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        int at = 0;
        while (buffer.hasRemaining()) {
            int got = file.read(buffer, offset + at);
            if (got < 0) {
                break;
            }
            at += got;
        }
        return buffer.flip();
    }
}
