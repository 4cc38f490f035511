package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.UserfaultCalls.*;

import java.util.function.Consumer;

/** What the kernel's selftest {@code uffd-unit-tests.c} checks in huge pages of a pool, shared and private. A fault that nobody has answered raises SIGBUS instead of waiting. */
final class SelftestUffdHugeCases {
    private static final int PAGES = 4;
    private static final long BYTES = PAGES * HUGE;
    private static final long MINOR_HUGETLBFS = 1 << 9;
    private static final long UFFD_WP_BIT = 1L << 57;
    private static final int NORESERVE = 0x4000;
    private static final String WAITS = "the call waits until another thread has read the event";
    private static final String GUP = "pins pages through the debugging file gup_test, which kernels are built without";

    private SelftestUffdHugeCases() {}

    static void addTo(CaseTable t) {
        for (boolean isShared : new boolean[] {true, false}) {
            String title = isShared ? "hugetlb" : "hugetlb-private";
            registering(t, title, isShared);
            zeroPages(t, title, isShared);
            forking(t, title, isShared);
            signals(t, title, isShared, false);
            signals(t, title, isShared, true);
            poison(t, title, isShared);
            leftOut(t, title);
        }
        minor(t, false);
        minor(t, true);
        others(t);
    }

    private static void add(CaseTable t, String origin, String says, Consumer<Subject> body) {
        t.add(origin, says, s -> HugePages.with(s, 2 * PAGES, body));
    }

    private static long map(Subject s, boolean isShared) {
        return map(s, isShared, HugePages.file(s));
    }

    private static long map(Subject s, boolean isShared, int fd) {
        s.gives(0, "ftruncate", fd, BYTES);
        return HugePages.map(s, PAGES, isShared ? MAP_SHARED : MAP_PRIVATE | NORESERVE, fd);
    }

    private static void isProtected(Subject s, long addr, boolean isExpected) {
        for (long at : new long[] {addr, addr + HUGE - PAGE}) {
            s.equal(isExpected ? UFFD_WP_BIT : 0, s.pagemap(at, 1)[0] & UFFD_WP_BIT, "bit 57 of pagemap");
        }
    }

    private static void registering(CaseTable t, String title, boolean isShared) {
        long features = PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM | MINOR_HUGETLBFS;
        for (int mode = 0; mode < 8; mode++) {
            int asked = mode;
            long ioctls = 1L << 2
                    | 1L << 3
                    | 1L << 8
                    | ((mode & WP) != 0 ? 1L << 6 : 0)
                    | ((mode & MINOR) != 0 ? 1L << 7 : 0);
            String says = "mode " + mode + (mode == 0 ? " is refused: " : " offers its ioctls, no more: ") + title;
            add(t, "register-ioctls." + title, says, s -> {
                UserfaultCalls uffd = UserfaultCalls.open(s, features);
                long addr = map(s, isShared);
                if (asked == 0) {
                    uffd.gives(-EINVAL, IOCTL_REGISTER, addr, HUGE, asked, 0);
                } else {
                    s.equal(ioctls, uffd.register(addr, HUGE, asked), "the ioctls offered");
                    uffd.unregister(addr, HUGE);
                }
            });
        }
    }

