package io.pagewalk.oracle.conformance;

/** A case needs what this computer does not have. */
final class NotOnHost extends RuntimeException {
    NotOnHost(String reason) {
        super(reason);
    }
}
