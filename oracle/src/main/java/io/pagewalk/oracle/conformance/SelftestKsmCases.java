package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftests {@code ksm_functional_tests.c} and {@code merge.c} check of KSM without ksmd: that runs for the whole computer, so no case starts it. */
final class SelftestKsmCases {
    private static final int SET = 67;
    private static final int GET = 68;

    private SelftestKsmCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest ksm_functional_tests.c");
        t.add("test_prctl", "merging can be asked for a whole process and ended", s -> {
            s.gives(0, "prctl", SET, 1, 0, 0, 0);
            s.gives(1, "prctl", GET, 0, 0, 0, 0);
            s.gives(0, "prctl", SET, 0, 0, 0, 0);
            s.gives(0, "prctl", GET, 0, 0, 0, 0);
        });
        t.add("test_prctl_fork", "a child has what its parent asked for", s -> {
            s.gives(0, "prctl", SET, 1, 0, 0, 0);
            Subject child = s.fork();
            child.gives(1, "prctl", GET, 0, 0, 0, 0);
            child.exit();
            s.gives(0, "prctl", SET, 0, 0, 0, 0);
        });
        t.add("test_prctl_unmerge", "its mappings can merge, old and new, until it is ended", s -> {
            long before = s.map(2 * MIB, RW);
            s.gives(0, "prctl", SET, 1, 0, 0, 0);
            long after = s.map(PAGE, PROT_READ);
            s.isTrue(s.hasVmFlag(before, "mg") && s.hasVmFlag(after, "mg"), "not mergeable");
            s.gives(0, "prctl", SET, 0, 0, 0, 0);
            s.isTrue(!s.hasVmFlag(before, "mg") && !s.hasVmFlag(after, "mg"), "still mergeable");
        });
        t.add("test_unmerge", "MADV_UNMERGEABLE ends MADV_MERGEABLE and keeps the pages", s -> {
            long addr = s.mapWritten(2 * MIB);
            s.gives(0, "madvise", addr, 2 * MIB, MADV_MERGEABLE);
            s.isTrue(s.hasVmFlag(addr, "mg"), "not mergeable");
            s.gives(0, "madvise", addr, MIB, MADV_DONTNEED);
            s.gives(0, "madvise", addr, 2 * MIB, MADV_UNMERGEABLE);
            s.isTrue(!s.hasVmFlag(addr, "mg"), "still mergeable");
            s.pagesHold(0, addr, MIB);
            s.pagesAreNumbered(1 + MIB / PAGE, addr + MIB, MIB);
        });
        t.add("merge.ksm_merge", "mappings made before and after the request merge with each other", s -> {
            long base = s.map(30 * PAGE, PROT_NONE) + PAGE;
            s.gives(base, "mmap", base, 2 * PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.unmap(base + PAGE, PAGE);
            s.gives(0, "prctl", SET, 1, 0, 0, 0);
            s.gives(base + PAGE, "mmap", base + PAGE, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.isOneMapping(base, 2 * PAGE);
            s.unmap(base, 2 * PAGE);
            s.gives(base, "mmap", base, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.gives(base + PAGE, "mmap", base + PAGE, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.isOneMapping(base, 2 * PAGE);
        });
        return t.cases();
    }
}
