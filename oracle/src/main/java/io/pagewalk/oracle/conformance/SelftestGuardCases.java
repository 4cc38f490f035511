package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftest {@code guard-regions.c} checks, each on anonymous memory, a memfd and a file where it can be. */
final class SelftestGuardCases {
    private static final int PIDFD_SELF_GROUP = -10001;
    private static final int MOVE_TO = MREMAP_MAYMOVE | MREMAP_FIXED;

    private SelftestGuardCases() {}

    /** What the mappings of a case are backed by. */
    private enum Backing {
        ANON,
        SHMEM,
        FILE
    }

    /** A case's process with the file behind its mappings. */
    private record Kit(Subject s, Backing backing, long fd) {
        long map(long addr, long pages, int prot, int extra) {
            return backing == Backing.ANON
                    ? s.ok("mmap", addr, pages * PAGE, prot, PRIVATE_ANON | extra, -1, 0)
                    : s.ok("mmap", addr, pages * PAGE, prot, MAP_SHARED | extra, fd, 0);
        }

        long map(long pages) {
            return map(0, pages, RW, 0);
        }

        void guard(long addr, long pages) {
            s.gives(0, "madvise", addr, pages * PAGE, MADV_GUARD_INSTALL);
        }

        void unguard(long addr, long pages) {
            s.gives(0, "madvise", addr, pages * PAGE, MADV_GUARD_REMOVE);
        }
    }

