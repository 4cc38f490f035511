package io.pagewalk.oracle.fuzz;

import io.pagewalk.oracle.machine.Step;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Differences that docs/FIDELITY.md names: which they are, and why they are there. Everything else is unexplained. */
final class Explanations {
    /** One known difference. */
    private record Rule(String reason, BiPredicate<List<Step>, Difference> covers) {}

    private static final int GET_MEMPOLICY = 239;
    private static final Pattern REFERENCED = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) Referenced: ([0-9]+) kB");
    private static final int PAGE_KIB = 4;

    private static final List<Rule> RULES = List.of(new Rule(
            "this processor marks a page as used before a string store into it faults", Explanations::isRefusedClear));

    private Explanations() {}

    /** The kernel clears the rest of a mask with a string store, into an area that the caller may only read: one page more is a used one there. */
    private static boolean isRefusedClear(List<Step> steps, Difference difference) {
        Step last = steps.getLast();
        Matcher real = REFERENCED.matcher(difference.expected());
        Matcher modelled = REFERENCED.matcher(difference.actual());
        if (last.kind() != Step.Kind.CALL || last.number() != GET_MEMPOLICY || !real.matches() || !modelled.matches()) {
            return false;
        }
        long mask = last.a1();
        return Long.parseUnsignedLong(real.group(1), 16) <= mask
                && mask < Long.parseUnsignedLong(real.group(2), 16)
                && real.group(1).equals(modelled.group(1))
                && Long.parseLong(real.group(3)) == Long.parseLong(modelled.group(3)) + PAGE_KIB;
    }

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
