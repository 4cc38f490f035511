package io.pagewalk.workload.record;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A scratch directory and the processes of one recording; all go away at {@link #close} and when this process is interrupted. */
final class Cleanup implements Closeable {
    private final Path directory;
    private final List<Process> processes = new ArrayList<>();
    private final List<Closeable> unfinished = new ArrayList<>();
    private final Thread hook = new Thread(this::undo, "recording-cleanup");

    Cleanup() throws IOException {
        directory = Files.createTempDirectory("pagewalk-record");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Returns a path in the scratch directory. */
    Path file(String name) {
        return directory.resolve(name);
    }

    /** A process that must not outlive the recording. */
    synchronized void process(Process process) {
        processes.add(process);
    }

    /** Something that removes its own half result when closed early. */
    synchronized void unfinished(Closeable output) {
        unfinished.add(output);
    }

    @Override
    public void close() {
        undo();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            /* This process is ending already, by the hook. */
        }
    }

    private synchronized void undo() {
        for (Process process : processes) {
            if (process.isAlive()) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
        }
        for (Closeable output : unfinished) {
            try {
                output.close();
            } catch (IOException e) {
                /* Nothing more can be done about it. */
            }
        }
        try (Stream<Path> files = Files.walk(directory)) {
            files.sorted(Comparator.reverseOrder())
                    .forEach(file -> file.toFile().delete());
        } catch (IOException e) {
            /* Already gone. */
        }
    }
}
