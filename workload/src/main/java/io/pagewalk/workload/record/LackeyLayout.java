package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.workload.trace.InitialMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Collects the client's layout from what {@code valgrind -d -d} says at start-up.
 *
 * <pre>
 * --7:2: initimg   Client info: initial_IP=0x401AB70 initial_TOC=0x0 brk_base=0x112000
 * --7:2: initimg   Client info: initial_SP=0x1FFF000780 max_stack_size=8388608
 * --7:1: aspacem &lt;&lt;&lt; SHOW_SEGMENTS: Memory layout at client startup (40 segments)
 * --7:1: aspacem (1,49,7) /usr/bin/true
 * --7:1: aspacem   1: file 0000108000-0000109fff    8192 r---- d=0xfe00 i=260958  o=0       (1,49)
 * --7:1: aspacem  10: anon 0004035000-0004035fff    4096 rwx--
 * --7:1: aspacem &gt;&gt;&gt;
 * </pre>
 *
 * <p>Types in small letters are the client's, in capitals valgrind's own. The one anonymous page that may be written and executed holds the place of the heap: Linux has no such mapping before the first
 * {@code brk}, so it is left out and gives the heap's start. The page of valgrind's own text that belongs to the client is where its signal handlers return to.
 */
final class LackeyLayout {
    private static final Pattern START = Pattern.compile(".*initial_IP=0x([0-9A-Fa-f]+).*");
    private static final Pattern STACK = Pattern.compile(".*initial_SP=0x([0-9A-Fa-f]+).*");
    private static final Pattern NAME = Pattern.compile(".* aspacem \\((\\d+),\\d+,\\d+\\) (.*)");
    private static final Pattern SEGMENT = Pattern.compile(
            ".* aspacem +\\d+: (file|anon|shm|shmm) ([0-9a-f]+)-([0-9a-f]+) +\\S+ ([r-][w-][x-])\\S*(?:.* o=(\\d+) +\\((\\d+),\\d+\\))?.*");
    private static final String BEGIN = "Memory layout at client startup";

    private final Map<String, String> names = new HashMap<>();
    private final List<InitialMap> maps = new ArrayList<>();
    private boolean isInside;
    private boolean isComplete;
    private long entry;
    private long stackPointer;
    private long brkStart;

    /** Takes one line of the log. */
    void line(String line) {
        if (isComplete) {
            return;
        }
        Matcher start = START.matcher(line);
        Matcher stack = STACK.matcher(line);
        if (start.matches()) {
            entry = Long.parseUnsignedLong(start.group(1), 16);
        } else if (stack.matches()) {
            stackPointer = Long.parseUnsignedLong(stack.group(1), 16);
        } else if (line.contains(BEGIN)) {
            isInside = true;
        } else if (isInside) {
            inside(line);
        }
    }

    private void inside(String line) {
        Matcher name = NAME.matcher(line);
        Matcher segment = SEGMENT.matcher(line);
        if (line.endsWith(">>>")) {
            isComplete = true;
        } else if (name.matches()) {
            names.put(name.group(1), name.group(2));
        } else if (segment.matches()) {
            long from = Long.parseUnsignedLong(segment.group(2), 16);
            long end = Long.parseUnsignedLong(segment.group(3), 16) + 1;
            String offset = segment.group(5);
            boolean isAnonymous = segment.group(1).equals("anon");
            if (isAnonymous && segment.group(4).equals("rwx")) {
                brkStart = from;
            } else if (isAnonymous && !Bits.isBelow(stackPointer, from) && Bits.isBelow(stackPointer, end)) {
                maps.add(InitialLayout.stack(stackPointer, end));
            } else {
                maps.add(new InitialMap(
                        from,
                        end,
                        segment.group(4) + "p",
                        offset == null ? 0 : Long.parseLong(offset),
                        name(segment.group(6)),
                        null));
            }
        }
    }

    private @Nullable String name(@Nullable String index) {
        return index == null ? null : names.get(index);
    }

    /** Returns the layout. */
    InitialLayout layout() {
        if (!isComplete || maps.isEmpty()) {
            throw new BadInput(
                    "valgrind's log", "no layout of the program's memory", "the lines that -d -d prints in 3.19");
        }
        return new InitialLayout(maps, brkStart, entry, stackPointer);
    }
}
