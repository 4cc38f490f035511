package io.pagewalk.oracle.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What came of a run.
 *
 * @param operations steps that were made on both sides
 * @param histories how many process trees were started
 * @param comparisons values that were compared
 * @param explained number of mismatches by the reason that is known for them
 * @param unexplained mismatches without one
 * @param helperFailures what went wrong with the helper, which says nothing about the model
 * @param nanos how long the run took
 */
public record VerifyResult(
        long operations,
        long histories,
        long comparisons,
        Map<String, Long> explained,
        List<Mismatch> unexplained,
        List<String> helperFailures,
        long nanos) {
    /**
     * A difference between model and kernel.
     *
     * @param seed of the history
     * @param what short name of what differed
     * @param expected what the kernel said
     * @param actual what the model said
     * @param index position of the step in the original history
     * @param isReproduced whether the difference was seen again when the history was repeated
     * @param script the shortened history, one step a line
     * @param cProgram the same as a C program
     * @param junitTest the same as a test
     */
    public record Mismatch(
            long seed,
            String what,
            String expected,
            String actual,
            int index,
            boolean isReproduced,
            List<String> script,
            String cProgram,
            String junitTest) {}

    /** Copies the collections. */
    public VerifyResult {
        explained = new TreeMap<>(explained);
        unexplained = List.copyOf(unexplained);
        helperFailures = List.copyOf(helperFailures);
    }

    /** Returns steps a second. */
    public double operationsPerSecond() {
        return nanos == 0 ? 0 : operations / (nanos / 1e9);
    }

    /** Returns how many mismatches have a known reason. */
    public long explainedCount() {
        return explained.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Collects the numbers while the run goes on. */
    static final class Builder {
        private long operations;
        private long histories;
        private long comparisons;
        private final List<Mismatch> unexplained = new ArrayList<>();
        private final List<String> helperFailures = new ArrayList<>();

        long operations() {
            return operations;
        }

        int unexplainedCount() {
            return unexplained.size();
        }

        int helperFailureCount() {
            return helperFailures.size();
        }

        void historyStarted() {
            histories++;
        }

        void add(long steps, long compared) {
            operations += steps;
            comparisons += compared;
        }

        void mismatch(Mismatch mismatch) {
            unexplained.add(mismatch);
        }

        void helperFailed(String message) {
            helperFailures.add(message);
        }

        VerifyResult build(Map<String, Long> explained, long nanos) {
            return new VerifyResult(operations, histories, comparisons, explained, unexplained, helperFailures, nanos);
        }
    }
}
