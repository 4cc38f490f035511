package io.pagewalk.oracle;

/** The helper process died, hung or was killed: no statement about the model follows from it. */
final class HelperFailure extends RuntimeException {
    HelperFailure(String message) {
        super(message);
    }

    HelperFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
