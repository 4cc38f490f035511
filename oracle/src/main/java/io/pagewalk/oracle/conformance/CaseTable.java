package io.pagewalk.oracle.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The cases of one source, in the order in which they were added. */
final class CaseTable {
    private final String source;
    private final List<ConformanceCase> cases = new ArrayList<>();

    /** Begins the table of a source such as {@code gVisor mmap.cc}. */
    CaseTable(String source) {
        this.source = source;
    }

    /** Adds a case. */
    CaseTable add(String origin, String says, Consumer<Subject> body) {
        cases.add(new ConformanceCase(source, origin, says, body, null, null));
        return this;
    }

    /** Adds a case that the model cannot pass; it runs all the same, so that the reason does not outlive its cause. */
    CaseTable notModelled(String origin, String says, String reason, Consumer<Subject> body) {
        cases.add(new ConformanceCase(source, origin, says, body, reason, null));
        return this;
    }

    /** Adds a case that needs what computers usually lack; it is made on the model alone. */
    CaseTable notOnHost(String origin, String says, String reason, Consumer<Subject> body) {
        cases.add(new ConformanceCase(source, origin, says, body, null, reason));
        return this;
    }

    /** Names checks that no case makes, because the model lacks what they are about. */
    CaseTable leftOut(String origin, String says, String reason) {
        return notModelled(origin, says, reason, s -> {
            s.needsOnHost(false, "not made: " + reason);
            throw new NotModelled(reason);
        });
    }

    List<ConformanceCase> cases() {
        return cases;
    }
}
