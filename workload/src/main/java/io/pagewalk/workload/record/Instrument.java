package io.pagewalk.workload.record;

import io.pagewalk.workload.read.TraceReader;
import io.pagewalk.workload.trace.AccessSink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;

/** A tool that runs a program and writes the stream of what it does. Made for one recording. */
sealed interface Instrument permits Lackey, Qemu, SingleStep {
    /** Returns the tool's name and version for the header. */
    String description();

    /** Starts the program; what it prints goes to {@code output}, the stream of what it does to {@code stream}. */
    Process start(List<String> command, StandardInput input, ProcessBuilder.Redirect output, Path stream)
            throws IOException, InterruptedException;

    /** Returns the reader of the stream. */
    TraceReader reader(String name, AccessSink sink, LongConsumer progress);

    /** Returns the bytes that end the stream of a process that has ended with a status. */
    byte[] endMark(int status) throws IOException;

    /** Returns how the program's memory looked at its first instruction; called when the stream has been read. */
    InitialLayout layout() throws IOException, InterruptedException;
}
