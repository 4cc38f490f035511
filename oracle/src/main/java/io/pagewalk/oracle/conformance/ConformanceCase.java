package io.pagewalk.oracle.conformance;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One assertion.
 *
 * @param source the row of the table, such as {@code gVisor mmap.cc}
 * @param origin the test or program that asserts it, such as {@code MMapTest.ZeroLengthFails}; several cases may share one
 * @param says the assertion in our words
 * @param body makes the calls and throws when the assertion does not hold
 * @param notModelled why the model cannot pass, or null
 * @param notOnHost why computers usually cannot judge, or null
 */
public record ConformanceCase(
        String source,
        String origin,
        String says,
        Consumer<Subject> body,
        @Nullable String notModelled,
        @Nullable String notOnHost) {
    /** Returns the name that the document and the command line use. */
    public String name() {
        return source + " " + origin;
    }
}
