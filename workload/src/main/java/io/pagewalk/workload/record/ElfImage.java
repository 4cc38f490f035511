package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.workload.trace.InitialMap;
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
 * @param path the file
 * @param entry address of its first instruction, without load bias
 * @param segments its PT_LOAD headers
 * @param interpreter the dynamic linker that PT_INTERP names, or null
 */
record ElfImage(
        Path path,
        long entry,
        List<Segment> segments,
        @Nullable String interpreter) {
    private static final long PAGE = 4096;
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int MAGIC = 0x464c457f;
    private static final int CLASS_64 = 2;
    private static final int MACHINE_X86_64 = 62;
    private static final int PT_LOAD = 1;
    private static final int PT_INTERP = 3;
    private static final int PF_X = 1;
    private static final int PF_W = 2;
    private static final int PF_R = 4;

    /** One PT_LOAD header; addresses are without load bias. */
    record Segment(long vaddr, long fileOffset, long fileBytes, long memoryBytes, int flags) {
        boolean isExecutable() {
            return (flags & PF_X) != 0;
        }

        private String prot() {
            return ((flags & PF_R) != 0 ? "r" : "-") + ((flags & PF_W) != 0 ? "w" : "-") + (isExecutable() ? "x" : "-")
                    + "p";
        }
    }

    ElfImage {
        segments = List.copyOf(segments);
    }

    /**
     * Reads a file's headers.
     *
     * @throws BadInput when it is no 64-bit x86 ELF file
     */
    static ElfImage read(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer header = bytes(file, 0, HEADER_BYTES);
            if (header.limit() < HEADER_BYTES
                    || header.getInt(0) != MAGIC
                    || header.get(4) != CLASS_64
                    || header.getShort(18) != MACHINE_X86_64) {
                throw new BadInput(path.toString(), "something else", "a 64-bit x86 program");
            }
            int count = header.getShort(56) & 0xffff;
            ByteBuffer table = bytes(file, header.getLong(32), count * PROGRAM_HEADER_BYTES);
            List<Segment> segments = new ArrayList<>();
            String interpreter = null;
            for (int at = 0; at + PROGRAM_HEADER_BYTES <= table.limit(); at += PROGRAM_HEADER_BYTES) {
                long offset = table.getLong(at + 8);
                long fileBytes = table.getLong(at + 32);
                if (table.getInt(at) == PT_LOAD) {
                    segments.add(new Segment(
                            table.getLong(at + 16), offset, fileBytes, table.getLong(at + 40), table.getInt(at + 4)));
                } else if (table.getInt(at) == PT_INTERP) {
                    ByteBuffer name = bytes(file, offset, (int) Math.min(fileBytes, PAGE));
                    byte[] text = new byte[Math.max(0, name.limit() - 1)];
                    name.get(0, text);
                    interpreter = new String(text, StandardCharsets.UTF_8);
                }
            }
            return new ElfImage(path, header.getLong(24), segments, interpreter);
        }
    }

    /** Returns the mappings that loading it at a bias makes: the file's part of each segment, and anonymous memory behind it. */
    List<InitialMap> maps(long bias) throws IOException {
        String name = path.toRealPath().toString();
        List<InitialMap> maps = new ArrayList<>();
        for (Segment segment : segments) {
            long start = Bits.roundDown(bias + segment.vaddr(), PAGE);
            long fileEnd = Bits.roundUp(bias + segment.vaddr() + segment.fileBytes(), PAGE);
            long end = Bits.roundUp(bias + segment.vaddr() + segment.memoryBytes(), PAGE);
            if (segment.fileBytes() == 0) {
                fileEnd = start;
            } else {
                maps.add(new InitialMap(
                        start, fileEnd, segment.prot(), Bits.roundDown(segment.fileOffset(), PAGE), name, null));
            }
            if (Bits.isBelow(fileEnd, end)) {
                maps.add(new InitialMap(fileEnd, end, segment.prot(), 0, null, null));
            }
        }
        return maps;
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
