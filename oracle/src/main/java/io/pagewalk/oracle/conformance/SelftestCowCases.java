package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftest {@code cow.c} checks: nobody sees what another writes to a page that both had. */
final class SelftestCowCases {
    private static final String GUP = "pins pages through the debugging file gup_test, which kernels are built without";
    private static final long ONES = 0x101010101010101L;
    private static final String URING = "io_uring with registered buffers";

    private SelftestCowCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest cow.c");
        afterFork(t);
        pipes(t);
        otherMappings(t);
        SelftestCowHugeCases.addTo(t);
        leftOut(t);
        return t.cases();
    }

    /** One page of ones that belongs to this process alone. */
    private static long page(Subject s) {
        long addr = s.map(PAGE, RW);
        long result = s.call("madvise", addr, PAGE, MADV_NOHUGEPAGE);
        s.isTrue(result == 0 || result == -EINVAL, "MADV_NOHUGEPAGE gives " + result);
        s.fill(addr, PAGE, 1);
        return addr;
    }

    private static void reprotect(Subject s, long addr, boolean isWanted) {
        if (isWanted) {
            s.gives(0, "mprotect", addr, PAGE, PROT_READ);
            s.gives(0, "mprotect", addr, PAGE, RW);
        }
    }

    private static void afterFork(CaseTable t) {
        for (boolean protects : new boolean[] {false, true}) {
            String suffix = protects ? "_mprotect" : "";
            String how = protects ? ", after the parent made it read-only and writable again" : "";
            t.add("test_cow_in_parent" + suffix, "a child does not see what its parent writes" + how, s -> {
                long addr = page(s);
                Subject child = s.fork();
                child.isFilled(addr, PAGE, 1);
                reprotect(s, addr, protects);
                s.fill(addr, PAGE, 0xff);
                child.isFilled(addr, PAGE, 1);
            });
            t.add("test_cow_in_parent" + suffix, "nor the parent what the child writes" + how, s -> {
                long addr = page(s);
                Subject child = s.fork();
                reprotect(child, addr, protects);
                child.fill(addr, PAGE, 0xff);
                s.isFilled(addr, PAGE, 1);
            });
        }
    }

    /** A pipe of a process, to which pages are given. */
    record Pipe(Subject owner, int reader, int writer) {
        private static final long CAPACITY = 16 * PAGE;

        static Pipe of(Subject owner) {
            long ends = owner.space(8);
            owner.gives(0, "pipe2", ends, 0);
            return new Pipe(owner, owner.load32(ends), owner.load32(ends + 4));
        }

        /** Gives as much of a range as the pipe takes at once. */
        void splice(long addr, long bytes) {
            long given = Math.min(bytes, CAPACITY);
            owner.gives(given, "vmsplice", writer, owner.words(addr, given), 1, 0);
        }

        /** What was given of a range must begin each page with a value. */
        void holds(long value, long bytes) {
            long given = Math.min(bytes, CAPACITY);
            long buffer = owner.space(given);
            owner.gives(given, "read", reader, buffer, given);
            for (long at = 0; at < given; at += PAGE) {
                owner.holds(value, buffer + at);
            }
        }
    }

    private static void pipes(CaseTable t) {
        for (boolean protects : new boolean[] {false, true}) {
            String suffix = protects ? "_mprotect" : "";
            t.add("test_vmsplice_in_child" + suffix, "what a child gave to a pipe is not what its parent writes", s -> {
                long addr = page(s);
                Subject child = s.fork();
                Pipe pipe = Pipe.of(child);
                pipe.splice(addr, PAGE);
                child.unmap(addr, PAGE);
                reprotect(s, addr, protects);
                s.fill(addr, PAGE, 0xff);
                pipe.holds(ONES, PAGE);
            });
        }
        for (boolean isBefore : new boolean[] {true, false}) {
            String when = isBefore ? "before" : "after";
            t.add("test_vmsplice_" + when + "_fork", "what a parent gave to a pipe " + when + " fork stays", s -> {
                long addr = page(s);
                Pipe pipe = Pipe.of(s);
                if (isBefore) {
                    pipe.splice(addr, PAGE);
                }
                Subject child = s.fork();
                if (!isBefore) {
                    pipe.splice(addr, PAGE);
                }
                s.unmap(addr, PAGE);
                child.fill(addr, PAGE, 0xff);
                pipe.holds(ONES, PAGE);
            });
        }
    }

    private static void otherMappings(CaseTable t) {
        t.add("test_cow.zeropage", "a store over the zero page is not seen in another mapping of it", s -> {
            long own = s.map(PAGE, RW);
            long other = s.map(PAGE, PROT_READ);
            s.holds(0, own);
            s.holds(0, other);
            s.fill(own, PAGE, 0xff);
            s.isFilled(other, PAGE, 0);
        });
        t.add("test_cow.memfd", "a store in a private mapping of a memfd is not seen in a shared one", s -> {
            int fd = (int) s.ok("memfd_create", s.string("test"), 0);
            s.gives(0, "fallocate", fd, 0, 0, PAGE);
            privateStore(s, fd);
        });
        t.add("test_cow.tmpfile", "a store in a private mapping of a file is not seen in a shared one", s -> {
            int fd = s.open(s.newFile(new byte[0]), O_RDWR);
            s.gives(0, "fallocate", fd, 0, 0, PAGE);
            privateStore(s, fd);
        });
    }

    private static void privateStore(Subject s, int fd) {
        long own = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, fd, 0);
        long shared = s.ok("mmap", 0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
        s.holds(0, own);
        s.holds(0, shared);
        s.fill(own, PAGE, 0xff);
        s.isFilled(shared, PAGE, 0);
        long buffer = s.space(PAGE);
        s.gives(PAGE, "pread64", fd, buffer, PAGE, 0);
        s.isFilled(buffer, PAGE, 0);
    }

    private static void leftOut(CaseTable t) {
        t.leftOut("test_iouring_ro", "a page that io_uring has pinned stays when it becomes read-only", URING);
        t.leftOut("test_iouring_fork", "a page that io_uring has pinned stays when the process forks", URING);
        for (String how : new String[] {"ro_pin", "ro_fast_pin"}) {
            t.leftOut("test_" + how + "_on_shared", "a pin of a page shared with a child follows the page table", GUP);
            t.leftOut("test_" + how + "_on_ro_previously_shared", "a pin of a page that was shared follows it", GUP);
            t.leftOut("test_" + how + "_on_ro_exclusive", "a pin of a read-only page of one process follows it", GUP);
            t.leftOut("test_" + how, "a pin of a page of a file or of zeros follows the private copy", GUP);
        }
        t.leftOut("run_with_base_page_swap", "all of this for a page that is swapped out", "pages on a swap device");
    }
}
