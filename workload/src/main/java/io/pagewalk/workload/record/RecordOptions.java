package io.pagewalk.workload.record;

import java.util.function.LongConsumer;

/**
 * How to record.
 *
 * @param tool what the program runs under
 * @param measuresNative whether the program also runs once without instrumentation, before the recording, to learn its CPU time; a program with side effects then has them twice
 * @param progress told the number of accesses recorded so far from time to time
 */
public record RecordOptions(RecordTool tool, boolean measuresNative, LongConsumer progress) {
    /** Returns options for a tool: with the run without instrumentation, silent. */
    public static RecordOptions with(RecordTool tool) {
        return new RecordOptions(tool, true, accesses -> {});
    }

    /** Returns these options without the run that measures CPU time. */
    public RecordOptions withoutNative() {
        return new RecordOptions(tool, false, progress);
    }

    /** Returns these options with another listener. */
    public RecordOptions withProgress(LongConsumer listener) {
        return new RecordOptions(tool, measuresNative, listener);
    }
}
