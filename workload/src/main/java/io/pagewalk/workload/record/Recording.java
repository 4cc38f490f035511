package io.pagewalk.workload.record;

import io.pagewalk.workload.read.ReadCounts;
import io.pagewalk.workload.trace.TraceHeader;
import java.util.List;

/**
 * What a recording has brought.
 *
 * @param header what is known of the program; complete only now, since the files that it names come up while it runs
 * @param counts accesses and calls handed to the sink
 * @param exitStatus the exit code of the program, or 128 plus the number of the signal that ended it; the trace is good in either case
 * @param replacedBy the program that took the process over by {@code execve}, where the recording ended; empty when none did
 */
public record Recording(TraceHeader header, ReadCounts counts, int exitStatus, List<String> replacedBy) {
    /** Copies the list. */
    public Recording {
        replacedBy = List.copyOf(replacedBy);
    }
}
