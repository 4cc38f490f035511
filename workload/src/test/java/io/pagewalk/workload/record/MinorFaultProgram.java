package io.pagewalk.workload.record;

import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;

/**
 * The program {@code minorfaults.c}, which asks the kernel for its minor faults at its begin and at its end: run natively, and recorded.
 *
 * @param program the compiled program
 * @param first minor faults at the first {@code getrusage}: those of {@code execve} and of what started the program are in it
 * @param last minor faults at the last {@code getrusage}
 */
public record MinorFaultProgram(Path program, long first, long last) {
    /** Number of {@code getrusage}, whose two calls in the trace enclose what {@link #between} counts. */
    public static final int GETRUSAGE = 98;

    /** Native runs: write-back between two stores makes a shared page read-only again and costs one fault more, so the least count is the undisturbed one. */
    private static final int RUNS = 5;

    /**
     * Compiles the program and runs it natively, more than once.
     *
     * @param directory for the program
     */
    public static MinorFaultProgram runNatively(Path directory) throws IOException, InterruptedException {
        Path program = Tools.compile(
                "minorfaults.c",
                directory,
                "-static",
                "-nostdlib",
                "-ffreestanding",
                "-fno-stack-protector",
                "-fno-builtin",
                "-fcf-protection=none",
                "-no-pie");
        MinorFaultProgram least = run(program);
        for (int run = 1; run < RUNS; run++) {
            MinorFaultProgram again = run(program);
            least = again.between() < least.between() ? again : least;
        }
        return least;
    }

    private static MinorFaultProgram run(Path program) throws IOException, InterruptedException {
        String[] numbers = Tools.output(List.of(program.toString())).strip().split(" ", -1);
        return new MinorFaultProgram(program, Long.parseLong(numbers[0]), Long.parseLong(numbers[1]));
    }

    /** Returns the minor faults that the kernel counted between the two calls of {@code getrusage}. */
    public long between() {
        return last - first;
    }

    /** Records the program. */
    public Recording record(RecordTool tool, Path target) {
        return new Recorder(InputStream.nullInputStream(), ProcessBuilder.Redirect.DISCARD, System.err)
                .record(
                        RecordOptions.with(tool).withoutNative(),
                        List.of(program.toString()),
                        target,
                        TraceWriter.FAST_LEVEL);
    }
}
