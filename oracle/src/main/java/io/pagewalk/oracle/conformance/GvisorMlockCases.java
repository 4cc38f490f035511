package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mlock.cc} asserts; like it, these ask msync with MS_INVALIDATE whether a page is locked. */
final class GvisorMlockCases {
    private GvisorMlockCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor mlock.cc");
        locking(t);
        limits(t);
        unlocking(t);
        mlock2(t);
        mapLocked(t);
        mremap(t);
        return t.cases();
    }

    private static void isLocked(Subject s, long addr) {
        s.fails(EBUSY, "msync", addr, PAGE, MS_ASYNC | MS_INVALIDATE);
    }

    private static void isNotLocked(Subject s, long addr) {
        s.gives(0, "msync", addr, PAGE, MS_ASYNC | MS_INVALIDATE);
    }

    private static long mapLocked(Subject s) {
        long addr = s.ok("mmap", 0, PAGE, RW, PRIVATE_ANON | MAP_LOCKED, -1, 0);
        isLocked(s, addr);
        return addr;
    }

    private static void locking(CaseTable t) {
        t.add("MlockTest.Basic", "mlock locks a page", s -> {
            long addr = s.map(PAGE, RW);
            isNotLocked(s, addr);
            s.gives(0, "mlock", addr, PAGE);
            isLocked(s, addr);
        });
        t.add("MlockTest.ProtNone", "mlock of memory without access gives ENOMEM and locks it", s -> {
            long addr = s.map(PAGE, PROT_NONE);
            isNotLocked(s, addr);
            s.fails(ENOMEM, "mlock", addr, PAGE);
            isLocked(s, addr);
        });
        t.add("MlockTest.MadviseDontneed", "a locked page cannot be given back", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "mlock", addr, PAGE);
            s.fails(EINVAL, "madvise", addr, PAGE, MADV_DONTNEED);
        });
        t.add("MlockTest.MsyncInvalidate", "a locked page cannot be invalidated", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "mlock", addr, PAGE);
            s.fails(EBUSY, "msync", addr, PAGE, MS_ASYNC | MS_INVALIDATE);
            s.fails(EBUSY, "msync", addr, PAGE, MS_SYNC | MS_INVALIDATE);
        });
        t.add("MlockTest.Fork", "a child inherits no lock", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "mlock", addr, PAGE);
            isLocked(s, addr);
            isNotLocked(s.fork(), addr);
        });
        t.add("MlockallTest.Future", "MCL_FUTURE locks new mappings until munlockall", s -> {
            isNotLocked(s, s.map(PAGE, RW));
            s.gives(0, "mlockall", MCL_FUTURE);
            long later = s.map(PAGE, RW);
            isLocked(s, later);
            s.gives(0, "munlockall");
            isNotLocked(s, s.map(PAGE, RW));
            isNotLocked(s, later);
        });
    }

    private static void limits(CaseTable t) {
        t.add("MlockTest.RlimitMemlockZero", "without capability and with limit 0 mlock gives EPERM", s -> {
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, 0, 0);
            long addr = s.map(PAGE, RW);
            isNotLocked(s, addr);
            s.fails(EPERM, "mlock", addr, PAGE);
        });
        t.add("MlockTest.RlimitMemlockInsufficient", "mlock past the limit gives ENOMEM", s -> {
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, PAGE, PAGE);
            long addr = s.map(2 * PAGE, RW);
            isNotLocked(s, addr);
            s.fails(ENOMEM, "mlock", addr, 2 * PAGE);
        });
    }

    private static void unlocking(CaseTable t) {
        t.add("MunlockTest.Basic", "munlock unlocks a page", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "mlock", addr, PAGE);
            isLocked(s, addr);
            s.gives(0, "munlock", addr, PAGE);
            isNotLocked(s, addr);
        });
        t.add("MunlockTest.NotLocked", "munlock of a page that is not locked succeeds", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "munlock", addr, PAGE);
            isNotLocked(s, addr);
        });
        t.add("MunlockallTest.Basic", "munlockall unlocks what MAP_LOCKED locked", s -> {
            long addr = mapLocked(s);
            s.gives(0, "munlockall");
            isNotLocked(s, addr);
        });
    }

    private static void mlock2(CaseTable t) {
        t.add("Mlock2Test.NoFlags", "mlock2 without flags locks", s -> {
            long addr = s.map(PAGE, RW);
            isNotLocked(s, addr);
            s.gives(0, "mlock2", addr, PAGE, 0);
            isLocked(s, addr);
        });
        t.add("Mlock2Test.MlockOnfault", "MLOCK_ONFAULT locks", s -> {
            long addr = s.map(PAGE, RW);
            isNotLocked(s, addr);
            s.gives(0, "mlock2", addr, PAGE, MLOCK_ONFAULT);
            isLocked(s, addr);
        });
        t.add("Mlock2Test.UnknownFlags", "unknown flags are refused", s -> {
            s.fails(EINVAL, "mlock2", s.map(PAGE, RW), PAGE, -1);
        });
    }

    private static void mapLocked(CaseTable t) {
        t.add("MapLockedTest.Basic", "MAP_LOCKED locks, and munlock ends it", s -> {
            long addr = mapLocked(s);
            s.gives(0, "munlock", addr, PAGE);
            isNotLocked(s, addr);
        });
        t.add("MapLockedTest.RlimitMemlockZero", "MAP_LOCKED with limit 0 gives EPERM", s -> {
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, 0, 0);
            s.fails(EPERM, "mmap", 0, PAGE, RW, PRIVATE_ANON | MAP_LOCKED, -1, 0);
        });
        t.add("MapLockedTest.RlimitMemlockInsufficient", "MAP_LOCKED past the limit gives EAGAIN", s -> {
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, PAGE, PAGE);
            s.fails(EAGAIN, "mmap", 0, 2 * PAGE, RW, PRIVATE_ANON | MAP_LOCKED, -1, 0);
        });
    }

    private static void mremap(CaseTable t) {
        t.add("MremapLockedTest.Basic", "a locked mapping that grows stays locked", s -> {
            isLocked(s, s.ok("mremap", mapLocked(s), PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
        });
        t.add("MremapLockedTest.RlimitMemlockZero", "it does not grow with limit 0: EAGAIN", s -> {
            long addr = mapLocked(s);
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, 0, 0);
            s.fails(EAGAIN, "mremap", addr, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
        });
        t.add("MremapLockedTest.RlimitMemlockInsufficient", "it does not grow past the limit: EAGAIN", s -> {
            long addr = mapLocked(s);
            s.dropCapabilities();
            s.setLimit(RLIMIT_MEMLOCK, PAGE, PAGE);
            s.fails(EAGAIN, "mremap", addr, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
        });
    }
}
