package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{brk,sbrk,remap_file_pages,membarrier,mseal}} of the Linux Test Project assert. */
final class LtpBrkCases {
    private static final int BARRIER_QUERY = 0;
    private static final int BARRIER_GLOBAL = 1;
    private static final int BARRIER_GLOBAL_EXPEDITED = 2;
    private static final int BARRIER_REGISTER_GLOBAL_EXPEDITED = 4;
    private static final int BARRIER_PRIVATE_EXPEDITED = 8;
    private static final int BARRIER_REGISTER_PRIVATE_EXPEDITED = 16;
    private static final int BARRIER_SYNC_CORE = 32;
    private static final int BARRIER_REGISTER_SYNC_CORE = 64;
    private static final long WINDOW = 0x48000000L;

    private LtpBrkCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable brk = new CaseTable("LTP brk");
        brk(brk);
        cases.addAll(brk.cases());
        CaseTable sbrk = new CaseTable("LTP sbrk");
        sbrk(sbrk);
        cases.addAll(sbrk.cases());
        CaseTable remap = new CaseTable("LTP remap_file_pages");
        remapFilePages(remap);
        cases.addAll(remap.cases());
        CaseTable barrier = new CaseTable("LTP membarrier");
        membarrier(barrier);
        cases.addAll(barrier.cases());
        CaseTable seal = new CaseTable("LTP mseal");
        sealed(seal);
        unsealable(seal);
        cases.addAll(seal.cases());
        return cases;
    }

    private static void brk(CaseTable t) {
        t.add("brk01", "the end of the heap moves forth and back by almost two pages, and can be stored to", s -> {
            long end = s.call("brk", 0);
            long step = 2 * PAGE - 1;
            for (int i = 0; i < 11; i++) {
                s.gives(end + step, "brk", end + step);
                s.poke(end + step, new byte[1]);
                s.gives(end + step, "brk", end + step);
                s.gives(end, "brk", end);
            }
        });
        t.add("brk02", "the heap shrinks over a part whose protection was changed", s -> {
            long end = (s.call("brk", 0) + PAGE - 1) & -PAGE;
            s.gives(end, "brk", end);
            s.gives(end + PAGE, "brk", end + PAGE);
            s.gives(end + 2 * PAGE, "brk", end + 2 * PAGE);
            s.gives(0, "mprotect", end + PAGE, PAGE, PROT_READ);
            s.gives(end + 3 * PAGE, "brk", end + 3 * PAGE);
            s.gives(end, "brk", end);
            s.isUnmapped(end);
        });
    }

    private static void sbrk(CaseTable t) {
        t.add("sbrk01", "the heap grows and shrinks by 8 KiB", s -> {
            long end = s.call("brk", 0);
            s.gives(end, "brk", end);
            s.gives(end + 8192, "brk", end + 8192);
            s.gives(end, "brk", end);
        });
        t.add("sbrk02", "a heap that grows by ever more bytes reaches its limit and stays as it is", s -> {
            long end = s.call("brk", 0);
            long growth = 16 * MIB;
            for (int i = 0; i < 4000; i++) {
                long grown = s.call("brk", end + growth);
                if (grown == end) {
                    s.gives(end, "brk", end + growth + 16 * MIB);
                    return;
                }
                end = grown;
                growth += 16 * MIB;
            }
            throw new CaseFailure("the heap grows without limit");
        });
    }

    private static void remapFilePages(CaseTable t) {
        t.add("remap_file_pages01", "the pages of a file in memory can be mapped in another order, twice", s -> {
            int fd = (int) s.ok("memfd_create", s.string("cache"), 0);
            s.gives(0, "ftruncate", fd, 1024 * PAGE);
            rearranged(s, fd);
        });
        t.add("remap_file_pages01", "the pages of a file can be mapped in another order, twice", s -> {
            rearranged(s, s.openNewFile(16 * PAGE, O_RDWR));
        });
        t.add("remap_file_pages02", "a private mapping is refused", s -> {
            long addr = map(s, PAGE, RW, MAP_PRIVATE, s.openNewFile(PAGE, O_RDWR));
            s.fails(EINVAL, "remap_file_pages", addr, PAGE, 0, 2, 0);
        });
        t.add("remap_file_pages02", "an address behind the mapping is refused", s -> {
            s.fails(EINVAL, "remap_file_pages", window(s) + PAGE, PAGE, 0, 2, 0);
        });
        t.add("remap_file_pages02", "more than the mapping is refused", s -> {
            s.fails(EINVAL, "remap_file_pages", window(s), 2 * PAGE, 0, 0, 0);
        });
        t.add("remap_file_pages02", "a protection is refused", s -> {
            s.fails(EINVAL, "remap_file_pages", window(s), PAGE, -1, 2, 0);
        });
    }

    private static long window(Subject s) {
        int fd = sparseFile(s, PAGE);
        s.gives(WINDOW, "mmap", WINDOW, PAGE, RW, MAP_SHARED, fd, 0);
        return WINDOW;
    }

    /** Maps 16 pages in pairs, the last pair first. */
    private static void rearranged(Subject s, int fd) {
        s.gives(WINDOW, "mmap", WINDOW, 16 * PAGE, RW, MAP_SHARED, fd, 0);
        for (int i = 0; i < 16; i++) {
            s.store(WINDOW + i * PAGE, i + 1);
        }
        for (int times = 0; times < 2; times++) {
            for (int i = 0; i < 16; i += 2) {
                s.gives(0, "remap_file_pages", WINDOW + i * PAGE, 2 * PAGE, 0, 14 - i, 0);
            }
            for (int i = 0; i < 16; i += 2) {
                s.holds(15 - i, WINDOW + i * PAGE);
                s.holds(16 - i, WINDOW + (i + 1) * PAGE);
            }
        }
        s.unmap(WINDOW, 16 * PAGE);
    }

    private static void membarrier(CaseTable t) {
        t.add("membarrier01", "an unknown command and flags are refused", s -> {
            s.fails(EINVAL, "membarrier", -1, 0);
            s.fails(EINVAL, "membarrier", BARRIER_QUERY, 1);
        });
        t.add("membarrier01", "the barrier over all processors needs no registration", s -> {
            s.gives(0, "membarrier", BARRIER_GLOBAL, 0);
            s.gives(0, "membarrier", BARRIER_GLOBAL_EXPEDITED, 0);
        });
        t.add("membarrier01", "the global expedited barrier can be registered for", s -> {
            s.gives(0, "membarrier", BARRIER_REGISTER_GLOBAL_EXPEDITED, 0);
            s.gives(0, "membarrier", BARRIER_GLOBAL_EXPEDITED, 0);
        });
        t.add("membarrier01", "the private expedited barrier gives EPERM until it is registered", s -> {
            s.fails(EPERM, "membarrier", BARRIER_PRIVATE_EXPEDITED, 0);
            s.gives(0, "membarrier", BARRIER_REGISTER_PRIVATE_EXPEDITED, 0);
            s.gives(0, "membarrier", BARRIER_PRIVATE_EXPEDITED, 0);
        });
        t.add("membarrier01", "the barrier that serializes instructions gives EPERM until it is registered", s -> {
            s.fails(EPERM, "membarrier", BARRIER_SYNC_CORE, 0);
            s.gives(0, "membarrier", BARRIER_REGISTER_SYNC_CORE, 0);
            s.gives(0, "membarrier", BARRIER_SYNC_CORE, 0);
        });
    }

    /** Maps eight pages in a child and seals the third of them. */
    private static long sealThird(Subject child, int prot) {
        long addr = child.map(8 * PAGE, prot);
        child.gives(0, "mseal", addr + 2 * PAGE, PAGE, 0);
        return addr;
    }

    private static void sealed(CaseTable t) {
        t.add("mseal01", "a range with a sealed page cannot be protected", s -> {
            Subject child = s.fork();
            child.fails(EPERM, "mprotect", sealThird(child, RW), 8 * PAGE, PROT_NONE);
        });
        t.add("mseal01", "a read-only range with a sealed page cannot be given back", s -> {
            Subject child = s.fork();
            child.fails(EPERM, "madvise", sealThird(child, PROT_READ), 8 * PAGE, MADV_DONTNEED);
        });
        t.add("mseal01", "a range with a sealed page cannot be unmapped", s -> {
            Subject child = s.fork();
            child.fails(EPERM, "munmap", sealThird(child, RW), 8 * PAGE);
        });
        t.add("mseal01", "a range with a sealed page cannot be moved and made shorter", s -> {
            Subject child = s.fork();
            long addr = sealThird(child, RW);
            long to = child.map(8 * PAGE, PROT_READ);
            child.fails(EPERM, "mremap", addr, 8 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        });
        t.add("mseal01", "a range with a sealed page cannot be mapped over", s -> {
            Subject child = s.fork();
            long addr = sealThird(child, RW);
            child.fails(EPERM, "mmap", addr, 8 * PAGE, PROT_READ, PRIVATE_ANON | MAP_FIXED, -1, 0);
        });
    }

    private static void unsealable(CaseTable t) {
        t.add("mseal02", "flags are refused", s -> s.fails(EINVAL, "mseal", holed(s), PAGE, -1));
        t.add("mseal02", "an address within a page is refused", s -> {
            s.fails(EINVAL, "mseal", holed(s) + 1, PAGE, 0);
        });
        t.add("mseal02", "a length that becomes 0 in whole pages is refused", s -> {
            s.fails(EINVAL, "mseal", holed(s), 1 - PAGE, 0);
        });
        t.add("mseal02", "a range that begins in a hole, ends in one or holds one gives ENOMEM", s -> {
            long addr = holed(s);
            s.fails(ENOMEM, "mseal", addr + 2 * PAGE, 2 * PAGE, 0);
            s.fails(ENOMEM, "mseal", addr + PAGE, 2 * PAGE, 0);
            s.fails(ENOMEM, "mseal", addr, 4 * PAGE, 0);
        });
    }

    /** Maps four pages of which the third is then unmapped. */
    private static long holed(Subject s) {
        long addr = s.map(4 * PAGE, RW);
        s.unmap(addr + 2 * PAGE, PAGE);
        return addr;
    }
}
