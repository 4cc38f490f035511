package io.pagewalk.workload.record;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.trace.InitialMap;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the real kernel says of a program at one moment.
 *
 * @param entry the instruction pointer
 * @param stackPointer the stack pointer
 * @param brkStart where its heap begins, unrounded as {@code /proc/PID/stat} gives it
 * @param minorFaults page faults without input since the process was made
 * @param majorFaults page faults with input since then
 * @param maps the text of {@code /proc/PID/maps}
 */
public record Observation(
        long entry, long stackPointer, long brkStart, long minorFaults, long majorFaults, String maps) {
    private static final Pattern HEAD =
            Pattern.compile("entry ([0-9a-f]+) sp ([0-9a-f]+) brk ([0-9a-f]+) minor (\\d+) major (\\d+)");
    private static final Pattern AREA = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) (\\S{4}) ([0-9a-f]+) \\S+ \\d+ *(.*)");

    /**
     * Runs a command natively at full speed, without address randomization, and looks at it twice. What it prints is dropped.
     *
     * @param command the program and its arguments
     * @return how it was at its first instruction, and at its end before its memory went
     * @throws BadInput when the program does not start or a compiler is missing
     */
    public static List<Observation> watch(List<String> command) {
        return watch(command, System.getenv());
    }

    /**
     * Runs a command natively at full speed in an environment of its own; see {@link #watch(List)}.
     *
     * @param command the program and its arguments
     * @param environment all of its environment
     * @return how it was at its first instruction, and at its end before its memory went
     * @throws BadInput when the program does not start or a compiler is missing
     */
    public static List<Observation> watch(List<String> command, Map<String, String> environment) {
        try (Cleanup cleanup = new Cleanup()) {
            return SingleStep.watch(command, environment, cleanup.file("layout"));
        } catch (IOException e) {
            throw new BadInput("cannot watch '" + command.getFirst() + "': " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BadInput("interrupted", e);
        }
    }

    /**
     * Reads what {@code pagewalk-step} has written.
     *
     * @param file the layouts
     * @throws IOException when it cannot be read
     */
    static List<Observation> read(Path file) throws IOException {
        List<Observation> result = new ArrayList<>();
        StringBuilder maps = new StringBuilder();
        Matcher head = null;
        for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
            Matcher matcher = HEAD.matcher(line);
            if (matcher.matches()) {
                head = matcher;
            } else if (line.equals(".") && head != null) {
                result.add(new Observation(
                        Long.parseUnsignedLong(head.group(1), 16),
                        Long.parseUnsignedLong(head.group(2), 16),
                        Long.parseUnsignedLong(head.group(3), 16),
                        Long.parseLong(head.group(4)),
                        Long.parseLong(head.group(5)),
                        maps.toString()));
                maps.setLength(0);
            } else if (AREA.matcher(line).matches()) {
                maps.append(line).append('\n');
            }
        }
        if (result.isEmpty()) {
            throw new BadInput("the single-step recorder", "no layout", "one at the program's first instruction");
        }
        return result;
    }

    /** Returns it as a recording's header has it. */
    InitialLayout layout() {
        List<InitialMap> areas = new ArrayList<>();
        maps.lines().forEach(line -> {
            Matcher area = AREA.matcher(line);
            if (area.matches() && !area.group(5).equals("[vsyscall]")) {
                String name = area.group(5);
                areas.add(new InitialMap(
                        Long.parseUnsignedLong(area.group(1), 16),
                        Long.parseUnsignedLong(area.group(2), 16),
                        area.group(3),
                        Long.parseUnsignedLong(area.group(4), 16),
                        name.startsWith("/") ? name : null,
                        name.startsWith("[") ? name : null));
            }
        });
        return new InitialLayout(areas, brkStart, entry, stackPointer);
    }
}
