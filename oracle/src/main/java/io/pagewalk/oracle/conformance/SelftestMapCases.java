package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.ArrayList;
import java.util.List;

/** What the kernel's selftests {@code map_fixed_noreplace.c}, {@code map_populate.c}, {@code mremap_dontunmap.c} and {@code mkdirty.c} check. */
final class SelftestMapCases {
    private static final int NOREPLACE = PRIVATE_ANON | MAP_FIXED_NOREPLACE;
    private static final int MOVE_AND_KEEP = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;

    private SelftestMapCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        cases.addAll(noreplace());
        cases.addAll(populate());
        cases.addAll(dontunmap());
        cases.addAll(mkdirty());
        return cases;
    }

    /** Three mapped pages with a free page before and behind; returns the address of the first free page. */
    private static long threeOfFive(Subject s) {
        long base = s.hole(5 * PAGE);
        s.gives(base + PAGE, "mmap", base + PAGE, 3 * PAGE, PROT_NONE, NOREPLACE, -1, 0);
        return base;
    }

    private static List<ConformanceCase> noreplace() {
        CaseTable t = new CaseTable("selftest map_fixed_noreplace.c");
        t.add("main.1", "five free pages can be mapped", s -> {
            long base = s.hole(5 * PAGE);
            s.gives(base, "mmap", base, 5 * PAGE, PROT_NONE, NOREPLACE, -1, 0);
            s.unmap(base, 5 * PAGE);
        });
        t.add(
                "main.2",
                "three pages between free ones can be mapped",
                s -> s.isOneMapping(threeOfFive(s) + PAGE, 3 * PAGE));
        overlaps(t, "main.3", "a range around a mapping is refused", 0, 5);
        overlaps(t, "main.4", "a page inside a mapping is refused", 2, 1);
        overlaps(t, "main.5", "a range over the end of a mapping is refused", 3, 2);
        overlaps(t, "main.6", "a range over the start of a mapping is refused", 0, 2);
        t.add("main.7", "the page before a mapping can be mapped", s -> {
            long base = threeOfFive(s);
            s.gives(base, "mmap", base, PAGE, PROT_NONE, NOREPLACE, -1, 0);
        });
        t.add("main.8", "the page behind a mapping can be mapped", s -> {
            long after = threeOfFive(s) + 4 * PAGE;
            s.gives(after, "mmap", after, PAGE, PROT_NONE, NOREPLACE, -1, 0);
        });
        t.add("main.9", "all of it can be unmapped at once", s -> {
            long base = threeOfFive(s);
            s.unmap(base, 5 * PAGE);
            s.isUnmapped(base + PAGE);
        });
        return t.cases();
    }

    private static void overlaps(CaseTable t, String origin, String says, int firstPage, int pages) {
        t.add(origin, says, s -> {
            long base = threeOfFive(s);
            s.fails(EEXIST, "mmap", base + firstPage * PAGE, pages * PAGE, PROT_NONE, NOREPLACE, -1, 0);
            s.isOneMapping(base + PAGE, 3 * PAGE);
        });
    }

    private static List<ConformanceCase> populate() {
        CaseTable t = new CaseTable("selftest map_populate.c");
        for (boolean isStored : new boolean[] {true, false}) {
            String says = isStored
                    ? "a store to the file does not reach a private populated page"
                    : "a private populated page keeps what the file held";
            t.add(isStored ? "main.1" : "main.2", says, s -> {
                int fd = s.open(s.newFile(new byte[(int) PAGE]), O_RDWR);
                long shared = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, fd, 0);
                s.store(shared, 0xdeadbabeL);
                s.gives(0, "msync", shared, PAGE, MS_SYNC);
                Subject child = s.fork();
                long own = child.ok("mmap", 0, PAGE, RW, MAP_PRIVATE | MAP_POPULATE, fd, 0);
                child.holds(0xdeadbabeL, own);
                s.store(shared, 0x22222badL);
                s.gives(0, "msync", shared, PAGE, MS_SYNC);
                long seen = child.load(own);
                child.isTrue(isStored ? seen != 0x22222badL : seen == 0xdeadbabeL, "it holds " + seen);
            });
        }
        return t.cases();
    }

    private static long filled(Subject s, int pages, long value) {
        long addr = s.map(pages * PAGE, RW);
        s.storeInPages(addr, pages * PAGE, value);
        return addr;
    }

    private static List<ConformanceCase> dontunmap() {
        CaseTable t = new CaseTable("selftest mremap_dontunmap.c");
        t.add("mremap_dontunmap_simple", "the pages move and the old range reads zeros", s -> {
            long from = filled(s, 5, 'a');
            long to = s.ok("mremap", from, 5 * PAGE, 5 * PAGE, MOVE_AND_KEEP, 0);
            s.pagesHold('a', to, 5 * PAGE);
            s.pagesHold(0, from, 5 * PAGE);
            s.unmap(to, 5 * PAGE);
            s.unmap(from, 5 * PAGE);
        });
        t.add("mremap_dontunmap_simple_shmem", "shared memory is seen at both places", s -> {
            int fd = (int) s.ok("memfd_create", s.string("memfd"), MFD_CLOEXEC);
            s.gives(0, "ftruncate", fd, 5 * PAGE);
            long from = s.ok("mmap", 0, 5 * PAGE, RW, MAP_SHARED, fd, 0);
            s.gives(0, "close", fd);
            s.storeInPages(from, 5 * PAGE, 'a');
            long to = s.ok("mremap", from, 5 * PAGE, 5 * PAGE, MOVE_AND_KEEP, 0);
            s.pagesHold('a', to, 5 * PAGE);
            s.pagesHold('a', from, 5 * PAGE);
        });
        t.add("mremap_dontunmap_simple_fixed", "the pages move to a given place", s -> {
            long to = filled(s, 5, 'X');
            long from = filled(s, 5, 'a');
            s.gives(to, "mremap", from, 5 * PAGE, 5 * PAGE, MOVE_AND_KEEP | MREMAP_FIXED, to);
            s.pagesHold('a', to, 5 * PAGE);
            s.pagesHold(0, from, 5 * PAGE);
        });
        t.add("mremap_dontunmap_partial_mapping", "half a mapping can be moved so", s -> {
            long from = filled(s, 10, 'a');
            long to = s.ok("mremap", from + 5 * PAGE, 5 * PAGE, 5 * PAGE, MOVE_AND_KEEP, 0);
            s.pagesHold('a', from, 5 * PAGE);
            s.pagesHold(0, from + 5 * PAGE, 5 * PAGE);
            s.pagesHold('a', to, 5 * PAGE);
        });
        t.add("mremap_dontunmap_partial_mapping_overwrite", "half of another mapping can be replaced so", s -> {
            long from = filled(s, 5, 'a');
            long to = filled(s, 10, 'X');
            s.gives(to, "mremap", from, 5 * PAGE, 5 * PAGE, MOVE_AND_KEEP | MREMAP_FIXED, to);
            s.pagesHold(0, from, 5 * PAGE);
            s.pagesHold('a', to, 5 * PAGE);
            s.pagesHold('X', to + 5 * PAGE, 5 * PAGE);
        });
        return t.cases();
    }

    private static void refusesStores(Subject s, long addr, long value) {
        s.holds(value, addr);
        s.storeRaises(SEGV_ACCERR, addr);
        s.holds(value, addr);
    }

    private static List<ConformanceCase> mkdirty() {
        CaseTable t = new CaseTable("selftest mkdirty.c");
        t.add("test_page_migration", "a page that was moved stays read-only", s -> {
            long addr = s.map(PAGE, RW);
            s.store(addr, 1);
            s.gives(0, "mprotect", addr, PAGE, PROT_READ);
            s.gives(0, "mbind", addr, PAGE, MPOL_LOCAL, 0, 0x7ff, MPOL_MF_MOVE);
            refusesStores(s, addr, 1);
        });
        t.add("test_uffdio_copy", "a page that userfaultfd copied into read-only memory stays read-only", s -> {
            long source = s.map(PAGE, RW);
            s.storeInPages(source, PAGE, 1);
            long addr = s.map(PAGE, PROT_READ);
            long uffd = s.ok("userfaultfd", 0x80000 | 0x800);
            s.gives(0, "ioctl", uffd, 0xc018aa3fL, s.words(0xaa, 0, 0));
            s.gives(0, "ioctl", uffd, 0xc020aa00L, s.words(addr, PAGE, 1, 0));
            s.gives(0, "ioctl", uffd, 0xc028aa03L, s.words(addr, source, PAGE, 0, 0));
            refusesStores(s, addr, 1);
        });
        return t.cases();
    }
}
