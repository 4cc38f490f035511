package io.pagewalk.workload.trace;

import io.pagewalk.base.BadInput;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A {@link TraceHeader} as text: one fact a line, a name and its values parted by tabs. A reader passes over names
 * that it does not know.
 */
final class HeaderText {
    private HeaderText() {}

    static String format(TraceHeader header) {
        StringBuilder out = new StringBuilder(1024);
        for (String word : header.command()) {
            line(out, "command", word);
        }
        line(out, "recorded-at", header.recordedAt());
        line(out, "host-kernel", header.hostKernel());
        line(out, "recorder", header.recorder());
        line(out, "native-seconds", Double.toString(header.nativeSeconds()));
        line(out, "brk-start", Long.toHexString(header.brkStart()));
        line(out, "entry", Long.toHexString(header.entry()));
        line(out, "stack-pointer", Long.toHexString(header.stackPointer()));
        for (InitialMap map : header.maps()) {
            line(
                    out,
                    "map",
                    Long.toHexString(map.start()),
                    Long.toHexString(map.end()),
                    map.prot(),
                    Long.toHexString(map.fileOffset()),
                    orEmpty(map.path()),
                    orEmpty(map.name()));
        }
        for (TracedFile file : header.files()) {
            line(
                    out,
                    "file",
                    Long.toString(file.sizeBytes()),
                    Long.toString(file.inode()),
                    file.devMajor() + ":" + file.devMinor(),
                    file.path());
        }
        return out.toString();
    }

    static TraceHeader parse(String where, String text) {
        List<String> command = new ArrayList<>();
        String recordedAt = "";
        String hostKernel = "";
        String recorder = "";
        double nativeSeconds = -1;
        long brkStart = 0;
        long entry = 0;
        long stackPointer = 0;
        List<InitialMap> maps = new ArrayList<>();
        List<TracedFile> files = new ArrayList<>();
        for (String line : text.lines().toList()) {
            List<String> words = words(line);
            try {
                switch (words.getFirst()) {
                    case "command" -> command.add(words.get(1));
                    case "recorded-at" -> recordedAt = words.get(1);
                    case "host-kernel" -> hostKernel = words.get(1);
                    case "recorder" -> recorder = words.get(1);
                    case "native-seconds" -> nativeSeconds = Double.parseDouble(words.get(1));
                    case "brk-start" -> brkStart = hex(words.get(1));
                    case "entry" -> entry = hex(words.get(1));
                    case "stack-pointer" -> stackPointer = hex(words.get(1));
                    case "map" -> maps.add(map(words));
                    case "file" -> files.add(file(words));
                    default -> {
                        /* A newer writer's fact. */
                    }
                }
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new BadInput(where + ": header line '" + line + "' is not understood", e);
            }
        }
        return new TraceHeader(
                command, recordedAt, hostKernel, recorder, nativeSeconds, maps, brkStart, entry, stackPointer, files);
    }

    private static InitialMap map(List<String> words) {
        return new InitialMap(
                hex(words.get(1)),
                hex(words.get(2)),
                words.get(3),
                hex(words.get(4)),
                orNull(words.get(5)),
                orNull(words.get(6)));
    }

    private static TracedFile file(List<String> words) {
        String[] device = words.get(3).split(":", 2);
        return new TracedFile(
                words.get(4),
                Long.parseLong(words.get(1)),
                Long.parseLong(words.get(2)),
                Integer.parseInt(device[0]),
                Integer.parseInt(device[1]));
    }

    private static long hex(String digits) {
        return Long.parseUnsignedLong(digits, 16);
    }

    private static String orEmpty(@Nullable String text) {
        return text == null ? "" : text;
    }

    private static @Nullable String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static void line(StringBuilder out, String... words) {
        for (int i = 0; i < words.length; i++) {
            if (i > 0) {
                out.append('\t');
            }
            escape(out, words[i]);
        }
        out.append('\n');
    }

    private static void escape(StringBuilder out, String word) {
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            switch (c) {
                case '\t' -> out.append("\\t");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\\' -> out.append("\\\\");
                default -> out.append(c);
            }
        }
    }

    private static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '\t') {
                words.add(word.toString());
                word.setLength(0);
            } else if (c == '\\' && i + 1 < line.length()) {
                i++;
                char escaped = line.charAt(i);
                word.append(
                        switch (escaped) {
                            case 't' -> '\t';
                            case 'n' -> '\n';
                            case 'r' -> '\r';
                            default -> escaped;
                        });
            } else {
                word.append(c);
            }
        }
        words.add(word.toString());
        return words;
    }
}
