package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import io.pagewalk.oracle.machine.ProcText;
import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{mlock,mlock2,mlockall,munlock,munlockall}} of the Linux Test Project assert. */
final class LtpLockCases {
    private static final long[] SIZES = {1, KIB, MIB, 10 * MIB};

    private LtpLockCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable lock = new CaseTable("LTP mlock");
        mlock(lock);
        cases.addAll(lock.cases());
        CaseTable two = new CaseTable("LTP mlock2");
        mlock2(two);
        cases.addAll(two.cases());
        CaseTable all = new CaseTable("LTP mlockall");
        mlockall(all);
        cases.addAll(all.cases());
        CaseTable unlock = new CaseTable("LTP munlock");
        munlock(unlock);
        cases.addAll(unlock.cases());
        CaseTable unlockAll = new CaseTable("LTP munlockall");
        unlockAll.add("munlockall01", "VmLck is 0, then more after mlockall, and 0 again after munlockall", s -> {
            s.equal(0, s.status("VmLck"), "VmLck");
            s.gives(0, "mlockall", MCL_CURRENT | MCL_FUTURE);
            s.isTrue(s.status("VmLck") > 0, "VmLck is still 0");
            s.gives(0, "munlockall");
            s.equal(0, s.status("VmLck"), "VmLck");
        });
        cases.addAll(unlockAll.cases());
        return cases;
    }

    /** Some bytes that do not begin with a page, as an allocator gives them. */
    private static long allocated(Subject s, long bytes) {
        return s.map(bytes + PAGE, RW) + 16;
    }

    private static void mlock(CaseTable t) {
        for (long bytes : SIZES) {
            t.add("mlock01", bytes + " bytes can be locked", s -> s.gives(0, "mlock", allocated(s, bytes), bytes));
        }
        t.add("mlock02", "addresses at which nothing is mapped give ENOMEM", s -> {
            s.fails(ENOMEM, "mlock", s.hole(PAGE), PAGE);
        });
        t.add("mlock02", "a user who is not root gets ENOMEM past the limit", s -> {
            s.setLimit(RLIMIT_MEMLOCK, PAGE - 1, PAGE - 1);
            long addr = s.map(PAGE, PROT_READ);
            becomeNobody(s);
            s.fails(ENOMEM, "mlock", addr, PAGE);
            becomeRoot(s);
        });
        t.add("mlock02", "a user who is not root gets EPERM with limit 0", s -> {
            s.setLimit(RLIMIT_MEMLOCK, 0, 0);
            long addr = s.map(PAGE, PROT_READ);
            becomeNobody(s);
            s.fails(EPERM, "mlock", addr, PAGE);
            becomeRoot(s);
        });
        t.add("mlock03", "locking and unlocking each mapping in turn does not make the stack smaller", s -> {
            long before = stack(s);
            for (ProcText.MapsLine line : ProcText.parseMaps(s.proc("maps"))) {
                s.call("mlock", line.start(), line.end() - line.start());
                s.call("munlock", line.start(), line.end() - line.start());
            }
            s.isTrue(stack(s) >= before, "the stack is smaller");
        });
        t.add("mlock04", "a shared writable mapping of a file without contents can be locked", s -> {
            long addr = map(s, 40960, PROT_WRITE, MAP_SHARED, sparseFile(s, 40960));
            s.gives(0, "mlock", addr, 40960);
            s.gives(0, "munlock", addr, 40960);
            s.unmap(addr, 40960);
        });
        t.add("mlock05", "smaps counts all of a locked mapping as Rss and Locked", s -> {
            long addr = s.map(MIB, PROT_WRITE);
            s.gives(0, "mlock", addr, MIB);
            s.equal(MIB / KIB, s.smaps(addr, "Rss"), "Rss");
            s.equal(MIB / KIB, s.smaps(addr, "Locked"), "Locked");
            s.gives(0, "munlock", addr, MIB);
            s.unmap(addr, MIB);
        });
    }

    private static long stack(Subject s) {
        for (ProcText.MapsLine line : ProcText.parseMaps(s.proc("maps"))) {
            if (line.name().equals("[stack]")) {
                return line.end() - line.start();
            }
        }
        throw new CaseFailure("maps shows no stack");
    }

    private static void mlock2(CaseTable t) {
        locks(t, 0, PAGE, 1, 1, 0);
        locks(t, 0, 8 * PAGE, 8, 8, 0);
        locks(t, 0, 2 * PAGE + 1, 3, 3, 0);
        locks(t, 0, 2 * PAGE - 1, 2, 2, 0);
        locks(t, 0, PAGE, 1, 0, MLOCK_ONFAULT);
        locks(t, 4, 8 * PAGE, 8, 4, MLOCK_ONFAULT);
        locks(t, 1, 4 * PAGE + 1, 5, 1, MLOCK_ONFAULT);
        locks(t, 4, 4 * PAGE - 1, 4, 4, MLOCK_ONFAULT);
        t.add("mlock202", "unknown flags are refused", s -> {
            s.fails(EINVAL, "mlock2", s.map(PAGE, PROT_WRITE), PAGE, -1);
        });
        t.add("mlock202", "a user who is not root gets ENOMEM past the limit", s -> {
            s.setLimit(RLIMIT_MEMLOCK, PAGE - 1, PAGE - 1);
            long addr = s.map(PAGE, PROT_WRITE);
            becomeNobody(s);
            s.fails(ENOMEM, "mlock2", addr, PAGE, 0);
        });
        t.add("mlock202", "a user who is not root gets EPERM with limit 0", s -> {
            s.setLimit(RLIMIT_MEMLOCK, 0, 0);
            long addr = s.map(PAGE, PROT_WRITE);
            becomeNobody(s);
            s.fails(EPERM, "mlock2", addr, PAGE, 0);
        });
        t.add("mlock202", "addresses at which nothing is mapped give ENOMEM", s -> {
            s.fails(ENOMEM, "mlock2", s.hole(8 * PAGE) + 4 * PAGE, PAGE, 0);
        });
        t.add("mlock203", "a page locked twice counts once in VmLck", s -> {
            long addr = s.map(PAGE, PROT_WRITE);
            long before = s.status("VmLck");
            s.gives(0, "mlock2", addr, PAGE, MLOCK_ONFAULT);
            s.equal(before + PAGE / KIB, s.status("VmLck"), "VmLck");
            s.gives(0, "mlock2", addr, PAGE, 0);
            s.equal(before + PAGE / KIB, s.status("VmLck"), "VmLck");
            s.gives(0, "munlock", addr, PAGE);
        });
    }

    private static void locks(CaseTable t, int populated, long bytes, int locked, int present, int flags) {
        String says = "of eight shared pages, " + populated + " written, " + bytes + " bytes locked"
                + (flags == 0 ? "" : " on fault") + ": " + locked + " count as locked, " + present + " are resident";
        t.add("mlock201", says, s -> {
            long addr = mapShared(s, 8 * PAGE, PROT_WRITE);
            s.storeInPages(addr, populated * PAGE, 0);
            long before = s.status("VmLck");
            s.gives(0, "mlock2", addr, bytes, flags);
            s.equal(locked * PAGE / KIB, s.status("VmLck") - before, "the growth of VmLck");
            s.equal(present, s.resident(addr, 8 * PAGE), "the resident pages");
            s.gives(0, "munlock", addr, bytes);
            s.unmap(addr, 8 * PAGE);
        });
    }

    private static void mlockall(CaseTable t) {
        for (int flags : new int[] {MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE}) {
            String what = flags == MCL_CURRENT ? "what is" : flags == MCL_FUTURE ? "what comes" : "both";
            t.add("mlockall01", "root can lock " + what, s -> s.gives(0, "mlockall", flags));
        }
        for (String origin : new String[] {"mlockall02", "mlockall03"}) {
            t.add(origin, "a user who is not root gets ENOMEM past the limit", s -> {
                s.setLimit(RLIMIT_MEMLOCK, 7, 10);
                becomeNobody(s);
                s.fails(ENOMEM, "mlockall", MCL_CURRENT);
            });
            t.add(origin, "a user who is not root gets EPERM with limit 0", s -> {
                s.setLimit(RLIMIT_MEMLOCK, 0, 0);
                becomeNobody(s);
                s.fails(EPERM, "mlockall", MCL_CURRENT);
            });
        }
        t.add("mlockall02", "no flags are refused", s -> s.fails(EINVAL, "mlockall", 0));
        t.add("mlockall03", "unknown flags are refused", s -> {
            s.fails(EINVAL, "mlockall", ~(MCL_CURRENT | MCL_FUTURE));
        });
    }

    private static void munlock(CaseTable t) {
        for (long bytes : SIZES) {
            t.add("munlock01", bytes + " locked bytes can be unlocked", s -> {
                long addr = allocated(s, bytes);
                s.gives(0, "mlock", addr, bytes);
                s.gives(0, "munlock", addr, bytes);
            });
        }
        t.add("munlock02", "a range that begins with a hole gives ENOMEM", s -> {
            long addr = s.map(8 * PAGE, RW);
            s.storeInPages(addr, 8 * PAGE, 0x20);
            s.gives(0, "mlock", addr, 8 * PAGE);
            s.unmap(addr + 2 * PAGE, 4 * PAGE);
            s.fails(ENOMEM, "munlock", addr + 2 * PAGE, 8 * PAGE);
        });
    }
}
