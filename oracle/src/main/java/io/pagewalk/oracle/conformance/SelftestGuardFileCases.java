package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

/** What the kernel's selftest {@code guard-regions.c} checks of mappings of files alone. */
final class SelftestGuardFileCases {
    private SelftestGuardFileCases() {}

    static void addTo(CaseTable t) {
        for (boolean isMemfd : new boolean[] {true, false}) {
            String kind = isMemfd ? ": memfd" : ": file";
            data(t, isMemfd, kind);
            holes(t, isMemfd, kind);
        }
        t.add("readonly_file", "a read-only shared mapping takes guards and keeps its data: file", s -> {
            String path = s.newFile(new byte[(int) (100 * PAGE)]);
            int writable = s.open(path, O_RDWR);
            long addr = s.ok("mmap", 0, 10 * PAGE, RW, MAP_SHARED, writable, 0);
            pattern(s, addr);
            s.unmap(addr, 10 * PAGE);
            s.gives(0, "close", writable);
            long again = s.ok("mmap", 0, 10 * PAGE, PROT_READ, MAP_SHARED, s.open(path, O_RDONLY), 0);
            guardEven(s, again);
            evenAreGuarded(s, again);
            s.gives(0, "madvise", again, 10 * PAGE, MADV_GUARD_REMOVE);
            hasPattern(s, again);
        });
    }

    private static long file(Subject s, boolean isMemfd) {
        long fd = isMemfd ? s.ok("memfd_create", s.string("guard"), 0) : s.open(s.newFile(new byte[0]), O_RDWR);
        s.gives(0, "ftruncate", fd, 100 * PAGE);
        return fd;
    }

    private static long map(Subject s, long fd, int type) {
        return s.ok("mmap", 0, 10 * PAGE, RW, type, fd, 0);
    }

    private static void pattern(Subject s, long addr) {
        for (int i = 0; i < 10; i++) {
            s.store(addr + i * PAGE, 'a' + i);
        }
    }

    private static void hasPattern(Subject s, long addr) {
        for (int i = 0; i < 10; i++) {
            s.holds('a' + i, addr + i * PAGE);
        }
    }

    private static void guardEven(Subject s, long addr) {
        for (int i = 0; i < 10; i += 2) {
            s.gives(0, "madvise", addr + i * PAGE, PAGE, MADV_GUARD_INSTALL);
        }
    }

    private static void evenAreGuarded(Subject s, long addr) {
        for (int i = 0; i < 10; i++) {
            s.loadRaises(i % 2 == 0 ? SEGV_MAPERR : 0, addr + i * PAGE);
        }
    }

    private static void data(CaseTable t, boolean isMemfd, String kind) {
        t.add("madvise_sequential", "read-ahead goes around guards" + kind, s -> {
            long addr = map(s, file(s, isMemfd), MAP_SHARED);
            pattern(s, addr);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_SEQUENTIAL);
            guardEven(s, addr);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_PAGEOUT);
            evenAreGuarded(s, addr);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_GUARD_REMOVE);
            hasPattern(s, addr);
        });
        t.add("map_private", "guards of a private mapping are its own" + kind, s -> {
            long fd = file(s, isMemfd);
            long shared = map(s, fd, MAP_SHARED);
            long own = map(s, fd, MAP_PRIVATE);
            pattern(s, shared);
            guardEven(s, shared);
            evenAreGuarded(s, shared);
            hasPattern(s, own);
            guardEven(s, own);
            evenAreGuarded(s, own);
            s.gives(0, "madvise", shared, 10 * PAGE, MADV_GUARD_REMOVE);
            hasPattern(s, shared);
            evenAreGuarded(s, own);
            s.gives(0, "madvise", own, 10 * PAGE, MADV_GUARD_REMOVE);
            hasPattern(s, own);
        });
        t.add("map_private", "guards take private copies away" + kind, s -> {
            long fd = file(s, isMemfd);
            long shared = map(s, fd, MAP_SHARED);
            long own = map(s, fd, MAP_PRIVATE);
            pattern(s, shared);
            for (int i = 0; i < 10; i += 2) {
                s.store(own + i * PAGE, 'A' + i);
            }
            s.gives(0, "madvise", own, 5 * PAGE, MADV_GUARD_INSTALL);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(i < 5 ? SEGV_MAPERR : 0, own + i * PAGE);
                s.holds('a' + i, shared + i * PAGE);
            }
            s.gives(0, "madvise", own, 10 * PAGE, MADV_GUARD_REMOVE);
            for (int i = 0; i < 10; i++) {
                s.holds(i < 5 || i % 2 != 0 ? 'a' + i : 'A' + i, own + i * PAGE);
            }
        });
        t.add("fault_around", "faulting around leaves guards" + kind, s -> {
            long fd = file(s, isMemfd);
            long addr = map(s, fd, MAP_SHARED);
            pattern(s, addr);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_PAGEOUT);
            s.unmap(addr, 10 * PAGE);
            long again = map(s, fd, MAP_SHARED);
            guardEven(s, again);
            for (int i = 1; i < 10; i += 2) {
                s.holds('a' + i, again + i * PAGE);
            }
            evenAreGuarded(s, again);
        });
    }

    private static void holes(CaseTable t, boolean isMemfd, String kind) {
        t.add("truncation", "guards outlive truncation of the file" + kind, s -> {
            long fd = file(s, isMemfd);
            s.gives(0, "ftruncate", fd, 10 * PAGE);
            long addr = map(s, fd, MAP_SHARED);
            guardEven(s, addr);
            evenAreGuarded(s, addr);
            s.gives(0, "ftruncate", fd, 15 * PAGE);
            evenAreGuarded(s, addr);
            s.gives(0, "ftruncate", fd, 5 * PAGE);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(i % 2 == 0 ? SEGV_MAPERR : i < 5 ? 0 : BUS_ADRERR, addr + i * PAGE);
            }
        });
        t.add("hole_punch", "guards outlive holes in the file, data of others too" + kind, s -> {
            long fd = file(s, isMemfd);
            long addr = map(s, fd, MAP_SHARED);
            pattern(s, addr);
            s.gives(0, "madvise", addr + 3 * PAGE, 4 * PAGE, MADV_GUARD_INSTALL);
            s.gives(0, "madvise", addr + 3 * PAGE, 4 * PAGE, MADV_REMOVE);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(i >= 3 && i < 7 ? SEGV_MAPERR : 0, addr + i * PAGE);
            }
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_GUARD_REMOVE);
            for (int i = 0; i < 10; i++) {
                s.holds(i >= 3 && i < 7 ? 0 : 'a' + i, addr + i * PAGE);
            }
        });
    }
}
