package io.pagewalk.oracle.fuzz;

import io.pagewalk.oracle.machine.Step;
import java.util.List;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/** Differences that docs/FIDELITY.md names: which they are, and why they are there. Everything else is unexplained. */
final class Explanations {
    /** One known difference. */
    private record Rule(String reason, BiPredicate<List<Step>, Difference> covers) {}

    private static final List<Rule> RULES = List.of();

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
}
