package io.pagewalk.oracle.conformance;

import java.util.ArrayList;
import java.util.List;

/** All cases, in the order of the table. */
final class Board {
    private Board() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        cases.addAll(GvisorMmapCases.cases());
        cases.addAll(GvisorMmapFileCases.cases());
        cases.addAll(GvisorMremapCases.cases());
        cases.addAll(GvisorMadviseCases.cases());
        cases.addAll(GvisorMlockCases.cases());
        cases.addAll(GvisorSyncCases.cases());
        cases.addAll(GvisorSmapsCases.cases());
        cases.addAll(GvisorShmCases.cases());
        cases.addAll(GvisorMempolicyCases.cases());
        cases.addAll(SelftestMapCases.cases());
        cases.addAll(SelftestLockCases.cases());
        cases.addAll(SelftestMdweCases.cases());
        cases.addAll(SelftestMsealCases.cases());
        cases.addAll(SelftestGuardCases.cases());
        cases.addAll(SelftestMergeCases.cases());
        cases.addAll(SelftestMremapCases.cases());
        cases.addAll(SelftestCowCases.cases());
        cases.addAll(SelftestPagemapCases.cases());
        cases.addAll(SelftestUffdCases.cases());
        cases.addAll(SelftestKsmCases.cases());
        cases.addAll(SelftestHugetlbCases.cases());
        cases.addAll(LtpMmapCases.cases());
        cases.addAll(LtpProtectCases.cases());
        cases.addAll(LtpMadviseCases.cases());
        cases.addAll(LtpLockCases.cases());
        cases.addAll(LtpBrkCases.cases());
        cases.addAll(LtpMemfdCases.cases());
        cases.addAll(LtpShmCases.cases());
        cases.addAll(LtpShmctlCases.cases());
        cases.addAll(LtpMemCases.cases());
        cases.addAll(LtpAdviceCases.cases());
        cases.addAll(LtpLimitCases.cases());
        cases.addAll(LtpNodeCases.cases());
        cases.addAll(LtpRemoteCases.cases());
        cases.addAll(LtpUffdCases.cases());
        cases.addAll(LtpHugemmapCases.cases());
        cases.addAll(LtpHugeshmCases.cases());
        return cases;
    }
}
