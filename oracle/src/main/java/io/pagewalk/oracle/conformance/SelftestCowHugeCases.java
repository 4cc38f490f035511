package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.HugePages.PRIVATE_HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.function.Consumer;

/** What the kernel's selftest {@code cow.c} checks of huge pages: whole ones, parts of split ones, ones that MADV_COLLAPSE makes, the huge page of zeros, and those of a pool. */
final class SelftestCowHugeCases {
    private static final long HALF = HUGE / 2;

    private SelftestCowHugeCases() {}

    static void addTo(CaseTable t) {
        for (Memory memory : Memory.values()) {
            afterFork(t, memory);
        }
        for (Shared shared : Shared.values()) {
            collapse(t, shared);
        }
        zeroes(t);
        pool(t);
    }

    /** Ones in memory of this process alone. */
    private record Ones(long addr, long bytes) {}

    /** What became of a huge page before it is shared: {@code enum thp_run}. */
    private enum Memory {
        WHOLE("whole") {
            @Override
            Ones of(Subject s, long huge) {
                return new Ones(huge, HUGE);
            }
        },
        SPLIT_ENTRY("mapped page by page") {
            @Override
            Ones of(Subject s, long huge) {
                splitEntry(s, huge);
                return new Ones(huge, HUGE);
            }
        },
        ONE_PAGE("of which one page is left") {
            @Override
            Ones of(Subject s, long huge) {
                s.unmap(huge + PAGE, HUGE - PAGE);
                return new Ones(huge, PAGE);
            }
        },
        MOVED_HALF("of which half lies elsewhere") {
            @Override
            Ones of(Subject s, long huge) {
                long other = s.hole(HALF);
                s.gives(other, "mremap", huge + HALF, HALF, HALF, MREMAP_MAYMOVE | MREMAP_FIXED, other);
                return new Ones(huge, HALF);
            }
        },
        PARTLY_SHARED("of which one page was shared with a child before") {
            @Override
            Ones of(Subject s, long huge) {
                s.gives(0, "madvise", huge + PAGE, HUGE - PAGE, MADV_DONTFORK);
                s.fork().exit();
                s.gives(0, "madvise", huge + PAGE, HUGE - PAGE, MADV_DOFORK);
                return new Ones(huge, HUGE);
            }
        };

        private final String title;

        Memory(String title) {
            this.title = title;
        }

        /** Makes it of a huge page that is mapped as a whole. */
        abstract Ones of(Subject s, long huge);
    }

    private static long ones(Subject s) {
        return TransparentPages.filled(s, HUGE, 1);
    }

    private static void splitEntry(Subject s, long huge) {
        s.gives(0, "mprotect", huge + PAGE, PAGE, PROT_READ);
        s.gives(0, "mprotect", huge + PAGE, PAGE, RW);
    }

    private static void reprotect(Subject s, Ones ones, boolean isWanted) {
        if (isWanted) {
            s.gives(0, "mprotect", ones.addr, ones.bytes, PROT_READ);
            s.gives(0, "mprotect", ones.addr, ones.bytes, RW);
        }
    }

    private static void afterFork(CaseTable t, Memory memory) {
        String which = ": a huge page " + memory.title;
        for (boolean protects : new boolean[] {false, true}) {
            String origin = "run_with_thp.cow_in_parent" + (protects ? "_mprotect" : "");
            String how = (protects ? ", after the parent made it read-only and writable again" : "") + which;
            t.add(origin, "a child does not see what its parent writes" + how, s -> {
                Ones ones = memory.of(s, ones(s));
                Subject child = s.fork();
                reprotect(s, ones, protects);
                s.storeInPages(ones.addr, ones.bytes, 0xff);
                child.pagesHold(1, ones.addr, ones.bytes);
            });
            t.add(origin, "nor the parent what the child writes" + how, s -> {
                Ones ones = memory.of(s, ones(s));
                Subject child = s.fork();
                reprotect(child, ones, protects);
                child.storeInPages(ones.addr, ones.bytes, 0xff);
                s.pagesHold(1, ones.addr, ones.bytes);
            });
        }
        for (boolean protects : new boolean[] {false, true}) {
            String origin = "run_with_thp.vmsplice_in_child" + (protects ? "_mprotect" : "");
            t.add(origin, "what a child gave to a pipe is not what its parent writes" + which, s -> {
                Ones ones = memory.of(s, ones(s));
                Subject child = s.fork();
                SelftestCowCases.Pipe pipe = SelftestCowCases.Pipe.of(child);
                pipe.splice(ones.addr, ones.bytes);
                child.unmap(ones.addr, ones.bytes);
                reprotect(s, ones, protects);
                s.storeInPages(ones.addr, ones.bytes, 0xff);
                pipe.holds(1, ones.bytes);
            });
        }
        for (boolean isBefore : new boolean[] {true, false}) {
            String when = isBefore ? "before" : "after";
            String says = "what a parent gave to a pipe " + when + " fork stays" + which;
            t.add("run_with_thp.vmsplice_" + when + "_fork", says, s -> {
                Ones ones = memory.of(s, ones(s));
                SelftestCowCases.Pipe pipe = SelftestCowCases.Pipe.of(s);
                if (isBefore) {
                    pipe.splice(ones.addr, ones.bytes);
                }
                Subject child = s.fork();
                if (!isBefore) {
                    pipe.splice(ones.addr, ones.bytes);
                }
                s.unmap(ones.addr, ones.bytes);
                child.storeInPages(ones.addr, ones.bytes, 0xff);
                pipe.holds(1, ones.bytes);
            });
        }
    }

