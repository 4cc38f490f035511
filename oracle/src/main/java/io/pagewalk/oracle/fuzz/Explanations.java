package io.pagewalk.oracle.fuzz;

import io.pagewalk.oracle.machine.Step;
import java.util.List;
import java.util.Set;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/** Differences that docs/FIDELITY.md names: which they are, and why they are there. Everything else is unexplained. */
final class Explanations {
    private static final int MADV_REMOVE = 9;
    private static final Set<String> ABOUT_PAGES =
            Set.of("pagemap", "minor faults", "major faults", "smaps", "value of mincore");

    /** One known difference. */
    private record Rule(String reason, BiPredicate<List<Step>, Difference> covers) {}

    private static final List<Rule> RULES = List.of(new Rule(
            "folios have one page: pages of a disk file that a hole threw out come back in large folios",
            (steps, difference) -> isAboutPages(difference) && punchesFile(steps)));

    private Explanations() {}

    /** Returns why a difference is known, or null. */
    static @Nullable String reasonFor(List<Step> steps, Difference difference) {
        for (Rule rule : RULES) {
            if (rule.covers().test(steps, difference)) {
                return rule.reason();
            }
        }
        return null;
    }

    private static boolean isAboutPages(Difference difference) {
        return ABOUT_PAGES.stream().anyMatch(difference.what()::startsWith);
    }

    private static boolean punchesFile(List<Step> steps) {
        boolean removes = false;
        boolean mapsFile = false;
        for (Step step : steps) {
            removes |= step.kind() == Step.Kind.CALL && step.number() == MADVISE && step.a2() == MADV_REMOVE;
            mapsFile |= step.kind() == Step.Kind.CALL && step.number() == MMAP && step.a4() >= 3 && step.a4() <= 6;
        }
        return removes && mapsFile;
    }

    private static final int MMAP = 9;
    private static final int MADVISE = 28;
}
