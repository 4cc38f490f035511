package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{madvise,mincore,msync}} of the Linux Test Project assert. */
final class LtpMadviseCases {
    private static final long BYTES = 10 * PAGE;
    private static final int UNKNOWN_ADVICE = 1212;
    private static final int POSIX_FADV_DONTNEED = 4;

    private LtpMadviseCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable advise = new CaseTable("LTP madvise");
        accepted(advise);
        refused(advise);
        contents(advise);
        wiping(advise);
        cases.addAll(advise.cases());
        CaseTable core = new CaseTable("LTP mincore");
        mincore(core);
        cases.addAll(core.cases());
        CaseTable sync = new CaseTable("LTP msync");
        msync(sync);
        cases.addAll(sync.cases());
        return cases;
    }

    private static void accepted(CaseTable t) {
        int[] ofFiles = {
            MADV_NORMAL,
            MADV_RANDOM,
            MADV_SEQUENTIAL,
            MADV_WILLNEED,
            MADV_DONTNEED,
            MADV_REMOVE,
            MADV_DONTFORK,
            MADV_DOFORK,
            MADV_MERGEABLE,
            MADV_UNMERGEABLE,
            MADV_DONTDUMP,
            MADV_DODUMP
        };
        String[] names = {
            "NORMAL",
            "RANDOM",
            "SEQUENTIAL",
            "WILLNEED",
            "DONTNEED",
            "REMOVE",
            "DONTFORK",
            "DOFORK",
            "MERGEABLE",
            "UNMERGEABLE",
            "DONTDUMP",
            "DODUMP"
        };
        for (int i = 0; i < ofFiles.length; i++) {
            int advice = ofFiles[i];
            t.add("madvise01", "a shared file in memory takes MADV_" + names[i], s -> {
                int fd = (int) s.ok("memfd_create", s.string("advised"), 0);
                s.gives(0, "ftruncate", fd, BYTES);
                long addr = map(s, BYTES, RW, MAP_SHARED, fd);
                s.storeInPages(addr, BYTES, 1);
                s.gives(0, "madvise", addr, BYTES, advice);
            });
        }
        int[] ofMemory = {
            MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_FREE, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT
        };
        String[] more = {"HUGEPAGE", "NOHUGEPAGE", "FREE", "WIPEONFORK", "KEEPONFORK", "COLD", "PAGEOUT"};
        for (int i = 0; i < ofMemory.length; i++) {
            int advice = ofMemory[i];
            t.add("madvise01", "private memory takes MADV_" + more[i], s -> {
                s.gives(0, "madvise", s.map(BYTES, RW), BYTES, advice);
            });
        }
    }

    private static void refused(CaseTable t) {
        t.add("madvise02", "an address within a page is refused", s -> {
            s.fails(EINVAL, "madvise", sharedFile(s) + 100, BYTES, MADV_NORMAL);
        });
        t.add("madvise02", "an unknown advice is refused", s -> {
            s.fails(EINVAL, "madvise", sharedFile(s), BYTES, UNKNOWN_ADVICE);
        });
        t.add("madvise02", "locked pages are neither removed from the file nor given back", s -> {
            long addr = sharedFile(s);
            s.gives(0, "mlock", addr, BYTES);
            s.fails(EINVAL, "madvise", addr, BYTES, MADV_REMOVE);
            s.fails(EINVAL, "madvise", addr, BYTES, MADV_DONTNEED);
        });
        t.add("madvise02", "a range that ends in a hole gives ENOMEM", s -> {
            long addr = sharedFile(s);
            s.unmap(addr + BYTES - PAGE, PAGE);
            s.fails(ENOMEM, "madvise", addr, BYTES, MADV_NORMAL);
            s.fails(ENOMEM, "madvise", addr, BYTES, MADV_WILLNEED);
        });
        t.add("madvise02", "MADV_FREE is not for files", s -> {
            s.fails(EINVAL, "madvise", sharedFile(s), BYTES, MADV_FREE);
        });
        t.add("madvise02", "MADV_WIPEONFORK is for neither files nor shared memory", s -> {
            s.fails(EINVAL, "madvise", sharedFile(s), BYTES, MADV_WIPEONFORK);
            s.fails(EINVAL, "madvise", mapShared(s, PAGE, PROT_READ), PAGE, MADV_WIPEONFORK);
            long addr = map(s, BYTES, PROT_READ, MAP_PRIVATE, s.openNewFile(BYTES, O_RDWR));
            s.fails(EINVAL, "madvise", addr, BYTES, MADV_WIPEONFORK);
        });
    }

    private static long sharedFile(Subject s) {
        return map(s, BYTES, PROT_READ, MAP_SHARED, s.openNewFile(BYTES, O_RDWR));
    }

    private static void contents(CaseTable t) {
        t.add("madvise03", "private memory given back reads zeros", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.fill(addr, 2 * PAGE, 1);
            s.gives(0, "madvise", addr, 2 * PAGE, MADV_DONTNEED);
            s.isFilled(addr, 2 * PAGE, 0);
        });
        t.add("madvise05", "MADV_WILLNEED of populated memory without access succeeds", s -> {
            long bytes = 32 * MIB;
            long addr = s.ok("mmap", 0, bytes, PROT_READ, PRIVATE_ANON | MAP_POPULATE, -1, 0);
            s.gives(0, "mprotect", addr, bytes, PROT_NONE);
            s.gives(0, "madvise", addr, bytes, MADV_WILLNEED);
            s.unmap(addr, bytes);
        });
        t.add("madvise12", "guarded pages raise SIGSEGV in a child, and without guard hold nothing of that", s -> {
            long addr = s.map(8 * KIB, RW);
            s.fill(addr, 8 * KIB, 0);
            s.gives(0, "madvise", addr, 8 * KIB, MADV_GUARD_INSTALL);
            Subject child = s.fork();
            child.storeRaises(SEGV_MAPERR, addr);
            child.exit();
            s.gives(0, "madvise", addr, 8 * KIB, MADV_GUARD_REMOVE);
            s.isFilled(addr, 8 * KIB, 0);
            child = s.fork();
            child.fill(addr, 8 * KIB, 'b');
            child.exit();
        });
    }

    private static void wiping(CaseTable t) {
        long bytes = 16 * KIB;
        t.add("madvise10", "a child of MADV_WIPEONFORK reads zeros", s -> {
            long addr = s.mapWritten(bytes);
            s.gives(0, "madvise", addr, bytes, MADV_NORMAL);
            s.gives(0, "madvise", addr, bytes, MADV_WIPEONFORK);
            Subject child = s.fork();
            child.isFilled(addr, bytes, 0);
            child.exit();
        });
        t.add("madvise10", "MADV_WIPEONFORK of no bytes does nothing", s -> {
            long addr = s.mapWritten(bytes);
            s.gives(0, "madvise", addr, 0, MADV_NORMAL);
            s.gives(0, "madvise", addr, 0, MADV_WIPEONFORK);
            Subject child = s.fork();
            child.holds(1, addr);
            child.exit();
        });
        t.add("madvise10", "a grandchild of MADV_WIPEONFORK reads zeros", s -> {
            long addr = s.mapWritten(bytes);
            s.gives(0, "madvise", addr, bytes, MADV_WIPEONFORK);
            Subject child = s.fork();
            Subject grandchild = child.fork();
            grandchild.isFilled(addr, bytes, 0);
            grandchild.exit();
            child.exit();
        });
        t.add("madvise10", "MADV_KEEPONFORK undoes MADV_WIPEONFORK", s -> {
            long addr = s.mapWritten(bytes);
            s.gives(0, "madvise", addr, bytes, MADV_WIPEONFORK);
            s.gives(0, "madvise", addr, bytes, MADV_KEEPONFORK);
            Subject child = s.fork();
            for (int i = 0; i < bytes / PAGE; i++) {
                child.holds(i + 1, addr + i * PAGE);
            }
            child.exit();
        });
    }

    private static void mincore(CaseTable t) {
        t.add("mincore01", "an address within a page is refused", s -> {
            long addr = map(s, 4 * PAGE, RW, MAP_SHARED, s.openNewFile(2 * PAGE, O_RDWR));
            s.fails(EINVAL, "mincore", addr + 1, 2 * PAGE, s.space(8));
        });
        t.add("mincore01", "a vector that is not mapped gives EFAULT", s -> {
            long addr = map(s, 4 * PAGE, RW, MAP_SHARED, s.openNewFile(2 * PAGE, O_RDWR));
            s.fails(EFAULT, "mincore", addr, 2 * PAGE, s.hole(2 * PAGE));
        });
        t.add("mincore01", "a range that ends in a hole gives ENOMEM", s -> {
            long addr = map(s, 4 * PAGE, RW, MAP_SHARED, s.openNewFile(2 * PAGE, O_RDWR));
            s.unmap(addr + 2 * PAGE, 2 * PAGE);
            s.fails(ENOMEM, "mincore", addr, 4 * PAGE, s.space(8));
        });
        t.add("mincore01", "a range beyond all addresses gives ENOMEM", s -> {
            long addr = map(s, 4 * PAGE, RW, MAP_SHARED, s.openNewFile(2 * PAGE, O_RDWR));
            s.fails(ENOMEM, "mincore", addr, RLIM_INFINITY - addr + PAGE, s.space(8));
        });
        t.add("mincore02", "all four pages of a locked file mapping are resident", s -> {
            long addr = map(s, 4 * PAGE, RWX, MAP_SHARED, s.openNewFile(4 * PAGE, O_RDWR));
            s.gives(0, "mlock", addr, 4 * PAGE);
            s.equal(4, s.resident(addr, 4 * PAGE), "the resident pages");
        });
        t.add("mincore03", "private memory that nobody touched is not resident", s -> {
            s.equal(0, s.resident(s.map(3 * PAGE, RW), 3 * PAGE), "the resident pages");
        });
        t.add("mincore03", "locked private memory is resident", s -> {
            long addr = s.map(3 * PAGE, RW);
            s.gives(0, "mlock", addr, 3 * PAGE);
            s.equal(3, s.resident(addr, 3 * PAGE), "the resident pages");
            s.gives(0, "munlock", addr, 3 * PAGE);
            s.unmap(addr, 3 * PAGE);
        });
        t.add("mincore04", "pages of a file that a child locked are resident for its parent", s -> {
            int fd = sparseFile(s, 3 * PAGE);
            s.gives(0, "fsync", fd);
            s.gives(0, "fadvise64", fd, 0, 3 * PAGE, POSIX_FADV_DONTNEED);
            long addr = map(s, 3 * PAGE, RW, MAP_PRIVATE, fd);
            Subject child = s.fork();
            child.gives(0, "mlock", addr, 3 * PAGE);
            s.equal(3, s.resident(addr, 3 * PAGE), "the resident pages");
            child.exit();
        });
    }

    private static void msync(CaseTable t) {
        t.add("msync01", "what was stored is read from the file after MS_ASYNC", s -> {
            int fd = filledFile(s, PAGE, 'a');
            long buffer = s.space(256);
            long addr = map(s, PAGE, RW, MAP_SHARED, fd);
            s.fill(addr + 100, 256, 1);
            s.gives(0, "msync", addr, PAGE, MS_ASYNC);
            seek(s, fd, 100);
            s.gives(256, "read", fd, buffer, 256);
            s.isFilled(buffer, 256, 1);
            s.unmap(addr, PAGE);
        });
        t.add("msync02", "what was written to the file is in memory after MS_INVALIDATE", s -> {
            int fd = filledFile(s, PAGE, 'a');
            long addr = map(s, PAGE, RW, MAP_SHARED, fd);
            seek(s, fd, 100);
            s.gives(7, "write", fd, s.string("changed"), 7);
            s.gives(0, "msync", addr, PAGE, MS_INVALIDATE);
            s.isFilled(addr, 100, 'a');
            s.isFilled(addr + 107, PAGE - 107, 'a');
            s.isTrue(
                    new String(s.peek(addr + 100, 7), StandardCharsets.US_ASCII).equals("changed"),
                    "the memory holds something else");
        });
        t.add("msync03", "MS_INVALIDATE of locked memory gives EBUSY", s -> {
            s.fails(EBUSY, "msync", lockedFile(s), PAGE, MS_INVALIDATE);
        });
        t.add("msync03", "MS_ASYNC with MS_SYNC, and unknown flags, are refused", s -> {
            long addr = lockedFile(s);
            s.fails(EINVAL, "msync", addr, PAGE, MS_ASYNC | MS_SYNC);
            s.fails(EINVAL, "msync", addr, PAGE, -1);
        });
        t.add("msync03", "an address within a page is refused, also beyond all that can be mapped", s -> {
            s.fails(EINVAL, "msync", lockedFile(s) + 1, PAGE, MS_SYNC);
            s.fails(EINVAL, "msync", RLIM_INFINITY, PAGE, MS_SYNC);
        });
        t.add("msync03", "addresses behind the heap give ENOMEM", s -> {
            long end = (s.call("brk", 0) + PAGE - 1) & -PAGE;
            s.fails(ENOMEM, "msync", end + 4 * PAGE, PAGE, MS_SYNC);
        });
    }

    private static long lockedFile(Subject s) {
        return map(s, PAGE, RW, MAP_SHARED | MAP_LOCKED, filledFile(s, PAGE, 'a'));
    }
}
