package io.pagewalk.base;

/** One or more broken invariants that a {@code verify()} walk found: always a defect of the model. */
public final class InvariantViolation extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates a report.
     *
     * @param message the violations, one a line
     */
    public InvariantViolation(String message) {
        super(message);
    }
}
