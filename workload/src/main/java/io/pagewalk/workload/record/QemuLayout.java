package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.kernel.exec.ElfFile;
import io.pagewalk.workload.trace.InitialMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes the guest's layout out of qemu's {@code -d page} log and the ELF headers of the program and its dynamic linker.
 *
 * <p>The log tells where things are ({@code entry}, {@code start_code}, {@code brk}, {@code start_stack}, the stack's range), the headers tell which file lies there with which protection. What qemu maps for itself in the guest's
 * range (descriptor tables, the stack's guard page) is no part of the program and is left out.
 */
final class QemuLayout {
    private static final long PAGE = 4096;
    private static final String BEGIN = "page layout changed following binary load";
    private static final Pattern RANGE = Pattern.compile("([0-9a-f]{16})-([0-9a-f]{16}) [0-9a-f]+ ([r-][w-][x-])");
    private static final Pattern VALUE = Pattern.compile("(start_code|start_stack|brk|entry) +0x([0-9a-f]+)");

    private QemuLayout() {}

    /**
     * Derives the layout.
     *
     * @param log qemu's log
     * @param program the program that was started
     * @throws BadInput when the log has not what it should
     */
    static InitialLayout of(List<String> log, Path program) throws IOException {
        long startCode = 0;
        long stackPointer = 0;
        long brk = 0;
        long entry = 0;
        List<long[]> ranges = new ArrayList<>();
        boolean isInside = false;
        for (String line : log) {
            Matcher range = RANGE.matcher(line);
            Matcher value = VALUE.matcher(line);
            if (line.startsWith("page layout changed")) {
                isInside = line.startsWith(BEGIN);
            } else if (isInside && range.matches()) {
                ranges.add(new long[] {
                    Long.parseUnsignedLong(range.group(1), 16), Long.parseUnsignedLong(range.group(2), 16)
                });
            } else if (value.matches()) {
                long number = Long.parseUnsignedLong(value.group(2), 16);
                switch (value.group(1)) {
                    case "start_code" -> startCode = number;
                    case "start_stack" -> stackPointer = number;
                    case "brk" -> brk = number;
                    default -> entry = number;
                }
            }
        }
        long stackEnd = 0;
        for (long[] range : ranges) {
            if (range[0] <= stackPointer && stackPointer < range[1]) {
                stackEnd = range[1];
            }
        }
        if (entry == 0 || stackEnd == 0) {
            throw new BadInput(
                    "qemu's log", "no layout of the program's memory", "the lines that -d page prints in 7.2");
        }
        ElfFile image = ElfFile.read(program);
        long linkedAt = image.segments().stream()
                .filter(ElfFile.Segment::isExecutable)
                .mapToLong(ElfFile.Segment::vaddr)
                .findFirst()
                .orElse(startCode);
        List<InitialMap> maps = new ArrayList<>(maps(image, startCode - linkedAt));
        String linker = image.interpreter();
        if (linker != null) {
            ElfFile interpreter = ElfFile.read(Path.of(linker));
            maps.addAll(maps(interpreter, entry - interpreter.entry()));
        }
        maps.add(InitialLayout.stack(stackPointer, stackEnd));
        maps.sort(Comparator.comparingLong(InitialMap::start));
        return new InitialLayout(maps, Bits.roundUp(brk, PAGE), entry, stackPointer);
    }

    /** Returns the mappings that loading a file at a bias makes: the file's part of each segment, and anonymous memory behind it. */
    private static List<InitialMap> maps(ElfFile file, long bias) {
        List<InitialMap> maps = new ArrayList<>();
        for (ElfFile.Segment segment : file.segments()) {
            long start = Bits.roundDown(bias + segment.vaddr(), PAGE);
            long fileEnd = Bits.roundUp(bias + segment.vaddr() + segment.fileBytes(), PAGE);
            long end = Bits.roundUp(bias + segment.vaddr() + segment.memoryBytes(), PAGE);
            String prot = prot(segment.prot());
            if (segment.fileBytes() == 0) {
                fileEnd = start;
            } else {
                long offset = Bits.roundDown(segment.fileOffset(), PAGE);
                maps.add(new InitialMap(start, fileEnd, prot, offset, file.path(), null));
            }
            if (Bits.isBelow(fileEnd, end)) {
                maps.add(new InitialMap(fileEnd, end, prot, 0, null, null));
            }
        }
        return maps;
    }

    private static String prot(int bits) {
        return ((bits & 1) != 0 ? "r" : "-") + ((bits & 2) != 0 ? "w" : "-") + ((bits & 4) != 0 ? "x" : "-") + "p";
    }
}