    private static void zeroPages(CaseTable t, String title, boolean isShared) {
        add(t, "zeropage." + title, "there is no UFFDIO_ZEROPAGE: " + title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, 0);
            long addr = map(s, isShared);
            long ioctls = uffd.register(addr, HUGE, MISSING);
            s.equal(0, ioctls >>> 4 & 1, "whether UFFDIO_ZEROPAGE is offered");
            uffd.gives(-EINVAL, IOCTL_ZEROPAGE, addr, HUGE, 0, 0);
            s.equal(-EINVAL, uffd.word(3), "the bytes made");
            uffd.unregister(addr, HUGE);
        });
    }

    private static void forking(CaseTable t, String title, boolean isShared) {
        add(t, "wp-fork." + title, "a child is not write-protected, page or marker: " + title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM);
            long addr = map(s, isShared);
            uffd.register(addr, BYTES, WP);
            s.store(addr, 1);
            uffd.writeProtect(addr, HUGE, true);
            isProtected(s, addr, true);
            childIsFree(s, addr);
            if (isShared) {
                // Private pages of a pool cannot be swapped: there is no marker without a page.
                s.gives(0, "madvise", addr, HUGE, MADV_DONTNEED);
                isProtected(s, addr, true);
                childIsFree(s, addr);
            }
            uffd.writeProtect(addr, HUGE, false);
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

    private static long source(Subject s) {
        long source = s.map(BYTES, RW);
        HugePages.fill(s, source, PAGES, 1);
        return source;
    }

    private static void signals(CaseTable t, String title, boolean isShared, boolean protects) {
        String origin = (protects ? "sigbus-wp." : "sigbus.") + title;
        int mode = protects ? MISSING | WP : MISSING;
        long features = protects ? SIGBUS | PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM : SIGBUS;
        String kind = ": " + title + (protects ? ", write-protected" : "");
        add(t, origin, "a missing page raises SIGBUS until it is copied" + kind, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, features);
            long source = source(s);
            long addr = map(s, isShared);
            uffd.register(addr, BYTES, mode);
            for (int i = 0; i < PAGES; i++) {
                long at = addr + i * HUGE;
                s.loadRaises(BUS_ADRERR, at + PAGE);
                uffd.copy(at, source + i * HUGE, HUGE, protects ? 2 : 0);
                s.holds(i + 1, at);
                s.holds(i + 1, at + HUGE - 8);
                if (protects) {
                    isProtected(s, at, true);
                    s.storeRaises(BUS_ADRERR, at + PAGE);
                    uffd.writeProtect(at, HUGE, false);
                }
                s.store(at + PAGE, i + 1);
            }
            HugePages.isFilled(s, addr, PAGES, 1);
            HugePages.has(s, 2 * PAGES, PAGES, 0, 0);
        });
        add(t, origin, "and again after the pages were given back" + kind, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, features);
            long source = source(s);
            long addr = map(s, isShared);
            uffd.register(addr, BYTES, mode);
            uffd.copy(addr, source, BYTES, 0);
            HugePages.isFilled(s, addr, PAGES, 1);
            s.gives(0, "madvise", addr, BYTES, isShared ? MADV_REMOVE : MADV_DONTNEED);
            for (int i = 0; i < PAGES; i++) {
                s.loadRaises(BUS_ADRERR, addr + i * HUGE);
                s.storeRaises(BUS_ADRERR, addr + i * HUGE);
            }
            HugePages.has(s, 2 * PAGES, 2 * PAGES, 0, 0);
        });
    }

    private static void poison(CaseTable t, String title, boolean isShared) {
        add(t, "poison." + title, "a poisoned page raises SIGBUS as broken memory does: " + title, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, POISON | SIGBUS);
            long source = source(s);
            long addr = map(s, isShared);
            long ioctls = uffd.register(addr, BYTES, MISSING);
            long expected = 1L << 3 | 1L << 8;
            s.equal(expected, ioctls & expected, "the ioctls offered");
            for (int i = 0; i < PAGES; i++) {
                long at = addr + i * HUGE;
                s.loadRaises(BUS_ADRERR, at);
                if (i % 2 == 1) {
                    uffd.copy(at, source + i * HUGE, HUGE, 0);
                    s.holds(i + 1, at);
                } else {
                    uffd.gives(0, IOCTL_POISON, at, HUGE, 0, 0);
                    s.equal(HUGE, uffd.word(3), "the bytes poisoned");
                    // Its code says that memory is broken only where the kernel can handle such memory.
                    s.equal(7, s.signalOfLoad(at + PAGE) >> 8, "the signal of a load of a poisoned page");
                }
            }
        });
    }

    private static void minor(CaseTable t, boolean protects) {
        String origin = protects ? "minor-wp.hugetlb" : "minor.hugetlb";
        long features = MINOR_HUGETLBFS | SIGBUS | (protects ? PAGEFAULT_FLAG_WP | WP_UNPOPULATED : 0);
        String kind = protects ? ", and it is write-protected" : "";
        add(t, origin, "a page that the file has but not the table waits for UFFDIO_CONTINUE" + kind, s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, features);
            int fd = HugePages.file(s);
            long other = map(s, true, fd);
            long addr = map(s, true, fd);
            uffd.register(addr, BYTES, protects ? MINOR | WP : MINOR);
            HugePages.fill(s, other, PAGES, 1);
            for (int i = 0; i < PAGES; i++) {
                long at = addr + i * HUGE;
                s.loadRaises(BUS_ADRERR, at);
                s.store(other + i * HUGE, ~(i + 1));
                uffd.gives(0, IOCTL_CONTINUE, at, HUGE, protects ? 2 : 0, 0);
                s.equal(HUGE, uffd.word(3), "the bytes mapped");
                s.holds(~(i + 1), at);
                if (protects) {
                    isProtected(s, at, true);
                    s.storeRaises(BUS_ADRERR, at);
                    uffd.writeProtect(at, HUGE, false);
                }
                s.store(at, i + 1);
            }
            HugePages.isFilled(s, other, PAGES, 1);
        });
    }

    /** What the selftest takes for granted. */
    private static void others(CaseTable t) {
        add(t, "hugetlb", "ranges are made of whole huge pages, and nothing is moved", s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, MOVE | SIGBUS);
            long source = source(s);
            long addr = map(s, false);
            uffd.gives(-EINVAL, IOCTL_REGISTER, addr + PAGE, HUGE - PAGE, MISSING, 0);
            uffd.gives(-EINVAL, IOCTL_REGISTER, addr, HUGE + PAGE, MISSING, 0);
            uffd.register(addr, BYTES, MISSING | WP);
            uffd.gives(-EINVAL, IOCTL_COPY, addr + PAGE, source, HUGE, 0, 0);
            uffd.gives(-EINVAL, IOCTL_COPY, addr, source, PAGE, 0, 0);
            uffd.gives(-EINVAL, IOCTL_POISON, addr, PAGE, 0, 0);
            uffd.gives(-EINVAL, IOCTL_WRITEPROTECT, addr, HUGE + PAGE, 1);
            uffd.gives(-EINVAL, IOCTL_MOVE, addr, source, HUGE, 0, 0);
            uffd.gives(-EINVAL, IOCTL_UNREGISTER, addr, HUGE - PAGE);
            uffd.gives(-EINVAL, IOCTL_UNREGISTER, addr + PAGE, HUGE);
            uffd.unregister(addr, BYTES);
        });
        add(t, "hugetlb", "UFFDIO_COPY that cannot read its source gives the promise back", s -> {
            UserfaultCalls uffd = UserfaultCalls.open(s, 0);
            long addr = HugePages.map(s, PAGES, HugePages.PRIVATE_HUGE, -1);
            uffd.register(addr, BYTES, MISSING);
            HugePages.has(s, 2 * PAGES, 2 * PAGES, PAGES, 0);
            uffd.gives(-EFAULT, IOCTL_COPY, addr, PAGE, HUGE, 0, 0);
            HugePages.has(s, 2 * PAGES, 2 * PAGES, PAGES, 0);
            uffd.copy(addr, source(s), HUGE, 0);
            HugePages.has(s, 2 * PAGES, 2 * PAGES - 1, PAGES - 1, 0);
        });
    }

    private static void leftOut(CaseTable t, String title) {
        String kind = ": " + title;
        t.leftOut("wp-fork-with-event." + title, "a child that is watched stays protected" + kind, WAITS);
        t.leftOut("wp-fork-pin." + title, "so it is with pinned pages" + kind, GUP);
        t.leftOut("wp-fork-pin-with-event." + title, "also when the child is watched" + kind, GUP);
        t.leftOut("events." + title, "fork, mremap and MADV_DONTNEED tell the watcher" + kind, WAITS);
        t.leftOut("events-wp." + title, "also with write protection" + kind, WAITS);
    }
}
