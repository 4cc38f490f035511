package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.*;
import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What the kernel's selftests of huge pages assert: {@code hugetlb-madvise.c}, {@code hugepage-mmap.c}, {@code hugepage-mremap.c}, {@code hugepage-shm.c}, {@code hugetlb_dio.c}, {@code map_hugetlb.c}. */
final class SelftestHugetlbCases {
    private static final int PAGES = 4;
    private static final long BYTES = PAGES * HUGE;
    private static final int PUNCH_HOLE = 3;

    private SelftestHugetlbCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable madvise = new CaseTable("selftest hugetlb-madvise.c");
        ranges(madvise);
        discards(madvise);
        holes(madvise);
        cases.addAll(madvise.cases());
        for (String source : new String[] {"hugepage-mmap.c", "hugepage-shm.c", "map_hugetlb.c"}) {
            CaseTable t = new CaseTable("selftest " + source);
            add(t, "main", "what is stored in every page is there afterwards", PAGES, s -> {
                long addr = memoryOf(s, source);
                fill(s, addr, PAGES, 1);
                has(s, PAGES, 0, 0, 0);
            });
            cases.addAll(t.cases());
        }
        CaseTable t = new CaseTable("selftest hugepage-mremap.c");
        add(t, "main", "a mapping that moves keeps its pages, onto nothing and onto other huge pages", 2 * PAGES, s -> {
            long addr = map(s, PAGES, PRIVATE_HUGE, -1);
            fill(s, addr, PAGES, 1);
            long other = map(s, PAGES, PRIVATE_HUGE, -1);
            long free = ((s.hole(2 * BYTES) + HUGE - 1) & -HUGE);
            s.gives(free, "mremap", addr, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, free);
            isFilled(s, free, PAGES, 1);
            s.gives(other, "mremap", free, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, other);
            isFilled(s, other, PAGES, 1);
            s.loadRaises(SEGV_MAPERR, free);
            s.unmap(other, BYTES);
            has(s, 2 * PAGES, 2 * PAGES, 0, 0);
        });
        cases.addAll(t.cases());
        t = new CaseTable("selftest hugetlb_dio.c");
        add(t, "main", "after writing a file out of huge pages no page is missing", PAGES, s -> {
            long addr = map(s, 1, PRIVATE_HUGE, -1);
            s.fill(addr, PAGE, 'A');
            int fd = s.openNewFile(4 * PAGE, O_RDWR);
            for (long start : new long[] {0, PAGE / 2}) {
                s.gives(PAGE, "pwrite64", fd, addr + start, PAGE, 0);
            }
            s.unmap(addr, HUGE);
            has(s, PAGES, PAGES, 0, 0);
        });
        cases.addAll(t.cases());
        return cases;
    }

    private static long memoryOf(Subject s, String source) {
        return switch (source) {
            case "hugepage-mmap.c" -> map(s, PAGES, MAP_SHARED, file(s));
            case "map_hugetlb.c" -> map(s, PAGES, PRIVATE_HUGE, -1);
            default -> {
                s.ownIpc();
                yield s.ok("shmat", s.ok("shmget", IPC_PRIVATE, BYTES, IPC_CREAT | SHM_HUGETLB | 0600), 0, 0);
            }
        };
    }

    private static void add(CaseTable t, String origin, String says, int pages, Consumer<Subject> body) {
        t.add(origin, says, s -> HugePages.with(s, pages, body));
    }

    private static void advise(Subject s, long addr, long bytes, int advice) {
        s.gives(0, "madvise", addr, bytes, advice);
    }

    private static void ranges(CaseTable t) {
        add(t, "range", "a range that begins or ends in a hole gives ENOMEM", PAGES + 2, s -> {
            long addr = map(s, PAGES + 2, PRIVATE_HUGE, -1);
            s.unmap(addr, HUGE);
            s.unmap(addr + (PAGES + 1) * HUGE, HUGE);
            long middle = addr + HUGE;
            s.fails(ENOMEM, "madvise", middle - PAGE, BYTES, MADV_DONTNEED);
            s.fails(ENOMEM, "madvise", middle, BYTES + PAGE, MADV_DONTNEED);
        });
        add(t, "alignment", "a start that is no border is refused, a length is rounded down", PAGES, s -> {
            long addr = map(s, PAGES, PRIVATE_HUGE, -1);
            fill(s, addr, PAGES, 1);
            s.fails(EINVAL, "madvise", addr + PAGE, BYTES - PAGE, MADV_DONTNEED);
            has(s, PAGES, 0, 0, 0);
            advise(s, addr, BYTES - PAGE, MADV_DONTNEED);
            has(s, PAGES, PAGES - 1, PAGES - 1, 0);
            advise(s, addr, BYTES, MADV_DONTNEED);
            has(s, PAGES, PAGES, PAGES, 0);
        });
    }

    private static void discards(CaseTable t) {
        add(t, "private", "MADV_DONTNEED drops pages without a file", PAGES, s -> {
            long addr = map(s, PAGES, PRIVATE_HUGE, -1);
            fill(s, addr, PAGES, 1);
            advise(s, addr, BYTES, MADV_DONTNEED);
            has(s, PAGES, PAGES, PAGES, 0);
            s.holds(0, addr);
        });
        add(t, "private file", "MADV_DONTNEED drops private copies and leaves the file", 3 * PAGES, s -> {
            int fd = file(s);
            s.gives(0, "fallocate", fd, 0, 0, BYTES);
            has(s, 3 * PAGES, 2 * PAGES, 0, 0);
            long addr = map(s, PAGES, MAP_PRIVATE, fd);
            s.holds(0, addr);
            has(s, 3 * PAGES, 2 * PAGES, PAGES, 0);
            fill(s, addr, PAGES, 1);
            has(s, 3 * PAGES, PAGES, 0, 0);
            advise(s, addr, BYTES, MADV_DONTNEED);
            has(s, 3 * PAGES, 2 * PAGES, PAGES, 0);
            s.holds(0, addr);
            s.gives(0, "fallocate", fd, PUNCH_HOLE, 0, BYTES);
            has(s, 3 * PAGES, 3 * PAGES, PAGES, 0);
        });
        add(t, "shared file", "MADV_DONTNEED leaves the pages of the file", PAGES, s -> {
            int fd = file(s);
            s.gives(0, "fallocate", fd, 0, 0, BYTES);
            long addr = map(s, PAGES, MAP_SHARED, fd);
            fill(s, addr, PAGES, 1);
            advise(s, addr, BYTES, MADV_DONTNEED);
            has(s, PAGES, 0, 0, 0);
            isFilled(s, addr, PAGES, 1);
        });
        add(t, "both", "with both kinds of mappings each sees what is its own", 3 * PAGES, s -> {
            int fd = file(s);
            s.gives(0, "fallocate", fd, 0, 0, BYTES);
            long shared = map(s, PAGES, MAP_SHARED, fd);
            fill(s, shared, PAGES, 1);
            long own = map(s, PAGES, MAP_PRIVATE, fd);
            isFilled(s, own, PAGES, 1);
            fill(s, own, PAGES, 10);
            has(s, 3 * PAGES, PAGES, 0, 0);
            advise(s, shared, BYTES, MADV_DONTNEED);
            isFilled(s, own, PAGES, 10);
            has(s, 3 * PAGES, PAGES, 0, 0);
            advise(s, own, BYTES, MADV_DONTNEED);
            isFilled(s, own, PAGES, 1);
            has(s, 3 * PAGES, 2 * PAGES, PAGES, 0);
            fill(s, own, PAGES, 10);
            advise(s, shared, BYTES, MADV_REMOVE);
            s.holds(0, shared);
            has(s, 3 * PAGES, 3 * PAGES - 1, PAGES, 0);
        });
    }

    private static void holes(CaseTable t) {
        add(t, "shared file", "MADV_REMOVE frees the pages of the file", PAGES, s -> {
            int fd = file(s);
            s.gives(0, "fallocate", fd, 0, 0, BYTES);
            long addr = map(s, PAGES, MAP_SHARED, fd);
            fill(s, addr, PAGES, 1);
            advise(s, addr, BYTES, MADV_REMOVE);
            has(s, PAGES, PAGES, 0, 0);
            s.holds(0, addr);
        });
        add(t, "private", "MADV_REMOVE needs a mapping that shares", PAGES, s -> {
            s.fails(EACCES, "madvise", map(s, 1, PRIVATE_HUGE, -1), HUGE, MADV_REMOVE);
        });
        add(t, "smaps", "the figures of smaps tell who has a huge page", PAGES, s -> {
            long addr = map(s, 2, PRIVATE_HUGE, -1);
            s.store(addr, 1);
            s.isTrue(s.smaps(addr, "KernelPageSize") == HUGE / KIB, "another page size");
            s.isTrue(s.smaps(addr, "Private_Hugetlb") == HUGE / KIB, "not private");
            s.isTrue(s.smaps(addr, "Rss") == 0, "resident");
            s.isTrue(s.hasVmFlag(addr, "ht"), "no ht");
            Subject child = s.fork();
            s.isTrue(s.smaps(addr, "Shared_Hugetlb") == HUGE / KIB, "not shared");
            s.isTrue(s.proc("status").contains("HugetlbPages:\t    2048 kB"), "other HugetlbPages");
            child.exit();
        });
    }
}
