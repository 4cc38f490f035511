package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.ArrayList;
import java.util.List;

/** What the kernel's selftests {@code mlock2-tests.c} and {@code madv_populate.c} check. */
final class SelftestLockCases {
    private static final long BYTES = 2 * MIB;

    private SelftestLockCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable locks = new CaseTable("selftest mlock2-tests.c");
        mlock2(locks);
        areas(locks);
        cases.addAll(locks.cases());
        CaseTable t = new CaseTable("selftest madv_populate.c");
        refusals(t);
        populating(t);
        softDirty(t);
        cases.addAll(t.cases());
        return cases;
    }

    private static boolean isLockedAndPresent(Subject s, long addr) {
        return s.hasVmFlag(addr, "lo") && s.smaps(addr, "Rss") == s.smaps(addr, "Size");
    }

    private static boolean isLockedOnFault(Subject s, long addr) {
        return s.hasVmFlag(addr, "lo") && s.smaps(addr, "Rss") < s.smaps(addr, "Size");
    }

    private static void mlock2(CaseTable t) {
        t.add("test_mlock_lock", "mlock2 without flags locks and makes present", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlock2", addr, 2 * PAGE, 0);
            s.isTrue(isLockedAndPresent(s, addr), "not locked, or not present");
        });
        t.add("test_mlock_lock", "munlock ends it", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlock2", addr, 2 * PAGE, 0);
            s.gives(0, "munlock", addr, 2 * PAGE);
            s.isTrue(!s.hasVmFlag(addr, "lo"), "still locked");
        });
        t.add("test_mlock_onfault", "MLOCK_ONFAULT makes present only what is touched", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlock2", addr, 2 * PAGE, MLOCK_ONFAULT);
            s.store(addr, 'a');
            s.isTrue(isLockedOnFault(s, addr), "not locked, or all present");
        });
        t.add("test_mlock_onfault", "munlock ends locking on fault", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlock2", addr, 2 * PAGE, MLOCK_ONFAULT);
            s.store(addr, 'a');
            s.gives(0, "munlock", addr, 2 * PAGE);
            s.isTrue(!isLockedOnFault(s, addr), "still locked");
        });
        t.add("test_lock_onfault_of_present", "MLOCK_ONFAULT of a mapping with present pages", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.store(addr, 'a');
            s.gives(0, "mlock2", addr, 2 * PAGE, MLOCK_ONFAULT);
            s.isTrue(isLockedOnFault(s, addr), "not locked, or all present");
        });
        t.add("test_munlockall0", "mlockall of what is there locks and makes present", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT);
            s.isTrue(isLockedAndPresent(s, addr), "not locked, or not present");
        });
        t.add("test_munlockall0", "munlockall ends it", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT);
            s.gives(0, "munlockall");
            s.isTrue(!s.hasVmFlag(addr, "lo"), "still locked");
        });
        t.add("test_munlockall1", "mlockall on fault makes nothing present", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT | MCL_ONFAULT);
            s.store(addr, 'a');
            s.isTrue(isLockedOnFault(s, addr), "not locked, or all present");
        });
        t.add("test_munlockall1", "munlockall ends mlockall on fault", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT | MCL_ONFAULT);
            s.gives(0, "munlockall");
            s.isTrue(!s.hasVmFlag(addr, "lo"), "still locked");
        });
        t.add("test_munlockall1", "mlockall of present and future makes present", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT | MCL_FUTURE);
            s.isTrue(isLockedAndPresent(s, addr), "not locked, or not present");
        });
        t.add("test_munlockall1", "munlockall ends mlockall of present and future", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.gives(0, "mlockall", MCL_CURRENT | MCL_FUTURE);
            s.gives(0, "munlockall");
            s.isTrue(!s.hasVmFlag(addr, "lo"), "still locked");
        });
    }

    private static void splitAndMerge(Subject s, long addr) {
        s.isOneMapping(addr, 3 * PAGE);
        s.gives(0, "munlock", addr + PAGE, PAGE);
        for (int i = 0; i < 3; i++) {
            s.isOneMapping(addr + i * PAGE, PAGE);
        }
        s.gives(0, "munlock", addr, 3 * PAGE);
        s.isOneMapping(addr, 3 * PAGE);
    }

    private static void areas(CaseTable t) {
        // A guard on each side, so that nothing else merges with the three pages.
        t.add("test_vma_management", "unlocking the middle page splits, unlocking all merges", s -> {
            long addr = s.map(5 * PAGE, PROT_NONE) + PAGE;
            s.gives(0, "mprotect", addr, 3 * PAGE, RW);
            s.gives(0, "mlock2", addr, 3 * PAGE, MLOCK_ONFAULT);
            splitAndMerge(s, addr);
        });
        t.add("test_mlockall", "so it is with what mlockall locked", s -> {
            s.gives(0, "mlockall", MCL_CURRENT | MCL_ONFAULT | MCL_FUTURE);
            long addr = s.map(5 * PAGE, PROT_NONE) + PAGE;
            s.gives(0, "mprotect", addr, 3 * PAGE, RW);
            splitAndMerge(s, addr);
        });
    }

    private static void refusals(CaseTable t) {
        populates(t, "test_prot_read", "reading populates read-only memory", PROT_READ, MADV_POPULATE_READ, 0);
        populates(t, "test_prot_read", "writing does not populate it", PROT_READ, MADV_POPULATE_WRITE, -EINVAL);
        populates(
                t,
                "test_prot_write",
                "reading does not populate write-only memory",
                PROT_WRITE,
                MADV_POPULATE_READ,
                -EINVAL);
        populates(t, "test_prot_write", "writing populates it", PROT_WRITE, MADV_POPULATE_WRITE, 0);
        for (int advice : new int[] {MADV_POPULATE_READ, MADV_POPULATE_WRITE}) {
            String how = advice == MADV_POPULATE_READ ? ": reading" : ": writing";
            hole(t, "a hole in the middle gives ENOMEM" + how, 0, BYTES / PAGE, advice);
            hole(t, "a hole at the end gives ENOMEM" + how, 0, 2, advice);
            hole(t, "a hole at the start gives ENOMEM" + how, 1, 1, advice);
        }
    }

    private static void populates(CaseTable t, String origin, String says, int prot, int advice, long expected) {
        t.add(origin, says, s -> s.gives(expected, "madvise", s.map(BYTES, prot), BYTES, advice));
    }

    private static void hole(CaseTable t, String says, long firstPage, long pages, int advice) {
        t.add("test_holes", says, s -> {
            long addr = s.map(BYTES, RW);
            s.unmap(addr + PAGE, PAGE);
            s.fails(ENOMEM, "madvise", addr + firstPage * PAGE, pages * PAGE, advice);
        });
    }

    private static void populating(CaseTable t) {
        for (int advice : new int[] {MADV_POPULATE_READ, MADV_POPULATE_WRITE}) {
            boolean isRead = advice == MADV_POPULATE_READ;
            String origin = isRead ? "test_populate_read" : "test_populate_write";
            String how = isRead ? ": reading" : ": writing";
            t.add(origin, "nothing is present at first" + how, s -> {
                s.equal(0, present(s, s.map(BYTES, RW)), "present pages");
            });
            t.add(origin, "populating succeeds" + how, s -> s.gives(0, "madvise", s.map(BYTES, RW), BYTES, advice));
            t.add(origin, "all is present afterwards" + how, s -> {
                long addr = s.map(BYTES, RW);
                s.gives(0, "madvise", addr, BYTES, advice);
                s.equal(BYTES / PAGE, present(s, addr), "present pages");
            });
        }
    }

    private static long present(Subject s, long addr) {
        long count = 0;
        for (long entry : s.pagemap(addr, (int) (BYTES / PAGE))) {
            count += entry >>> 63;
        }
        return count;
    }

    private static void isSoftDirty(Subject s, long addr, boolean isExpected) {
        long probe = s.mapWritten(PAGE);
        s.needs((s.pagemap(probe, 1)[0] >>> 55 & 1) == 1, "needs CONFIG_MEM_SOFT_DIRTY");
        for (long entry : s.pagemap(addr, (int) (BYTES / PAGE))) {
            s.isTrue((entry >>> 55 & 1) == 1 == isExpected, isExpected ? "not soft-dirty" : "soft-dirty");
        }
    }

    private static void softDirty(CaseTable t) {
        t.add("test_softdirty", "clear_refs makes a range clean", s -> {
            long addr = s.map(BYTES, RW);
            s.equal(1, s.writeProc("clear_refs", "4"), "writing to clear_refs");
            isSoftDirty(s, addr, false);
        });
        t.add("test_softdirty", "populating by reading leaves it clean", s -> {
            long addr = s.map(BYTES, RW);
            s.equal(1, s.writeProc("clear_refs", "4"), "writing to clear_refs");
            s.gives(0, "madvise", addr, BYTES, MADV_POPULATE_READ);
            isSoftDirty(s, addr, false);
        });
        t.add("test_softdirty", "populating by writing makes it dirty", s -> {
            long addr = s.map(BYTES, RW);
            s.equal(1, s.writeProc("clear_refs", "4"), "writing to clear_refs");
            s.gives(0, "madvise", addr, BYTES, MADV_POPULATE_WRITE);
            isSoftDirty(s, addr, true);
        });
    }
}
