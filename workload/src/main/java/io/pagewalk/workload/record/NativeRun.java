package io.pagewalk.workload.record;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** One run of a program without instrumentation, for its CPU time. What it prints is read and dropped, so that it does not meet {@code /dev/null}, which some programs treat as a reason to do less. */
final class NativeRun {
    private NativeRun() {}

    /** Runs the command to its end and returns its user and system CPU seconds. */
    static double seconds(List<String> command, StandardInput input, Cleanup cleanup)
            throws IOException, InterruptedException {
        long before = Posix.childrenCpuNanos();
        Process process = new ProcessBuilder(command)
                .redirectInput(input.redirect())
                .redirectErrorStream(true)
                .start();
        cleanup.process(process);
        try (InputStream output = process.getInputStream()) {
            output.transferTo(OutputStream.nullOutputStream());
        }
        process.waitFor();
        return (Posix.childrenCpuNanos() - before) / 1e9;
    }
}