    private interface Body {
        void make(Kit kit, Subject s);
    }

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest guard-regions.c");
        Backing[] all = Backing.values();
        installing(t, all);
        areas(t, all);
        advice(t, all);
        moving(t, all);
        forking(t, all);
        SelftestGuardFileCases.addTo(t);
        return t.cases();
    }

    private static void each(CaseTable t, String origin, String says, Backing[] backings, Body body) {
        for (Backing backing : backings) {
            String kind = backing == Backing.ANON ? ": anonymous" : backing == Backing.SHMEM ? ": memfd" : ": file";
            t.add(origin, says + kind, s -> {
                long fd = -1;
                if (backing == Backing.SHMEM) {
                    fd = s.ok("memfd_create", s.string("guard"), 0);
                } else if (backing == Backing.FILE) {
                    fd = s.open(s.newFile(new byte[0]), O_RDWR);
                }
                if (fd >= 0) {
                    s.gives(0, "ftruncate", fd, 100 * PAGE);
                }
                body.make(new Kit(s, backing, fd), s);
            });
        }
    }

    static void isGuarded(Subject s, long addr, long pages) {
        for (long i = 0; i < pages; i++) {
            s.loadRaises(SEGV_MAPERR, addr + i * PAGE);
            s.storeRaises(SEGV_MAPERR, addr + i * PAGE);
        }
    }

    static void isUsable(Subject s, long addr, long pages) {
        for (long i = 0; i < pages; i++) {
            s.loadRaises(0, addr + i * PAGE);
            s.storeRaises(0, addr + i * PAGE);
        }
    }

    private static void installing(CaseTable t, Backing[] all) {
        each(t, "basic", "guards can be put, found and taken away, also over pages in use", all, (kit, s) -> {
            long addr = kit.map(10);
            isUsable(s, addr, 1);
            kit.guard(addr, 1);
            isGuarded(s, addr, 1);
            isUsable(s, addr + PAGE, 9);
            kit.guard(addr + 9 * PAGE, 1);
            isGuarded(s, addr, 1);
            isGuarded(s, addr + 9 * PAGE, 1);
            kit.unguard(addr, 1);
            isUsable(s, addr, 1);
            kit.unguard(addr + 9 * PAGE, 1);
            isUsable(s, addr + 9 * PAGE, 1);
            kit.guard(addr, 3);
            isGuarded(s, addr, 3);
            isUsable(s, addr + 3 * PAGE, 7);
            kit.unguard(addr, 10);
            isUsable(s, addr, 10);
            kit.unguard(addr, 10);
            s.pagesHold(0x5a5a, addr, 10 * PAGE);
        });
        each(t, "process_madvise", "process_madvise puts guards in six places at once", all, (kit, s) -> {
            long region = kit.map(0, 100, PROT_NONE, 0);
            long first = kit.map(region + PAGE, 10, RW, MAP_FIXED | MAP_POPULATE);
            long second = kit.map(region + 50 * PAGE, 5, RW, MAP_FIXED);
            long third = kit.map(region + 79 * PAGE, 20, RW, MAP_FIXED);
            s.unmap(region, PAGE);
            s.unmap(region + 11 * PAGE, 39 * PAGE);
            s.unmap(region + 55 * PAGE, 24 * PAGE);
            s.unmap(region + 99 * PAGE, PAGE);
            long[] ends = {first, first + 9 * PAGE, second, second + 4 * PAGE, third, third + 19 * PAGE};
            long[] vectors = new long[2 * ends.length];
            for (int i = 0; i < ends.length; i++) {
                vectors[2 * i] = ends[i];
                vectors[2 * i + 1] = PAGE;
            }
            long iovec = s.words(vectors);
            s.gives(6 * PAGE, "process_madvise", PIDFD_SELF_GROUP, iovec, 6, MADV_GUARD_INSTALL, 0);
            for (long end : ends) {
                isGuarded(s, end, 1);
            }
            s.gives(6 * PAGE, "process_madvise", PIDFD_SELF_GROUP, iovec, 6, MADV_GUARD_REMOVE, 0);
            for (long end : ends) {
                isUsable(s, end, 1);
            }
        });
    }

    private static void areas(CaseTable t, Backing[] all) {
        each(t, "multi_vma", "guards over holes give ENOMEM and are put all the same", all, (kit, s) -> {
            long region = kit.map(0, 100, PROT_NONE, 0);
            kit.map(region, 10, RW, MAP_FIXED);
            kit.map(region + 50 * PAGE, 5, RW, MAP_FIXED);
            kit.map(region + 80 * PAGE, 20, RW, MAP_FIXED);
            s.unmap(region + 10 * PAGE, 40 * PAGE);
            s.unmap(region + 55 * PAGE, 25 * PAGE);
            s.fails(ENOMEM, "madvise", region, 100 * PAGE, MADV_GUARD_INSTALL);
            isGuarded(s, region, 10);
            isGuarded(s, region + 50 * PAGE, 5);
            isGuarded(s, region + 80 * PAGE, 20);
            s.fails(ENOMEM, "madvise", region, 100 * PAGE, MADV_GUARD_REMOVE);
            isUsable(s, region, 10);
            isUsable(s, region + 50 * PAGE, 5);
            isUsable(s, region + 80 * PAGE, 20);
            kit.map(region + 10 * PAGE, 40, RWX, MAP_FIXED);
            kit.map(region + 55 * PAGE, 25, RWX, MAP_FIXED);
            kit.guard(region, 100);
            isGuarded(s, region, 100);
            kit.unguard(region, 100);
            isUsable(s, region, 100);
        });
        each(t, "munmap", "munmap takes guards away", all, (kit, s) -> {
            long addr = kit.map(10);
            for (long page : new long[] {addr, addr + 9 * PAGE}) {
                kit.guard(page, 1);
                isGuarded(s, page, 1);
                s.unmap(page, PAGE);
                kit.map(page, 1, RW, MAP_FIXED);
                isUsable(s, page, 1);
            }
        });
        each(t, "mprotect", "mprotect leaves guards", all, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr + 5 * PAGE, 2);
            isGuarded(s, addr + 5 * PAGE, 2);
            s.gives(0, "mprotect", addr + 5 * PAGE, 2 * PAGE, PROT_READ);
            s.loadRaises(SEGV_MAPERR, addr + 5 * PAGE);
            kit.guard(addr + 5 * PAGE, 2);
            s.loadRaises(SEGV_MAPERR, addr + 6 * PAGE);
            kit.unguard(addr, 10);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(0, addr + i * PAGE);
            }
        });
        each(t, "split_merge", "guards outlive splits and merges, and go with unmapped pages", all, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr, 10);
            for (int hole : new int[] {2, 5, 8}) {
                s.unmap(addr + hole * PAGE, PAGE);
                kit.map(addr + hole * PAGE, 1, RW, MAP_FIXED);
            }
            for (int i = 0; i < 10; i++) {
                if (i % 3 == 2) {
                    isUsable(s, addr + i * PAGE, 1);
                } else {
                    isGuarded(s, addr + i * PAGE, 1);
                }
            }
            kit.guard(addr, 10);
            isGuarded(s, addr, 10);
            protectEnds(s, addr, PROT_READ);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(SEGV_MAPERR, addr + i * PAGE);
            }
            protectEnds(s, addr, RW);
            isGuarded(s, addr, 10);
            protectEnds(s, addr, PROT_READ);
            kit.unguard(addr, 10);
            for (int i = 0; i < 10; i++) {
                s.loadRaises(0, addr + i * PAGE);
            }
            protectEnds(s, addr, RW);
            isUsable(s, addr, 10);
        });
    }

    private static void protectEnds(Subject s, long addr, int prot) {
        s.gives(0, "mprotect", addr, 3 * PAGE, prot);
        s.gives(0, "mprotect", addr + 7 * PAGE, 3 * PAGE, prot);
    }

    private static void advice(CaseTable t, Backing[] all) {
        Backing[] anon = {Backing.ANON};
        each(t, "dontneed", "MADV_DONTNEED leaves guards", all, (kit, s) -> {
            long addr = kit.map(10);
            s.storeInPages(addr, 10 * PAGE, 'y');
            for (int i = 0; i < 10; i += 2) {
                kit.guard(addr + i * PAGE, 1);
            }
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_DONTNEED);
            for (int i = 0; i < 10; i += 2) {
                isGuarded(s, addr + i * PAGE, 1);
                s.holds(kit.backing() == Backing.ANON ? 0 : 'y', addr + (i + 1) * PAGE);
                isUsable(s, addr + (i + 1) * PAGE, 1);
            }
        });
        each(t, "mlock", "locked memory takes no guards, and lets them be removed", all, (kit, s) -> {
            long addr = kit.map(10);
            s.storeInPages(addr, 10 * PAGE, 'y');
            s.gives(0, "mlock", addr, 10 * PAGE);
            s.fails(EINVAL, "madvise", addr, 10 * PAGE, MADV_GUARD_INSTALL);
            s.gives(0, "munlock", addr, 10 * PAGE);
            kit.guard(addr, 5);
            isGuarded(s, addr, 5);
            isUsable(s, addr + 5 * PAGE, 5);
            s.gives(0, "mlock", addr + 5 * PAGE, 5 * PAGE);
            kit.unguard(addr, 10);
            isUsable(s, addr, 10);
        });
        each(t, "lazyfree", "MADV_FREE leaves guards", anon, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr, 10);
            isGuarded(s, addr, 10);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_FREE);
            isGuarded(s, addr, 10);
        });
        each(t, "populate", "guards cannot be populated: EFAULT", all, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr, 10);
            s.fails(EFAULT, "madvise", addr, 10 * PAGE, MADV_POPULATE_READ);
            s.fails(EFAULT, "madvise", addr, 10 * PAGE, MADV_POPULATE_WRITE);
        });
        each(t, "cold_pageout", "MADV_COLD and MADV_PAGEOUT leave guards", all, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr, 10);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_COLD);
            isGuarded(s, addr, 10);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_PAGEOUT);
            isGuarded(s, addr, 10);
        });
        each(t, "uffd", "userfaultfd is not told of guards", new Backing[] {Backing.ANON, Backing.SHMEM}, (kit, s) -> {
            long uffd = s.ok("userfaultfd", 0);
            s.gives(0, "ioctl", uffd, 0xc018aa3fL, s.words(0xaa, 0, 0));
            long addr = kit.map(10);
            s.gives(0, "ioctl", uffd, 0xc020aa00L, s.words(addr, 10 * PAGE, 1, 0));
            kit.guard(addr, 10);
            isGuarded(s, addr, 10);
            s.gives(0, "ioctl", uffd, 0x8010aa01L, s.words(addr, 10 * PAGE));
        });
    }

    private static long withGuardedEnds(Kit kit, long addr) {
        kit.guard(addr, 1);
        kit.guard(addr + 4 * PAGE, 1);
        isGuarded(kit.s(), addr, 1);
        isGuarded(kit.s(), addr + 4 * PAGE, 1);
        return addr;
    }

    private static void moving(CaseTable t, Backing[] all) {
        each(t, "mremap_move", "guards move along", all, (kit, s) -> {
            long addr = withGuardedEnds(kit, kit.map(5));
            long to = kit.map(0, 5, PROT_NONE, 0);
            s.gives(to, "mremap", addr, 5 * PAGE, 5 * PAGE, MOVE_TO, to);
            isGuarded(s, to, 1);
            isGuarded(s, to + 4 * PAGE, 1);
        });
        each(t, "mremap_expand", "guards stay where they were when a mapping grows", all, (kit, s) -> {
            long addr = kit.map(10);
            s.unmap(addr + 5 * PAGE, 5 * PAGE);
            withGuardedEnds(kit, addr);
            s.gives(addr, "mremap", addr, 5 * PAGE, 10 * PAGE, 0, 0);
            isGuarded(s, addr, 1);
            isGuarded(s, addr + 4 * PAGE, 1);
            long to = kit.map(0, 20, PROT_NONE, 0);
            s.gives(to, "mremap", addr, 10 * PAGE, 20 * PAGE, MOVE_TO, to);
            isGuarded(s, to, 1);
            isGuarded(s, to + 4 * PAGE, 1);
        });
        each(t, "mremap_shrink", "guards that are cut off are gone", all, (kit, s) -> {
            long addr = withGuardedEnds(kit, kit.map(5));
            s.gives(addr, "mremap", addr, 5 * PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0);
            isGuarded(s, addr, 1);
            isUsable(s, addr + PAGE, 2);
            s.gives(addr, "mremap", addr, 3 * PAGE, 5 * PAGE, 0, 0);
            isGuarded(s, addr, 1);
            isUsable(s, addr + PAGE, 4);
        });
    }

    private static void forking(CaseTable t, Backing[] all) {
        Backing[] anon = {Backing.ANON};
        each(t, "fork", "a child has the guards and can remove its own", all, (kit, s) -> {
            long addr = kit.map(10);
            kit.guard(addr, 5);
            Subject child = s.fork();
            isGuarded(child, addr, 5);
            isUsable(child, addr + 5 * PAGE, 5);
            child.gives(0, "madvise", addr, 10 * PAGE, MADV_GUARD_REMOVE);
            child.exit();
            isGuarded(s, addr, 5);
            isUsable(s, addr + 5 * PAGE, 5);
        });
        each(t, "fork_cow", "guards of a child do not touch the parent's pages", anon, (kit, s) -> {
            long addr = kit.map(10);
            s.storeInPages(addr, 10 * PAGE, 'a');
            Subject child = s.fork();
            child.pagesHold('a', addr, 10 * PAGE);
            child.gives(0, "madvise", addr, 10 * PAGE, MADV_GUARD_INSTALL);
            child.gives(0, "madvise", addr, 10 * PAGE, MADV_GUARD_REMOVE);
            child.pagesHold(0, addr, 10 * PAGE);
            child.exit();
            s.pagesHold('a', addr, 10 * PAGE);
        });
        each(t, "fork_wipeonfork", "WIPEONFORK wipes guards in the child", anon, (kit, s) -> {
            long addr = kit.map(10);
            s.gives(0, "madvise", addr, 10 * PAGE, MADV_WIPEONFORK);
            kit.guard(addr, 5);
            Subject child = s.fork();
            isUsable(child, addr, 10);
            child.exit();
            isGuarded(s, addr, 5);
            isUsable(s, addr + 5 * PAGE, 5);
        });
    }
}
