package io.pagewalk.oracle.conformance;

/**
 * What came of one case.
 *
 * @param test the case
 * @param model on the model
 * @param host on the running kernel
 */
public record CaseResult(ConformanceCase test, Outcome model, Outcome host) {
    /** How a case ended on one side. */
    public enum Kind {
        /** The assertion holds. */
        PASS,
        /** It does not hold. */
        FAIL,
        /** The model lacks what the case needs. */
        NOT_MODELLED,
        /** This computer lacks what the case needs. */
        NOT_RUN,
        /** The C program died, hung or was killed, which says nothing. */
        NO_RESULT
    }

    /**
     * How a case ended on one side, and why.
     *
     * @param kind how
     * @param reason one line, empty for a pass
     */
    public record Outcome(Kind kind, String reason) {
        static final Outcome PASS = new Outcome(Kind.PASS, "");

        boolean isPass() {
            return kind == Kind.PASS;
        }
    }

    /** Whether the assertion holds on the running kernel and not on the model. */
    public boolean isModelWrong() {
        return model.kind() == Kind.FAIL && host.isPass();
    }

    /** Whether both sides pass; a case that no computer can judge counts when the model passes. */
    public boolean isGood() {
        return model.isPass() && host.isPass();
    }
}
