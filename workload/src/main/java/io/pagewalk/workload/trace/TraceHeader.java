package io.pagewalk.workload.trace;

import java.util.List;

/**
 * What a recorder knows of a program before and around its accesses.
 *
 * @param command the program and its arguments
 * @param recordedAt date of the recording, {@code 2026-11-21}
 * @param hostKernel release of the kernel it was recorded on
 * @param recorder the tool and its version, such as {@code valgrind-3.19.0 lackey}
 * @param nativeSeconds user and system CPU seconds of one run without instrumentation; negative when not measured
 * @param maps the mappings at the first instruction
 * @param brkStart where the heap begins
 * @param entry address of the first instruction; 0 when not known
 * @param stackPointer the stack pointer at the first instruction: arguments and environment lie above it; 0 when not known
 * @param files every file that the trace names
 */
public record TraceHeader(
        List<String> command,
        String recordedAt,
        String hostKernel,
        String recorder,
        double nativeSeconds,
        List<InitialMap> maps,
        long brkStart,
        long entry,
        long stackPointer,
        List<TracedFile> files) {
    /** Copies the lists. */
    public TraceHeader {
        command = List.copyOf(command);
        maps = List.copyOf(maps);
        files = List.copyOf(files);
    }

    /** Returns the program's name as Linux keeps it in {@code comm}: the last part of its path, 15 characters at most. */
    public String comm() {
        String first = command.isEmpty() ? "unknown" : command.getFirst();
        String name = first.substring(first.lastIndexOf('/') + 1);
        return name.length() <= 15 ? name : name.substring(0, 15);
    }
}
