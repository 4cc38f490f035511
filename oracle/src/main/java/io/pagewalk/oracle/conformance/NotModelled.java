package io.pagewalk.oracle.conformance;

/** A case needs what the model does not have. */
final class NotModelled extends RuntimeException {
    NotModelled(String reason) {
        super(reason);
    }
}
