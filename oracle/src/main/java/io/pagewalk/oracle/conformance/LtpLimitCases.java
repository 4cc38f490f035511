package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{getrlimit,setrlimit,getrusage}} of the Linux Test Project assert about memory. */
final class LtpLimitCases {
    private static final int RLIMIT_RSS = 5;
    private static final int RLIMIT_NOFILE = 7;
    private static final int NO_RESOURCE = 1000;
    private static final int[] OF_MEMORY = {
        RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_RSS, RLIMIT_MEMLOCK, RLIMIT_AS
    };
    private static final int RUSAGE_SELF = 0;
    private static final int RUSAGE_CHILDREN = -1;
    private static final int RUSAGE_BYTES = 144;
    private static final int MAXRSS = 32;

    private LtpLimitCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable get = new CaseTable("LTP getrlimit");
        getrlimit(get);
        cases.addAll(get.cases());
        CaseTable set = new CaseTable("LTP setrlimit");
        setrlimit(set);
        cases.addAll(set.cases());
        CaseTable usage = new CaseTable("LTP getrusage");
        getrusage(usage);
        largest(usage);
        cases.addAll(usage.cases());
        return cases;
    }

    private static void getrlimit(CaseTable t) {
        t.add("getrlimit01", "the limits of memory can be asked", s -> {
            for (int resource : OF_MEMORY) {
                s.gives(0, "getrlimit", resource, s.space(16));
            }
        });
        t.add("getrlimit02", "a bad pointer gives EFAULT, no resource EINVAL", s -> {
            s.fails(EFAULT, "getrlimit", RLIMIT_DATA, -1);
            s.fails(EINVAL, "getrlimit", NO_RESOURCE, s.space(16));
        });
        t.add("getrlimit03", "getrlimit and prlimit64 tell the same", s -> {
            for (int resource : OF_MEMORY) {
                long one = s.space(16);
                long two = s.space(16);
                s.gives(0, "getrlimit", resource, one);
                s.gives(0, "prlimit64", 0, resource, 0, two);
                s.holds(s.load(one), two);
                s.holds(s.load(one + 8), two + 8);
            }
        });
    }

    private static void setrlimit(CaseTable t) {
        t.add("setrlimit01", "a limit of 10 bytes cuts a child's write short", s -> {
            int fd = s.openNewFile(0, O_RDWR);
            Subject child = s.fork();
            child.gives(0, "setrlimit", RLIMIT_FSIZE, child.words(10, 10));
            child.gives(10, "write", fd, child.space(32), 26);
            child.exit();
        });
        t.add("setrlimit02", "no resource gives EINVAL, and a user who is not root may not raise a hard limit", s -> {
            becomeNobodyForGood(s);
            long limits = s.space(16);
            s.gives(0, "getrlimit", RLIMIT_NOFILE, limits);
            s.store(limits + 8, s.load(limits + 8) + 1);
            s.fails(EINVAL, "setrlimit", -1, limits);
            s.fails(EPERM, "setrlimit", RLIMIT_NOFILE, limits);
        });
        t.add("setrlimit03", "a soft limit above the hard one is refused", s -> {
            s.fails(EINVAL, "setrlimit", RLIMIT_NOFILE, s.words(101, 100));
            s.fails(EINVAL, "setrlimit", RLIMIT_AS, s.words(2 * MIB, MIB));
        });
        t.add("setrlimit03", "more descriptors than the kernel allows at all are refused", s -> {
            s.fails(EPERM, "setrlimit", RLIMIT_NOFILE, s.words(100, Integer.MAX_VALUE));
        });
        t.add("setrlimit05", "a bad pointer gives EFAULT", s -> {
            Subject child = s.fork();
            child.fails(EFAULT, "setrlimit", RLIMIT_NOFILE, child.hole(PAGE));
            child.exit();
        });
    }

    private static void getrusage(CaseTable t) {
        t.add("getrusage01", "what the process and its children used can be asked", s -> {
            s.gives(0, "getrusage", RUSAGE_SELF, s.space(RUSAGE_BYTES));
            s.gives(0, "getrusage", RUSAGE_CHILDREN, s.space(RUSAGE_BYTES));
        });
        t.add("getrusage02", "nobody of that number gives EINVAL, a bad pointer EFAULT", s -> {
            s.fails(EINVAL, "getrusage", -2, s.space(RUSAGE_BYTES));
            s.fails(EFAULT, "getrusage", RUSAGE_SELF, -1);
        });
    }

    private static long largest(Subject s, int who) {
        long usage = s.space(RUSAGE_BYTES);
        s.gives(0, "getrusage", who, usage);
        return s.load(usage + MAXRSS);
    }

    private static long used(Subject s, long bytes) {
        long addr = s.map(bytes, RW);
        s.storeInPages(addr, bytes, 1);
        return addr;
    }

    private static void largest(CaseTable t) {
        t.add("getrusage03", "a child begins with what its parent has resident, and without children", s -> {
            used(s, 16 * MIB);
            long most = largest(s, RUSAGE_SELF);
            s.isTrue(most >= 16 * MIB / KIB, "the largest resident set is " + most + " KiB");
            Subject child = s.fork();
            long ofChild = largest(child, RUSAGE_SELF);
            s.isTrue(ofChild >= 16 * MIB / KIB && ofChild <= most + MIB / KIB, "the child's is " + ofChild + " KiB");
            s.equal(0, largest(child, RUSAGE_CHILDREN), "the largest of the child's children");
            child.exit();
        });
        t.add("getrusage03", "the largest resident set of a child counts once it was waited for", s -> {
            s.equal(0, largest(s, RUSAGE_CHILDREN), "the largest of no children");
            Subject child = s.fork();
            child.unmap(used(child, 32 * MIB), 32 * MIB);
            long most = largest(child, RUSAGE_SELF);
            s.isTrue(most >= 32 * MIB / KIB, "the largest resident set is " + most + " KiB");
            child.exit();
            s.equal(most, largest(s, RUSAGE_CHILDREN), "the largest of the children");
        });
    }
}
