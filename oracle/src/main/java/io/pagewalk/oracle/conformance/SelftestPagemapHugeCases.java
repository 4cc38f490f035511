package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.PagemapScan.*;

import java.util.function.ToLongFunction;

/** What the kernel's selftest {@code pagemap_ioctl.c} checks in memory that wants huge pages; each with small pages, as there, and with huge ones that lay in it before. */
final class SelftestPagemapHugeCases {
    private static final int PAGES = 1024;
    private static final int HALF = PAGES / 2;
    private static final int QUARTER = HALF / 2;
    private static final long BYTES = PAGES * PAGE;
    private static final int ROOM = 64;

    private SelftestPagemapHugeCases() {}

    static void addTo(CaseTable t) {
        whole(t, "memory that is touched later", s -> TransparentPages.wanted(s, BYTES));
        whole(t, "huge pages", s -> TransparentPages.filled(s, BYTES, 1));
        zeroes(t);
    }

    private interface Body {
        void make(Subject s, PagemapScan scan, UserfaultCalls uffd, long addr);
    }

    private static void whole(CaseTable t, String kind, ToLongFunction<Subject> memory) {
        add(t, "new pages are not written, with protection and without", kind, memory, (s, scan, uffd, addr) -> {
            scan.writtenAndProtect().gives(0, addr, BYTES);
            scan.written().gives(0, addr, BYTES);
        });
        add(t, "all pages stored to are one region, once", kind, memory, (s, scan, uffd, addr) -> {
            s.storeInPages(addr, BYTES, -1);
            scan.writtenAndProtect().gives(1, addr, BYTES);
            scan.region(0, addr, PAGES, WRITTEN);
            scan.written().gives(0, addr, BYTES);
        });
        add(t, "a store in the middle is found", kind, memory, (s, scan, uffd, addr) -> {
            s.store(addr + HALF * PAGE, 1);
            scan.written().gives(1, addr, BYTES);
        });
        add(t, "protecting the first half leaves the second", kind, memory, (s, scan, uffd, addr) -> {
            s.storeInPages(addr, BYTES, 0);
            uffd.writeProtect(addr, BYTES / 2, true);
            scan.written().gives(1, addr, BYTES);
            scan.region(0, addr + BYTES / 2, HALF, WRITTEN);
        });
        add(t, "also by a scan with a limit", kind, memory, (s, scan, uffd, addr) -> {
            s.storeInPages(addr, BYTES, 0);
            scan.writtenAndProtect().atMost(HALF).gives(1, addr, BYTES);
            scan.written().gives(1, addr, BYTES);
            scan.region(0, addr + BYTES / 2, HALF, WRITTEN);
        });
        add(t, "protecting the second half leaves the first", kind, memory, (s, scan, uffd, addr) -> {
            s.storeInPages(addr, BYTES, -1);
            scan.writtenAndProtect().atMost(HALF).gives(1, addr + BYTES / 2, BYTES / 2);
            scan.written().gives(1, addr, BYTES);
            scan.region(0, addr, HALF, WRITTEN);
        });
        add(t, "half a huge page can be had", kind, memory, (s, scan, uffd, addr) -> {
            s.storeInPages(addr, BYTES, -1);
            scan.writtenAndProtect().room(1).atMost(QUARTER).gives(1, addr, BYTES);
            scan.region(0, addr, QUARTER, WRITTEN);
            scan.written().room(ROOM).gives(1, addr, BYTES);
            scan.region(0, addr + QUARTER * PAGE, PAGES - QUARTER, WRITTEN);
        });
    }

    private static void add(CaseTable t, String says, String kind, ToLongFunction<Subject> memory, Body body) {
        t.add("hpage_unit_tests", says + ": " + kind, s -> {
            UserfaultCalls uffd = SelftestPagemapCases.async(s);
            long addr = memory.applyAsLong(s);
            SelftestPagemapCases.track(uffd, s, addr, BYTES);
            body.make(s, new PagemapScan(s, ROOM), uffd, addr);
        });
    }

    private static void zeroes(CaseTable t) {
        t.add("zeropfn_tests.huge", "read memory of huge pages shows the huge zero page", s -> {
            long addr = TransparentPages.wanted(s, HUGE);
            s.holds(0, addr);
            TransparentPages.needsHuge(s, addr);
            PagemapScan scan = new PagemapScan(s, ROOM);
            scan.clear().required(PFNZERO).returning(PFNZERO).gives(1, addr, HUGE);
            scan.region(0, addr, HUGE / PAGE, PFNZERO);
        });
        t.add("huge pages", "a huge page that was stored to is told as such", s -> {
            long addr = TransparentPages.filled(s, HUGE, 1);
            PagemapScan scan = new PagemapScan(s, ROOM);
            scan.clear()
                    .required(PagemapScan.HUGE)
                    .returning(PagemapScan.HUGE | PRESENT | FILE)
                    .gives(1, addr, HUGE);
            scan.region(0, addr, HUGE / PAGE, PagemapScan.HUGE | PRESENT);
        });
    }
}
