package io.pagewalk.base;

/** A state that the modelled kernel can never be in: Linux's {@code BUG_ON()}, always a defect of the model. */
public final class KernelBug extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates a bug report.
     *
     * @param message what was found to be impossible, with the numbers
     */
    public KernelBug(String message) {
        super(message);
    }

    /**
     * Throws when a condition that must never hold, holds.
     *
     * @param condition the impossible condition
     * @param message what it means
     */
    public static void on(boolean condition, String message) {
        if (condition) {
            throw new KernelBug(message);
        }
    }
}
