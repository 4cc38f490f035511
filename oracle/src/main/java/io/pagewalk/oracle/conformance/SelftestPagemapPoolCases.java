package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.PagemapScan.WRITTEN;

import java.util.function.ToLongFunction;

/** What the kernel's selftest {@code pagemap_ioctl.c} checks in a huge page of a pool, which is written and protected as a whole. */
final class SelftestPagemapPoolCases {
    private static final int PAGES = (int) (HUGE / PAGE);
    private static final int POOL_PAGES = 2;

    private SelftestPagemapPoolCases() {}

    static void addTo(CaseTable t) {
        base(t, "hugetlb shmem", s -> {
            s.ownIpc();
            int flags = IPC_CREAT | HugePages.SHM_HUGETLB | 0600;
            return s.ok("shmat", s.ok("shmget", IPC_PRIVATE, HUGE, flags), 0, 0);
        });
        base(t, "hugetlb mem", s -> HugePages.map(s, 1, HugePages.PRIVATE_HUGE, -1));
        base(t, "hugetlb memfd", s -> HugePages.map(s, 1, MAP_PRIVATE, HugePages.file(s)));
    }

    private interface Body {
        void make(Subject s, long addr, PagemapScan scan);
    }

    private static void base(CaseTable t, String kind, ToLongFunction<Subject> map) {
        add(t, kind, "a new page counts as not written", map, (s, addr, scan) -> {
            scan.writtenAndProtect().room(1).atMost(PAGES - 2).gives(0, addr, HUGE);
        });
        add(t, kind, "all of it is one region after stores", map, (s, addr, scan) -> {
            s.storeInPages(addr, HUGE, -1);
            scan.written().room(1).gives(1, addr, HUGE);
            scan.region(0, addr, PAGES, WRITTEN);
        });
        add(t, kind, "also when the first and the last small page were spared", map, (s, addr, scan) -> {
            s.storeInPages(addr + PAGE, HUGE - 2 * PAGE, 0);
            scan.writtenAndProtect().room(1).gives(1, addr, HUGE);
            scan.region(0, addr, PAGES, WRITTEN);
        });
        add(t, kind, "what is found with protection is not found again", map, (s, addr, scan) -> {
            s.storeInPages(addr, HUGE, -1);
            scan.writtenAndProtect().room(1).gives(1, addr, HUGE);
            scan.written().gives(0, addr, HUGE);
        });
        add(t, kind, "a store in the middle makes all of it written", map, (s, addr, scan) -> {
            s.store(addr + HUGE / 2, 7);
            scan.written().gives(1, addr, HUGE);
            scan.region(0, addr, PAGES, WRITTEN);
        });
        add(t, kind, "of which a part can be asked for, but not protected", map, (s, addr, scan) -> {
            s.store(addr + HUGE / 2, 7);
            scan.written().room(1).gives(1, addr + HUGE / 2, 2 * PAGE);
            scan.region(0, addr + HUGE / 2, 2, WRITTEN);
            scan.writtenAndProtect().room(1).gives(0, addr + HUGE / 2, 2 * PAGE);
            scan.written().gives(1, addr, HUGE);
        });
    }

    private static void add(CaseTable t, String kind, String says, ToLongFunction<Subject> map, Body body) {
        t.add(
                "base_tests." + kind,
                says + ": " + kind,
                s -> HugePages.with(s, POOL_PAGES, subject -> {
                    UserfaultCalls uffd = SelftestPagemapCases.async(subject);
                    long addr = map.applyAsLong(subject);
                    SelftestPagemapCases.track(uffd, subject, addr, HUGE);
                    PagemapScan scan = new PagemapScan(subject, 16);
                    body.make(subject, addr, scan);
                }));
    }
}
