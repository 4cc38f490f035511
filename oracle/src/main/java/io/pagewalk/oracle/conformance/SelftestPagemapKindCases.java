package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.PagemapScan.*;

import java.util.function.ToLongBiFunction;

/** What the kernel's selftest {@code pagemap_ioctl.c} checks in memory of all kinds: which pages count as written, and the other categories. */
final class SelftestPagemapKindCases {
    private SelftestPagemapKindCases() {}

    static void addTo(CaseTable t) {
        base(t, "page", "anonymous memory", 10, (s, bytes) -> s.map(bytes, RW));
        base(t, "large page", "much anonymous memory", 5120, (s, bytes) -> s.map(bytes, RW));
        base(t, "file memory", "a private mapping of a file", 10, (s, bytes) -> {
            int fd = s.openNewFile(bytes, O_RDWR);
            return s.ok("mmap", 0, bytes, RW, MAP_PRIVATE, fd, 0);
        });
        base(t, "file anonymous memory", "a private mapping of a memfd", 10, (s, bytes) -> {
            int fd = (int) s.ok("memfd_create", s.string("scan"), 0);
            s.gives(0, "ftruncate", fd, bytes);
            for (long at = 0; at < bytes; at += PAGE) {
                s.gives(8, "pwrite64", fd, s.words(at + 1), 8, at);
            }
            return s.ok("mmap", 0, bytes, RW, MAP_PRIVATE, fd, 0);
        });
        base(t, "huge page", "memory that wants huge pages", 512, TransparentPages::wanted);
        SelftestPagemapPoolCases.addTo(t);
        SelftestPagemapHugeCases.addTo(t);
        iterations(t);
        mprotect(t);
        threads(t);
        masks(t);
        categories(t);
        files(t);
        others(t);
    }

    /** Memory of a kind under write protection. */
    private static final class Kind {
        final Subject s;
        final long addr;
        final long bytes;
        final PagemapScan scan;

        Kind(Subject s, int pages, ToLongBiFunction<Subject, Long> map) {
            this.s = s;
            this.bytes = pages * PAGE;
            UserfaultCalls uffd = SelftestPagemapCases.async(s);
            this.addr = map.applyAsLong(s, bytes);
            SelftestPagemapCases.track(uffd, s, addr, bytes);
            this.scan = new PagemapScan(s, 16);
            scan.protect(addr, bytes);
        }

        void writtenIs(long regions) {
            scan.written().gives(regions, addr, bytes);
        }

        void store(int page) {
            s.store(addr + page * PAGE, 7);
        }
    }

    private interface Body {
        void make(Subject s, Kind memory, PagemapScan scan);
    }

    private static void base(CaseTable t, String name, String what, int pages, ToLongBiFunction<Subject, Long> map) {
        String origin = "base_tests." + name;
        add(t, origin, "new pages count as not written: " + what, pages, map, (s, memory, scan) -> {
            scan.writtenAndProtect().room(1).atMost(pages - 2).gives(0, memory.addr, memory.bytes);
        });
        add(t, origin, "pages stored to are one region: " + what, pages, map, (s, memory, scan) -> {
            s.storeInPages(memory.addr, memory.bytes, -1);
            scan.written().room(1).gives(1, memory.addr, memory.bytes);
            scan.region(0, memory.addr, pages, WRITTEN);
        });
        add(t, origin, "all but the first and the last: " + what, pages, map, (s, memory, scan) -> {
            s.storeInPages(memory.addr + PAGE, memory.bytes - 2 * PAGE, 0);
            scan.writtenAndProtect().room(1).gives(1, memory.addr, memory.bytes);
            scan.region(0, memory.addr + PAGE, pages - 2, WRITTEN);
        });
        add(t, origin, "what is found with protection is not found again: " + what, pages, map, (s, memory, scan) -> {
            s.storeInPages(memory.addr, memory.bytes, -1);
            scan.writtenAndProtect().room(1).gives(1, memory.addr, memory.bytes);
            memory.writtenIs(0);
        });
        add(t, origin, "one page in the middle: " + what, pages, map, (s, memory, scan) -> {
            memory.store(pages / 2);
            memory.writtenIs(1);
            scan.region(0, memory.addr + pages / 2 * PAGE, 1, WRITTEN);
        });
        add(t, origin, "two pages in the middle, and only they are walked: " + what, pages, map, (s, memory, scan) -> {
            memory.store(pages / 2);
            memory.store(pages / 2 + 1);
            long middle = memory.addr + pages / 2 * PAGE;
            scan.written().returning(WRITTEN | HUGE).room(1).gives(1, middle, 2 * PAGE);
            scan.region(0, middle, 2, WRITTEN);
        });
    }