    /** How much of a huge page, mapped page by page, a child has when it is collapsed: {@code enum anon_thp_collapse_test}. */
    private enum Shared {
        UNSHARED("before it is shared", 0, HUGE),
        FULLY("while it is shared", 0, HUGE),
        LOWER("while its lower half is shared", 0, HALF),
        UPPER("while its upper half is shared", HALF, HALF);

        private final String title;
        private final long offset;
        private final long bytes;

        Shared(String title, long offset, long bytes) {
            this.title = title;
            this.offset = offset;
            this.bytes = bytes;
        }
    }

    private static void collapse(CaseTable t, Shared shared) {
        t.add("anon_thp_collapse", "a child does not see what its parent writes: collapsed " + shared.title, s -> {
            long huge = ones(s);
            splitEntry(s, huge);
            if (shared == Shared.UNSHARED) {
                s.gives(0, "madvise", huge, HUGE, MADV_COLLAPSE);
            } else if (shared.bytes != HUGE) {
                s.gives(0, "madvise", huge + HALF - shared.offset, HALF, MADV_DONTFORK);
            }
            Subject child = s.fork();
            if (shared != Shared.UNSHARED) {
                s.gives(0, "madvise", huge, HUGE, MADV_DOFORK);
                s.gives(0, "madvise", huge, HUGE, MADV_COLLAPSE);
            }
            s.equal(HUGE / 1024, s.smaps(huge, "AnonHugePages"), "AnonHugePages");
            s.storeInPages(huge, HUGE, 0xff);
            child.pagesHold(1, huge + shared.offset, shared.bytes);
        });
    }

    private static void zeroes(CaseTable t) {
        t.add(
                "run_with_huge_zeropage",
                "a store over the huge page of zeros is not seen in another mapping of it",
                s -> {
                    long own = TransparentPages.wanted(s, HUGE);
                    long other = TransparentPages.wanted(s, HUGE);
                    s.holds(0, own);
                    s.holds(0, other);
                    TransparentPages.needsHuge(s, own);
                    TransparentPages.needsHuge(s, other);
                    s.storeInPages(own, HUGE, 0xff);
                    s.pagesHold(0, other, HUGE);
                });
    }

    private static void pool(CaseTable t) {
        for (boolean protects : new boolean[] {false, true}) {
            String origin = "run_with_hugetlb.cow_in_parent" + (protects ? "_mprotect" : "");
            String how = (protects ? ", after the parent made it read-only and writable again" : "") + ": hugetlb";
            withPool(t, origin, "a child does not see what its parent writes" + how, s -> {
                Ones ones = ofPool(s);
                Subject child = s.fork();
                reprotect(s, ones, protects);
                s.storeInPages(ones.addr, HUGE, 0xff);
                child.pagesHold(1, ones.addr, HUGE);
            });
            withPool(t, origin, "nor the parent what the child writes" + how, s -> {
                Ones ones = ofPool(s);
                Subject child = s.fork();
                reprotect(child, ones, protects);
                child.storeInPages(ones.addr, HUGE, 0xff);
                s.pagesHold(1, ones.addr, HUGE);
            });
        }
        withPool(
                t,
                "run_with_memfd_hugetlb",
                "a store in a private mapping of a memfd is not seen in a shared one",
                s -> {
                    int fd = HugePages.file(s);
                    s.gives(0, "fallocate", fd, 0, 0, HUGE);
                    long own = s.ok("mmap", 0, HUGE, RW, MAP_PRIVATE, fd, 0);
                    long shared = s.ok("mmap", 0, HUGE, PROT_READ, MAP_SHARED, fd, 0);
                    s.holds(0, own);
                    s.holds(0, shared);
                    s.storeInPages(own, HUGE, 0xff);
                    s.pagesHold(0, shared, HUGE);
                });
    }

    private static void withPool(CaseTable t, String origin, String says, Consumer<Subject> body) {
        t.add(origin, says, s -> HugePages.with(s, 4, body));
    }

    private static Ones ofPool(Subject s) {
        long addr = s.ok("mmap", 0, HUGE, RW, PRIVATE_HUGE, -1, 0);
        s.storeInPages(addr, HUGE, 1);
        return new Ones(addr, HUGE);
    }
}
