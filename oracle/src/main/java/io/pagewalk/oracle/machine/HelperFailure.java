package io.pagewalk.oracle.machine;

/** The helper process died, hung or was killed: no statement about the model follows from it. */
public final class HelperFailure extends RuntimeException {
    /** Reports a failure in one line. */
    public HelperFailure(String message) {
        super(message);
    }

    /** Reports a failure in one line. */
    public HelperFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