    private static void add(
            CaseTable t, String origin, String says, int pages, ToLongBiFunction<Subject, Long> map, Body body) {
        t.add(origin, says, s -> {
            Kind memory = new Kind(s, pages, map);
            body.make(s, memory, memory.scan);
        });
    }

    private static void anon(CaseTable t, String origin, String says, int pages, Body body) {
        add(t, origin, says, pages, (s, bytes) -> s.map(bytes, RW), body);
    }

    private static void iterations(CaseTable t) {
        anon(
                t,
                "test_simple",
                "a page is found after each store and never without, a hundred times",
                1,
                (s, m, scan) -> {
                    for (int i = 0; i < 100; i++) {
                        m.writtenIs(0);
                        scan.protect(m.addr, m.bytes);
                        s.store(m.addr, i + 1);
                        m.writtenIs(1);
                        scan.protect(m.addr, m.bytes);
                    }
                });
    }

    private static void mprotect(CaseTable t) {
        anon(t, "mprotect_tests.1", "both pages are written", 2, (s, m, scan) -> {
            s.storeInPages(m.addr, m.bytes, 1);
            m.writtenIs(1);
            scan.region(0, m.addr, 2, WRITTEN);
        });
        anon(t, "mprotect_tests.2", "and not after protection", 2, (s, m, scan) -> {
            s.storeInPages(m.addr, m.bytes, 1);
            scan.protect(m.addr, m.bytes);
            m.writtenIs(0);
        });
        t.add("mprotect_tests.3", "a new mapping and mprotect back and forth do not hide stores", s -> {
            UserfaultCalls uffd = SelftestPagemapCases.async(s);
            long addr = s.map(2 * PAGE, RW);
            SelftestPagemapCases.track(uffd, s, addr, 2 * PAGE);
            PagemapScan scan = new PagemapScan(s, 1);
            s.storeInPages(addr, 2 * PAGE, 1);
            scan.protect(addr, 2 * PAGE);
            long second = addr + PAGE;
            s.gives(second, "mmap", second, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            SelftestPagemapCases.track(uffd, s, second, PAGE);
            scan.protect(second, PAGE);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr, 2 * PAGE, PROT_READ);
            s.gives(0, "mprotect", addr, 2 * PAGE, RW);
            s.storeInPages(addr, 2 * PAGE, 2);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr, PAGE, PROT_READ);
            s.gives(0, "mprotect", addr, PAGE, RW);
            scan.written().gives(1, addr, 2 * PAGE);
            scan.region(0, addr, 2, WRITTEN);
        });
        anon(t, "mprotect_tests.4", "protected and stored to again, both are written", 2, (s, m, scan) -> {
            s.storeInPages(m.addr, m.bytes, 1);
            scan.protect(m.addr, m.bytes);
            s.storeInPages(m.addr, m.bytes, 'A');
            m.writtenIs(1);
            scan.region(0, m.addr, 2, WRITTEN);
        });
    }

    private static void threads(CaseTable t) {
        anon(t, "transact_test", "what was written is found once", 192, (s, m, scan) -> {
            s.storeInPages(m.addr, m.bytes, 0);
            scan.writtenAndProtect().atMost(192).gives(1, m.addr, m.bytes);
            scan.region(0, m.addr, 192, WRITTEN);
            scan.writtenAndProtect().atMost(192).gives(0, m.addr, m.bytes);
        });
        anon(t, "transact_test", "no store of six threads is lost", 192, (s, m, scan) -> {
            Subject[] threads = new Subject[6];
            for (int i = 0; i < threads.length; i++) {
                threads[i] = s.thread();
            }
            s.storeInPages(m.addr, m.bytes, 0);
            scan.writtenAndProtect().ok(m.addr, m.bytes);
            for (int round = 0; round < 4; round++) {
                long found = 0;
                for (int i = 0; i < threads.length; i++) {
                    threads[i].storeInPages(m.addr + 32L * i * PAGE, 8 * PAGE, round);
                    long regions = scan.writtenAndProtect().atMost(192).ok(m.addr, m.bytes);
                    for (int region = 0; region < regions; region++) {
                        found += scan.pages(region);
                    }
                }
                s.equal(48, found, "the pages that six threads wrote");
            }
        });
    }

    private static void masks(CaseTable t) {
        anon(t, "sanity_tests.1", "protection goes with categories other than written", 10, (s, m, scan) -> {
            scan.clear().flags(WRITE_PROTECT).required(ALL).returning(ALL).ok(m.addr, m.bytes);
        });
        anon(t, "sanity_tests.1", "all categories can be required", 10, (s, m, scan) -> {
            scan.clear().required(ALL).returning(ALL).ok(m.addr, m.bytes);
        });
        anon(t, "sanity_tests.1", "any of all categories can be asked for", 10, (s, m, scan) -> {
            scan.clear().anyOf(ALL).returning(ALL).ok(m.addr, m.bytes);
        });
        anon(t, "sanity_tests.1", "all categories can be inverted without being asked for", 10, (s, m, scan) -> {
            scan.clear().inverted(ALL).returning(ALL).ok(m.addr, m.bytes);
        });
        anon(t, "sanity_tests.1", "all can be required and be any at once", 10, (s, m, scan) -> {
            scan.clear().required(ALL).anyOf(ALL).returning(ALL).ok(m.addr, m.bytes);
        });
    }

    private static void stored(CaseTable t, String origin, String says, Body body) {
        anon(t, origin, says, 10, (s, m, scan) -> {
            s.storeInPages(m.addr, m.bytes, 0);
            body.make(s, m, scan);
        });
    }

    private static void writtenAndPresent(Subject s, Kind m, PagemapScan scan) {
        s.equal(m.addr, scan.start(0), "the start of the region");
        s.equal(10, scan.pages(0), "its pages");
        s.equal(WRITTEN | PRESENT, scan.categories(0) & (WRITTEN | PRESENT), "written and present");
    }

    private static void categories(CaseTable t) {
        stored(t, "sanity_tests.2", "any of all categories finds written and present pages", (s, m, scan) -> {
            scan.clear().anyOf(ALL).returning(ALL).ok(m.addr, m.bytes);
            writtenAndPresent(s, m, scan);
        });
        stored(t, "sanity_tests.3", "written and present pages, and what else they are", (s, m, scan) -> {
            scan.clear().required(WRITTEN | PRESENT | WPALLOWED).returning(ALL).gives(1, m.addr, m.bytes);
            scan.region(0, m.addr, 10, WRITTEN | PRESENT | WPALLOWED);
        });
        stored(t, "sanity_tests.3", "nothing has all categories at once", (s, m, scan) -> {
            scan.clear().required(ALL).returning(ALL).gives(0, m.addr, m.bytes);
        });
        stored(t, "sanity_tests.4", "one required and one of any", (s, m, scan) -> {
            scan.clear().required(WRITTEN).anyOf(PRESENT).returning(ALL).gives(1, m.addr, m.bytes);
            writtenAndPresent(s, m, scan);
        });
        stored(t, "sanity_tests.5", "written pages are not found when written is inverted", (s, m, scan) -> {
            scan.clear().required(WRITTEN).inverted(WRITTEN).returning(ALL).gives(0, m.addr, m.bytes);
        });
        stored(t, "sanity_tests.6", "present pages are not found when present is inverted", (s, m, scan) -> {
            scan.clear().required(PRESENT).inverted(PRESENT).returning(ALL).gives(0, m.addr, m.bytes);
        });
        stored(t, "sanity_tests.8", "only what is asked for is reported", (s, m, scan) -> {
            scan.clear().flags(WRITE_PROTECT).anyOf(ALL).returning(WRITTEN).gives(1, m.addr, m.bytes);
            scan.region(0, m.addr, 10, WRITTEN);
        });
    }

    private static void files(CaseTable t) {
        t.add("sanity_tests.9", "pages of a mapped file are file pages", s -> {
            int fd = s.openNewFile(10 * PAGE, O_RDONLY);
            long addr = s.ok("mmap", 0, 10 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(0, addr + i * PAGE);
            }
            PagemapScan scan = new PagemapScan(s, 10);
            scan.clear().anyOf(NON_WRITTEN).returning(NON_WRITTEN).gives(1, addr, 10 * PAGE);
            s.equal(addr, scan.start(0), "the start of the region");
            s.equal(10, scan.pages(0), "its pages");
            s.equal(FILE, scan.categories(0) & FILE, "the category of file pages");
        });
        t.add("sanity_tests.10", "stores in a private mapping of a file are found", s -> {
            int fd = s.openNewFile(10 * PAGE, O_RDWR);
            UserfaultCalls uffd = SelftestPagemapCases.async(s);
            long addr = s.ok("mmap", 0, 10 * PAGE, RW, MAP_PRIVATE, fd, 0);
            SelftestPagemapCases.track(uffd, s, addr, 10 * PAGE);
            s.storeInPages(addr, 10 * PAGE, 'z');
            s.gives(0, "msync", addr, 10 * PAGE, MS_SYNC);
            PagemapScan scan = new PagemapScan(s, 10);
            scan.clear().required(WRITTEN).anyOf(PRESENT | SWAPPED | FILE).returning(ALL);
            scan.gives(1, addr, 10 * PAGE);
            s.equal(addr, scan.start(0), "the start of the region");
            s.equal(10, scan.pages(0), "its pages");
            s.equal(WRITTEN, scan.categories(0) & WRITTEN, "the category of written pages");
        });
    }

    private static void others(CaseTable t) {
        t.add("unmapped_region_tests", "a range without mappings can be walked", s -> {
            long addr = 0x10000000;
            PagemapScan scan = new PagemapScan(s, 64);
            scan.clear().required(NON_WRITTEN).returning(NON_WRITTEN).gives(0, addr, 64 * PAGE);
        });
        t.add("userfaultfd_tests", "protecting parts of eight protections finds nothing written", s -> {
            UserfaultCalls uffd = SelftestPagemapCases.async(s);
            long addr = s.map(16 * PAGE, PROT_NONE);
            SelftestPagemapCases.track(uffd, s, addr, 16 * PAGE);
            int[] prots = {RW, PROT_READ, RW, PROT_READ, RW, PROT_NONE, RW, PROT_READ};
            for (int i = 0; i < prots.length; i++) {
                s.gives(0, "mprotect", addr + 2L * i * PAGE, 2 * PAGE, prots[i]);
            }
            PagemapScan scan = new PagemapScan(s, 1);
            scan.protect(addr + PAGE, 12 * PAGE);
            scan.protect(addr, 16 * PAGE);
            scan.writtenAndProtect().atMost(14).gives(0, addr, 16 * PAGE);
        });
        t.add("zeropfn_tests", "read anonymous memory shows the zero page", s -> {
            long addr = s.map(10 * PAGE, RW);
            for (int i = 0; i < 10; i++) {
                s.holds(0, addr + i * PAGE);
            }
            PagemapScan scan = new PagemapScan(s, 10);
            scan.clear().required(PFNZERO).returning(PFNZERO).gives(1, addr, 10 * PAGE);
            scan.region(0, addr, 10, PFNZERO);
        });
    }
}
