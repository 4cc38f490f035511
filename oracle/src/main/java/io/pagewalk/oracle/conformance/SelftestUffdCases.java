package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.UserfaultCalls.*;

import java.util.List;

/** What the kernel's selftest {@code uffd-unit-tests.c} checks. Where it lets a thread resolve faults, a case asks for SIGBUS instead, so that nobody waits. */
final class SelftestUffdCases {
    private static final int PAGES = 16;
    private static final long BYTES = PAGES * PAGE;
    private static final long UFFD_WP_BIT = 1L << 57;
    private static final String WAITS = "the call waits until another thread has read the event";
    private static final String GUP = "pins pages through the debugging file gup_test, which kernels are built without";

    private SelftestUffdCases() {}

    /** What is watched. */
    private enum Memory {
        ANON("anon"),
        SHMEM("shmem"),
        SHMEM_PRIVATE("shmem-private");

        private final String title;

        Memory(String title) {
            this.title = title;
        }

        /** Maps the memory; {@code fd} is of a memfd, or -1. */
        long map(Subject s, int fd) {
            return switch (this) {
                case ANON -> s.map(BYTES, RW);
                case SHMEM -> s.ok("mmap", 0, BYTES, RW, MAP_SHARED, fd, 0);
                case SHMEM_PRIVATE -> s.ok("mmap", 0, BYTES, RW, MAP_PRIVATE, fd, 0);
            };
        }

        long map(Subject s) {
            return map(s, this == ANON ? -1 : memfd(s));
        }
    }

