package io.pagewalk.oracle.conformance;

/** An assertion of a case does not hold. */
final class CaseFailure extends RuntimeException {
    CaseFailure(String message) {
        super(message);
    }
}
