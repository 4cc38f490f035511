package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.ArrayList;
import java.util.List;

/** What gVisor's {@code test/syscalls/linux/madvise.cc} and {@code brk.cc} assert. */
final class GvisorMadviseCases {
    private static final long HUGE = 2 * MIB;

    private GvisorMadviseCases() {}

    static List<ConformanceCase> cases() {
        CaseTable brk = new CaseTable("gVisor brk.cc");
        brk.add("BrkTest.BrkSyscallReturnsOldBrkOnFailure", "brk that cannot be done returns the old end", s -> {
            s.gives(s.ok("brk", 0), "brk", -1);
        });
        List<ConformanceCase> cases = new ArrayList<>(brk.cases());
        CaseTable t = new CaseTable("gVisor madvise.cc");
        dontneed(t);
        subranges(t);
        dontfork(t);
        cases.addAll(t.cases());
        return cases;
    }

    private static void dontneed(CaseTable t) {
        t.add("MadviseDontneedTest.ZerosPrivateAnonPage", "a private anonymous page reads zeros again", s -> {
            long addr = s.map(PAGE, RW);
            s.isFilled(addr, PAGE, 0);
            s.fill(addr, PAGE, 1);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            s.isFilled(addr, PAGE, 0);
        });
        t.add("MadviseDontneedTest.ZerosCOWAnonPageInCallerOnly", "after fork only the caller's page is gone", s -> {
            long addr = s.map(PAGE, RW);
            s.fill(addr, PAGE, 2);
            Subject child = s.fork();
            child.isFilled(addr, PAGE, 2);
            child.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            child.isFilled(addr, PAGE, 0);
            child.exit();
            s.isFilled(addr, PAGE, 2);
        });
        t.add("MadviseDontneedTest.DoesNotModifySharedAnonPage", "shared memory keeps its contents", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, SHARED_ANON, -1, 0);
            s.fill(addr, PAGE, 3);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            s.isFilled(addr, PAGE, 3);
        });
        t.add("MadviseDontneedTest.CleansPrivateFilePage", "a private page of a file shows the file again", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, s.openNewFile(PAGE, O_RDWR), 0);
            s.isFilled(addr, PAGE, 1);
            s.fill(addr, PAGE, 5);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            s.isFilled(addr, PAGE, 1);
        });
        t.add("MadviseDontneedTest.DoesNotModifySharedFilePage", "a shared page of a file keeps stores", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, s.openNewFile(PAGE, O_RDWR), 0);
            s.fill(addr, PAGE, 7);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            s.isFilled(addr, PAGE, 7);
        });
        t.add("MadviseDontneedTest.IgnoresPermissions", "memory without access can be given back", s -> {
            s.gives(0, "madvise", s.map(PAGE, PROT_NONE), PAGE, MADV_DONTNEED);
        });
    }

    /** Transparent huge pages are off on both sides, so that these hold for base pages. */
    private static void subranges(CaseTable t) {
        subrange(t, "OneHugePageWhole", 1, 0, HUGE);
        subrange(t, "OneHugePagePartial", 1, HUGE / 4, HUGE * 3 / 4);
        subrange(t, "TwoHugePagesPartialStart", 2, HUGE / 2, HUGE);
        subrange(t, "TwoHugePagesPartialEnd", 2, HUGE, HUGE * 3 / 2);
        subrange(t, "TwoHugePagesPartialStartAndEnd", 2, HUGE / 2, HUGE * 3 / 2);
        subrange(t, "ThreeHugePagesPartialStart", 3, HUGE / 2, HUGE * 2);
        subrange(t, "ThreeHugePagesPartialEnd", 3, HUGE, HUGE * 5 / 2);
        subrange(t, "ThreeHugePagesPartialStartAndEnd", 3, HUGE / 2, HUGE * 5 / 2);
    }

    private static void subrange(CaseTable t, String name, int hugePages, long from, long to) {
        String says = "of " + hugePages * 2 + " MiB only " + from / KIB + " to " + to / KIB + " KiB read zeros";
        t.add("MadviseDontneedHugePageSubrangeTest." + name, says, s -> {
            long bytes = hugePages * HUGE;
            long raw = s.map(bytes + HUGE, RW);
            long addr = (raw + HUGE - 1) & -HUGE;
            s.storeInPages(addr, bytes, 9);
            s.gives(0, "madvise", addr + from, to - from, MADV_DONTNEED);
            s.pagesHold(9, addr, from);
            s.pagesHold(0, addr + from, to - from);
            s.pagesHold(9, addr + to, bytes - to);
        });
    }

    private static void dontfork(CaseTable t) {
        t.add("MadviseDontforkTest.AddressLength", "which addresses and lengths madvise takes", s -> {
            long addr = s.map(PAGE, PROT_NONE);
            s.fails(EINVAL, "madvise", addr + 1, PAGE, MADV_DONTFORK);
            s.gives(0, "madvise", addr, 0, MADV_DONTFORK);
            s.fails(EINVAL, "madvise", 0, -1 - PAGE / 2, MADV_DONTFORK);
            s.gives(0, "madvise", addr, 1, MADV_DONTFORK);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTFORK);
        });
        t.add("MadviseDontforkTest.DontforkShared", "a child lacks the page and shares the others", s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, RW, MAP_SHARED, s.openNewFile(2 * PAGE, O_RDWR), 0);
            s.gives(0, "madvise", addr + PAGE, PAGE, MADV_DONTFORK);
            Subject child = s.fork();
            child.isFilled(addr, PAGE, 1);
            child.fill(addr, PAGE, 9);
            child.isUnmapped(addr + PAGE);
            child.exit();
            s.isFilled(addr, PAGE, 9);
            s.isFilled(addr + PAGE, PAGE, 2);
        });
        t.add("MadviseDontforkTest.DontforkAnonPrivate", "a child lacks the middle page and owns the others", s -> {
            long addr = s.map(3 * PAGE, RW);
            s.gives(0, "madvise", addr + PAGE, PAGE, MADV_DONTFORK);
            for (int i = 0; i < 3; i++) {
                s.isFilled(addr + i * PAGE, PAGE, 0);
                s.fill(addr + i * PAGE, PAGE, i + 1);
            }
            Subject child = s.fork();
            child.isFilled(addr, PAGE, 1);
            child.fill(addr, PAGE, 11);
            child.isUnmapped(addr + PAGE);
            child.isFilled(addr + 2 * PAGE, PAGE, 3);
            child.fill(addr + 2 * PAGE, PAGE, 13);
            child.isFilled(addr + 2 * PAGE, PAGE, 13);
            child.exit();
            for (int i = 0; i < 3; i++) {
                s.isFilled(addr + i * PAGE, PAGE, i + 1);
            }
        });
    }
}
