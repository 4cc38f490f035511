package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.PagemapScan.*;

import java.util.List;

/** What the kernel's selftest {@code pagemap_ioctl.c} checks in memory that userfaultfd write-protects without asking anybody: arguments, amounts, and where a walk ends. */
final class SelftestPagemapCases {
    private static final int ROOM = 500;

    private SelftestPagemapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest pagemap_ioctl.c");
        arguments(t);
        amounts(t);
        smallVectors(t);
        fullWalks(t);
        sparseWalks(t);
        SelftestPagemapKindCases.addTo(t);
        return t.cases();
    }

    /** A userfaultfd that writes resolve by themselves. */
    static UserfaultCalls async(Subject s) {
        return UserfaultCalls.open(
                s, UserfaultCalls.WP_UNPOPULATED | UserfaultCalls.WP_ASYNC | UserfaultCalls.WP_HUGETLBFS_SHMEM);
    }

    /** Registers a range for write protection and protects it. */
    static void track(UserfaultCalls uffd, Subject s, long addr, long bytes) {
        long ioctls = uffd.register(addr, bytes, UserfaultCalls.WP);
        s.isTrue((ioctls >>> 6 & 1) != 0, "UFFDIO_WRITEPROTECT is not offered");
        uffd.writeProtect(addr, bytes, true);
    }

    /** New private memory under write protection, all of it scanned once. */
    static final class Tracked {
        final Subject s;
        final long addr;
        final long bytes;
        final PagemapScan scan;

        Tracked(Subject s, int pages, int room) {
            this.s = s;
            this.bytes = pages * PAGE;
            UserfaultCalls uffd = async(s);
            this.addr = s.map(bytes, RW);
            track(uffd, s, addr, bytes);
            this.scan = new PagemapScan(s, room);
            scan.protect(addr, bytes);
        }

        long call() {
            return scan.call(addr, bytes);
        }

        void storeInEvery(int step) {
            for (long at = 0; at < bytes; at += step * PAGE) {
                s.store(addr + at, 1);
            }
        }
    }

    private interface Body {
        void make(Subject s, Tracked area, PagemapScan scan);
    }

    private static void add(CaseTable t, String origin, String says, int pages, int room, Body body) {
        t.add(origin, says, s -> {
            Tracked area = new Tracked(s, pages, room);
            body.make(s, area, area.scan);
        });
    }

    private static void arguments(CaseTable t) {
        argument(t, "no range is allowed", (s, area, scan) -> {
            scan.clear().required(ALL).returning(ALL).gives(0, area.addr, 0);
        });
        argument(t, "room without a vector is refused", (s, area, scan) -> {
            scan.clear().required(ALL).returning(ALL).withoutVector().gives(-EINVAL, area.addr, area.bytes);
        });
        argument(t, "a vector without room is allowed", (s, area, scan) -> {
            scan.clear().required(ALL).returning(ALL).room(0).gives(0, area.addr, area.bytes);
        });
        argument(t, "neither vector nor room is allowed", (s, area, scan) -> {
            scan.clear().required(ALL).returning(ALL).room(0).withoutVector().gives(0, area.addr, area.bytes);
        });
        argument(t, "all flags at once are refused", (s, area, scan) -> {
            scan.written().flags(-1).gives(-EINVAL, area.addr, area.bytes);
        });
        argument(t, "an unknown flag among known ones is refused", (s, area, scan) -> {
            scan.written().flags(WRITE_PROTECT | 0xff).gives(-EINVAL, area.addr, area.bytes);
        });
        argument(t, "no mask of what to find is allowed", (s, area, scan) -> {
            scan.clear().returning(WRITTEN).ok(area.addr, area.bytes);
        });
        argument(t, "no mask of what to report is allowed", (s, area, scan) -> {
            scan.clear().required(WRITTEN).anyOf(WRITTEN).gives(0, area.addr, area.bytes);
        });
        argument(t, "an unknown category to report is refused", (s, area, scan) -> {
            scan.clear().required(WRITTEN).returning(0x1000).gives(-EINVAL, area.addr, area.bytes);
        });
        argument(t, "an unknown category to find is refused", (s, area, scan) -> {
            long unknown = 0xfff;
            scan.writtenAndProtect().required(unknown).gives(-EINVAL, area.addr, area.bytes);
        });
        argument(t, "all categories can be inverted", (s, area, scan) -> {
            scan.clear().flags(WRITE_PROTECT).inverted(ALL).returning(WRITTEN).ok(area.addr, area.bytes);
        });
        argument(t, "more room than there are regions is allowed", (s, area, scan) -> {
            scan.writtenAndProtect().ok(area.addr, area.bytes);
        });
    }

    private static void argument(CaseTable t, String says, Body body) {
        add(t, "sanity_tests_sd.1", says, 1000, ROOM, body);
    }

    private static void amounts(CaseTable t) {
        add(t, "sanity_tests_sd.3", "every other page written: each is a region", 1000, ROOM, (s, area, scan) -> {
            area.storeInEvery(2);
            scan.written().gives(500, area.addr, area.bytes);
        });
        add(t, "sanity_tests_sd.4", "what one call left is found by the next", 1000, ROOM, (s, area, scan) -> {
            area.storeInEvery(2);
            scan.writtenAndProtect().atMost(498).gives(498, area.addr, area.bytes);
            scan.written().room(2).gives(2, area.addr, area.bytes);
            scan.writtenAndProtect().room(ROOM).gives(2, area.addr, area.bytes);
        });
        add(t, "sanity_tests_sd.5", "a limit of pages stops the walk", 1000, ROOM, (s, area, scan) -> {
            area.storeInEvery(2);
            s.store(area.addr + 999 * PAGE, 1);
            scan.writtenAndProtect().atMost(500).gives(500, area.addr, area.bytes);
            scan.writtenAndProtect().gives(1, area.addr, area.bytes);
        });
        add(t, "sanity_tests_sd.6", "two pages in the middle are found and protected", 1000, 1000, (s, area, scan) -> {
            s.storeInPages(area.addr, area.bytes, -1);
            scan.writtenAndProtect().room(1).atMost(2).gives(1, area.addr + PAGE, 2 * PAGE);
            scan.region(0, area.addr + PAGE, 2, WRITTEN);
            scan.written().room(1000).gives(2, area.addr, area.bytes);
            scan.region(0, area.addr, 1, WRITTEN);
            scan.region(1, area.addr + 3 * PAGE, 997, WRITTEN);
        });
        t.add("sanity_tests_sd.7", "protecting one mapping leaves another alone", s -> {
            UserfaultCalls uffd = async(s);
            long one = s.map(1000 * PAGE, RW);
            long other = s.map(1000 * PAGE, RW);
            track(uffd, s, one, 1000 * PAGE);
            track(uffd, s, other, 1000 * PAGE);
            s.storeInPages(one, 1000 * PAGE, 'a');
            s.storeInPages(other, 1000 * PAGE, 'b');
            PagemapScan scan = new PagemapScan(s, 1);
            scan.protect(one, 1000 * PAGE);
            scan.written().gives(1, other, 1000 * PAGE);
            scan.region(0, other, 1000, WRITTEN);
            scan.written().gives(0, one, 1000 * PAGE);
        });
    }

    private static void smallVectors(CaseTable t) {
        add(t, "sanity_tests_sd.8", "three calls with a limit find all", 1050, 525, (s, area, scan) -> {
            area.storeInEvery(2);
            long sum = 0;
            for (int i = 0; i < 3; i++) {
                sum += scan.writtenAndProtect().atMost(210).ok(area.addr, area.bytes);
            }
            s.equal(525, sum, "the pages of three calls");
        });
        add(t, "sanity_tests_sd.9", "a small vector finds all in several calls", 2000, 50, (s, area, scan) -> {
            for (int round = 1; round <= 3; round++) {
                int stores = 0;
                for (int i = 0; i < 2000; i++) {
                    if (i * (round + 3) % 7 < 3) {
                        s.store(area.addr + i * PAGE, round);
                        stores++;
                    }
                }
                long at = area.addr;
                long found = 0;
                while (found < stores) {
                    long regions = scan.writtenAndProtect().ok(at, area.addr + area.bytes - at);
                    s.isTrue(regions > 0 && regions <= 50, regions + " regions");
                    for (int i = 0; i < regions; i++) {
                        found += scan.pages(i);
                    }
                    at = scan.walkEnd();
                }
                s.equal(stores, found, "the pages found");
            }
        });
    }

    private static void walk(CaseTable t, String says, boolean isSparse, Body body) {
        add(t, "sanity_tests_sd.10", says, 1000, 1000, (s, area, scan) -> {
            s.storeInPages(area.addr, area.bytes, 0);
            if (isSparse) {
                scan.protect(area.addr, area.bytes);
                area.storeInEvery(2);
            }
            body.make(s, area, scan);
        });
    }

    private static void ends(Tracked area, long pages) {
        area.s.equal(area.addr + pages * PAGE, area.scan.walkEnd(), "where the walk ended");
    }

    private static void fullWalks(CaseTable t) {
        walk(t, "the walk of no range ends at its start", false, (s, area, scan) -> {
            scan.written().gives(0, area.addr, 0);
            ends(area, 0);
        });
        walk(t, "also when it protects", false, (s, area, scan) -> {
            scan.writtenAndProtect().gives(0, area.addr, 0);
            ends(area, 0);
        });
        walk(t, "also without room", false, (s, area, scan) -> {
            scan.writtenAndProtect().room(0).gives(0, area.addr, 0);
            ends(area, 0);
        });
        full(t, "with much room a walk ends at the end", 1000, 0, 1000);
        full(t, "with room for one region a walk over one ends at the end", 1, 0, 1000);
        full(t, "also with a limit of as many pages", 1, 1000, 1000);
        full(t, "a limit of half the pages ends it there", 1000, 500, 500);
        full(t, "a limit of one page ends it behind that", 1000, 1, 1);
        full(t, "the largest limit is none", 1000, -1, 1000);
    }

    private static void full(CaseTable t, String says, long room, long limit, long end) {
        walk(t, says, false, (s, area, scan) -> {
            scan.written().room(room).atMost(limit).gives(1, area.addr, area.bytes);
            ends(area, end);
            scan.region(0, area.addr, end, WRITTEN);
        });
    }

    private static void sparseWalks(CaseTable t) {
        sparse(t, "every other page: much room, and the walk ends at the end", 1000, 0, 500, 1000);
        sparse(t, "room for one region: it ends before the next", 1, 0, 1, 2);
        sparse(t, "also with a limit of all pages", 1, 1000, 1, 2);
        sparse(t, "room for half as many regions as pages: it ends at the end", 500, 1000, 500, 1000);
        sparse(t, "room and limit for all: it ends at the end", 1000, 1000, 500, 1000);
        sparse(t, "a limit of as many pages as were written: it ends at the end", 1000, 500, 500, 1000);
        sparse(t, "a limit of one page: it ends before the next", 1000, 1, 1, 2);
    }

    private static void sparse(CaseTable t, String says, long room, long limit, long regions, long end) {
        walk(t, says, true, (s, area, scan) -> {
            scan.written().room(room).atMost(limit).gives(regions, area.addr, area.bytes);
            ends(area, end);
        });
    }
}