    private static int memfd(Subject s) {
        int fd = (int) s.ok("memfd_create", s.string("uffd"), 0);
        s.gives(0, "ftruncate", fd, BYTES);
        return fd;
    }

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest uffd-unit-tests.c");
        api(t);
        for (Memory memory : Memory.values()) {
            registering(t, memory);
            zeroPages(t, memory);
            forking(t, memory);
            for (boolean protects : new boolean[] {false, true}) {
                signals(t, memory, protects);
            }
            poison(t, memory);
        }
        moving(t);
        unpopulated(t);
        minor(t);
        leftOut(t);
        SelftestUffdHugeCases.addTo(t);
        return t.cases();
    }

    private static void api(CaseTable t) {
        for (boolean isDevice : new boolean[] {false, true}) {
            String origin = isDevice ? "test_uffd_api.dev" : "test_uffd_api.syscall";
            String how = isDevice ? ": from the device" : ": from the call";
            t.add(origin, "UFFDIO_API with another version is refused" + how, s -> {
                begin(s, isDevice).gives(-EINVAL, IOCTL_API, 0xab, 0, 0);
            });
            t.add(origin, "UFFDIO_API with an unknown feature is refused" + how, s -> {
                begin(s, isDevice).gives(-EINVAL, IOCTL_API, API, Long.MIN_VALUE, 0);
            });
            t.add(origin, "UFFDIO_API can be made again after a refusal, but not after success" + how, s -> {
                UserfaultCalls uffd = begin(s, isDevice);
                uffd.gives(-EINVAL, IOCTL_API, 0xab, 0, 0);
                uffd.gives(0, IOCTL_API, API, 0, 0);
                uffd.gives(-EINVAL, IOCTL_API, API, 1, 0);
            });
        }
    }

    private static UserfaultCalls begin(Subject s, boolean isDevice) {
        return isDevice ? UserfaultCalls.ofDevice(s) : UserfaultCalls.fresh(s);
    }

    private static void registering(CaseTable t, Memory memory) {
        long features = PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM | MINOR_SHMEM | 1 << 9 | 1 << 5 | 1 << 4;
        for (int mode = 0; mode < 8; mode++) {
            boolean isRefused = mode == 0 || (memory == Memory.ANON && (mode & MINOR) != 0);
            long ioctls = 1L << 2
                    | ((mode & MISSING) != 0 ? 1L << 3 : 0)
                    | ((mode & WP) != 0 ? 1L << 6 : 0)
                    | ((mode & MINOR) != 0 ? 1L << 7 : 0);
            int asked = mode;
            String says = "mode " + mode + (isRefused ? " is refused" : " offers its ioctls") + ": " + memory.title;
            t.add("register-ioctls." + memory.title, says, s -> {
                UserfaultCalls uffd = UserfaultCalls.open(s, features);
                long addr = memory.map(s);
                if (isRefused) {
                    uffd.gives(-EINVAL, IOCTL_REGISTER, addr, PAGE, asked, 0);
                } else {
                    s.equal(ioctls, uffd.register(addr, PAGE, asked) & ioctls, "the ioctls offered");
                    uffd.unregister(addr, PAGE);
                }
            });
        }
    }

    private static void zeroPages(CaseTable t, Memory memory) {
        t.add("zeropage." + memory.title, "UFFDIO_ZEROPAGE makes a page of zeros, once: " + memory.title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, 0);
            long addr = memory.map(s);
            long ioctls = uffd.register(addr, PAGE, MISSING);
            s.isTrue((ioctls >>> 4 & 1) != 0, "UFFDIO_ZEROPAGE is not offered");
            uffd.gives(0, IOCTL_ZEROPAGE, addr, PAGE, 0, 0);
            s.equal(PAGE, uffd.word(3), "the bytes made");
            uffd.gives(-EEXIST, IOCTL_ZEROPAGE, addr, PAGE, 0, 0);
            s.equal(-EEXIST, uffd.word(3), "the bytes made");
            s.isFilled(addr, PAGE, 0);
            uffd.unregister(addr, PAGE);
        });
    }

    private static void isProtected(Subject s, long addr, boolean isExpected) {
        s.equal(isExpected ? UFFD_WP_BIT : 0, s.pagemap(addr, 1)[0] & UFFD_WP_BIT, "bit 57 of pagemap");
    }

    private static void forking(CaseTable t, Memory memory) {
        t.add("wp-fork." + memory.title, "a child is not write-protected, page or marker: " + memory.title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM);
            long addr = memory.map(s);
            uffd.register(addr, BYTES, WP);
            s.store(addr, 1);
            uffd.writeProtect(addr, PAGE, true);
            isProtected(s, addr, true);
            childIsFree(s, addr);
            s.gives(0, "madvise", addr, PAGE, memory == Memory.SHMEM ? MADV_DONTNEED : MADV_PAGEOUT);
            isProtected(s, addr, true);
            childIsFree(s, addr);
            uffd.writeProtect(addr, PAGE, false);
            isProtected(s, addr, false);
            s.store(addr, 2);
            isProtected(s, addr, false);
            uffd.unregister(addr, BYTES);
        });
    }

    private static void childIsFree(Subject s, long addr) {
        Subject child = s.fork();
        isProtected(child, addr, false);
        child.exit();
    }

    private static void signals(CaseTable t, Memory memory, boolean protects) {
        String origin = (protects ? "sigbus-wp." : "sigbus.") + memory.title;
        int mode = protects ? MISSING | WP : MISSING;
        long features = protects ? SIGBUS | PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM : SIGBUS;
        String kind = ": " + memory.title + (protects ? ", write-protected" : "");
        t.add(origin, "a missing page raises SIGBUS until it is copied" + kind, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, features);
            long source = s.mapWritten(BYTES);
            long addr = memory.map(s);
            uffd.register(addr, BYTES, mode);
            for (int i = 0; i < PAGES; i++) {
                s.loadRaises(BUS_ADRERR, addr + i * PAGE);
                uffd.copy(addr + i * PAGE, source + i * PAGE, PAGE, protects ? 2 : 0);
                s.holds(i + 1, addr + i * PAGE);
                if (protects) {
                    s.storeRaises(BUS_ADRERR, addr + i * PAGE);
                    uffd.writeProtect(addr + i * PAGE, PAGE, false);
                }
                s.store(addr + i * PAGE, i + 1);
            }
            s.pagesAreNumbered(1, addr, BYTES);
        });
        t.add(origin, "and again after the pages were given back" + kind, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, features);
            long source = s.mapWritten(BYTES);
            long addr = memory.map(s);
            uffd.register(addr, BYTES, mode);
            uffd.copy(addr, source, BYTES, 0);
            s.pagesAreNumbered(1, addr, BYTES);
            s.gives(0, "madvise", addr, BYTES, memory == Memory.SHMEM ? MADV_REMOVE : MADV_DONTNEED);
            for (int i = 0; i < PAGES; i++) {
                s.loadRaises(BUS_ADRERR, addr + i * PAGE);
                s.storeRaises(BUS_ADRERR, addr + i * PAGE);
            }
        });
    }

    private static void poison(CaseTable t, Memory memory) {
        t.add("poison." + memory.title, "a poisoned page raises SIGBUS as broken memory does: " + memory.title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, POISON | SIGBUS);
            long source = s.map(BYTES, RW);
            s.storeInPages(source, BYTES, 0);
            long addr = memory.map(s);
            long ioctls = uffd.register(addr, BYTES, MISSING);
            long expected = 1L << 3 | 1L << 8;
            s.equal(expected, ioctls & expected, "the ioctls offered");
            for (int i = 0; i < PAGES; i++) {
                long at = addr + i * PAGE;
                s.loadRaises(BUS_ADRERR, at);
                if (i % 2 == 1) {
                    uffd.copy(at, source + i * PAGE, PAGE, 0);
                    s.isFilled(at, PAGE, 0);
                } else {
                    uffd.gives(0, IOCTL_POISON, at, PAGE, 0, 0);
                    s.equal(PAGE, uffd.word(3), "the bytes poisoned");
                    // Its code says that memory is broken only where the kernel can handle such memory.
                    s.equal(7, s.signalOfLoad(at) >> 8, "the signal of a load of a poisoned page");
                }
            }
        });
    }

    private static void moving(CaseTable t) {
        t.add("move.anon", "UFFDIO_MOVE takes pages away from one place and shows them at another", s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, MOVE | SIGBUS);
            long source = s.mapWritten(BYTES);
            s.gives(0, "madvise", source, BYTES, MADV_DONTFORK);
            long addr = s.map(BYTES, RW);
            uffd.register(addr, BYTES, MISSING);
            for (int i = 0; i < PAGES; i++) {
                s.holds(i + 1, source + i * PAGE);
                s.loadRaises(BUS_ADRERR, addr + i * PAGE);
                uffd.gives(0, IOCTL_MOVE, addr + i * PAGE, source + i * PAGE, PAGE, 0, 0);
                s.equal(PAGE, uffd.word(4), "the bytes moved");
                s.holds(i + 1, addr + i * PAGE);
                s.holds(0, source + i * PAGE);
            }
        });
        t.add("move.anon", "all pages can move at once", s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, MOVE | SIGBUS);
            long source = s.mapWritten(BYTES);
            long addr = s.map(BYTES, RW);
            uffd.register(addr, BYTES, MISSING);
            uffd.gives(0, IOCTL_MOVE, addr, source, BYTES, 0, 0);
            s.equal(BYTES, uffd.word(4), "the bytes moved");
            s.pagesAreNumbered(1, addr, BYTES);
            s.pagesHold(0, source, BYTES);
        });
        movingHuge(t, "move-pmd.anon", "a huge page moves as a whole", MADV_HUGEPAGE, HUGE);
        movingHuge(t, "move-pmd-split.anon", "page by page to where no huge pages are wanted", MADV_NOHUGEPAGE, HUGE);
        movingHuge(t, "move-pmd.anon", "and page by page", MADV_HUGEPAGE, PAGE);
    }

    private static void movingHuge(CaseTable t, String origin, String says, int advice, long step) {
        t.add(origin, "UFFDIO_MOVE of a huge page: " + says, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, MOVE | SIGBUS);
            long source = TransparentPages.filled(s, HUGE, 1);
            s.numberPages(source, HUGE);
            s.gives(0, "madvise", source, HUGE, MADV_DONTFORK);
            long addr = TransparentPages.wanted(s, HUGE);
            s.gives(0, "madvise", addr, HUGE, advice);
            uffd.register(addr, HUGE, MISSING);
            s.loadRaises(BUS_ADRERR, addr + PAGE);
            for (long at = 0; at < HUGE; at += step) {
                uffd.gives(0, IOCTL_MOVE, addr + at, source + at, step, 0, 0);
                s.equal(step, uffd.word(4), "the bytes moved");
            }
            // The refused load made a table of single pages where no huge pages are wanted.
            boolean isWhole = step == HUGE && advice == MADV_HUGEPAGE;
            s.equal(isWhole ? HUGE / 1024 : 0, s.smaps(addr, "AnonHugePages"), "AnonHugePages");
            s.pagesAreNumbered(1, addr, HUGE);
            s.pagesHold(0, source, HUGE);
        });
    }

    private interface Part {
        void make(Subject s, UserfaultCalls uffd, long addr);
    }

    private static void unpopulated(CaseTable t, String says, Part part) {
        t.add("wp-unpopulated.anon", says, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, PAGEFAULT_FLAG_WP | WP_UNPOPULATED);
            long addr = s.map(BYTES, RW);
            uffd.register(addr, BYTES, WP);
            uffd.writeProtect(addr, PAGE, true);
            part.make(s, uffd, addr);
        });
    }

    private static void unpopulated(CaseTable t) {
        unpopulated(t, "protection of a page that is not there shows in pagemap", (s, uffd, addr) -> {
            isProtected(s, addr, true);
        });
        unpopulated(t, "it can be taken away", (s, uffd, addr) -> {
            uffd.writeProtect(addr, PAGE, false);
            isProtected(s, addr, false);
        });
        unpopulated(t, "MADV_DONTNEED takes it away", (s, uffd, addr) -> {
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            isProtected(s, addr, false);
            s.store(addr, 1);
            isProtected(s, addr, false);
        });
        unpopulated(t, "a load keeps it, and MADV_DONTNEED takes that away too", (s, uffd, addr) -> {
            s.holds(0, addr);
            isProtected(s, addr, true);
            s.gives(0, "madvise", addr, PAGE, MADV_DONTNEED);
            isProtected(s, addr, false);
        });
    }

    private static void minor(CaseTable t) {
        for (boolean protects : new boolean[] {false, true}) {
            String origin = protects ? "minor-wp.shmem" : "minor.shmem";
            long features = MINOR_SHMEM | SIGBUS | (protects ? PAGEFAULT_FLAG_WP | WP_UNPOPULATED : 0);
            String kind = protects ? ", and it is write-protected" : "";
            t.add(origin, "a page that the file has but not the table waits for UFFDIO_CONTINUE" + kind, s -> {
                UserfaultCalls uffd = UserfaultCalls.open(s, features);
                int fd = memfd(s);
                long other = Memory.SHMEM.map(s, fd);
                long addr = Memory.SHMEM.map(s, fd);
                uffd.register(addr, BYTES, protects ? MINOR | WP : MINOR);
                s.numberPages(other, BYTES);
                for (int i = 0; i < PAGES; i++) {
                    long at = addr + i * PAGE;
                    s.loadRaises(BUS_ADRERR, at);
                    s.store(other + i * PAGE, ~(i + 1));
                    uffd.gives(0, IOCTL_CONTINUE, at, PAGE, protects ? 2 : 0, 0);
                    s.equal(PAGE, uffd.word(3), "the bytes mapped");
                    s.holds(~(i + 1), at);
                    if (protects) {
                        isProtected(s, at, true);
                        s.storeRaises(BUS_ADRERR, at);
                        uffd.writeProtect(at, PAGE, false);
                    }
                    s.store(at, i + 1);
                }
                s.pagesAreNumbered(1, other, BYTES);
            });
        }
    }

    private static void leftOut(CaseTable t) {
        for (Memory memory : Memory.values()) {
            String kind = ": " + memory.title;
            t.leftOut("wp-fork-with-event." + memory.title, "a child that is watched stays protected" + kind, WAITS);
            t.leftOut("wp-fork-pin." + memory.title, "so it is with pinned pages" + kind, GUP);
            t.leftOut("wp-fork-pin-with-event." + memory.title, "also when the child is watched" + kind, GUP);
            t.leftOut("events." + memory.title, "fork, mremap and MADV_DONTNEED tell the watcher" + kind, WAITS);
            t.leftOut("events-wp." + memory.title, "also with write protection" + kind, WAITS);
        }
        t.leftOut("minor-collapse.shmem", "MADV_COLLAPSE after minor faults", "transparent huge pages");
    }
}
