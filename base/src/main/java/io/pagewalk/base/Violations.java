package io.pagewalk.base;

import java.util.ArrayList;
import java.util.List;

/** The broken invariants that a {@code verify()} walk has met so far. */
public final class Violations {
    private static final int KEPT = 50;

    private final List<String> lines = new ArrayList<>();
    private long count;

    /** Creates an empty list. */
    public Violations() {}

    /**
     * Adds one broken invariant. Only the first fifty keep their text; all are counted.
     *
     * @param where the structure and element, such as {@code zone Normal order 3}
     * @param message the equation that does not hold, with both sides
     */
    public void add(String where, String message) {
        count++;
        if (lines.size() < KEPT) {
            lines.add(where + ": " + message);
        }
    }

    /**
     * Adds a violation when two numbers that must be equal are not.
     *
     * @param where the structure and element
     * @param what the equation in words, such as {@code free pages == sum of the lists}
     * @param expected the left side
     * @param actual the right side
     */
    public void expectEqual(String where, String what, long expected, long actual) {
        if (expected != actual) {
            add(where, what + ": " + expected + " != " + actual);
        }
    }

    /** Returns whether nothing was found. */
    public boolean isEmpty() {
        return count == 0;
    }

    /** Returns how many were found, those without text included. */
    public long count() {
        return count;
    }

    /** Returns the kept lines, in the order they were found. */
    public List<String> lines() {
        return List.copyOf(lines);
    }

    /** Throws {@link InvariantViolation} with all kept lines when anything was found. */
    public void throwIfAny() {
        if (count > 0) {
            throw new InvariantViolation(count + " invariant violations\n" + String.join("\n", lines));
        }
    }
}
