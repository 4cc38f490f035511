package io.pagewalk.oracle.conformance;

import java.util.ArrayList;
import java.util.List;

/** All cases, in the order of the table. */
final class Board {
    private Board() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        cases.addAll(GvisorMmapCases.cases());
        return cases;
    }
}
