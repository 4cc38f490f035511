package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{mprotect,munmap,mremap}} of the Linux Test Project assert. */
final class LtpProtectCases {
    private static final int MAX_MAPS = 65530;

    private LtpProtectCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable protect = new CaseTable("LTP mprotect");
        mprotect(protect);
        cases.addAll(protect.cases());
        CaseTable unmap = new CaseTable("LTP munmap");
        munmap(unmap);
        cases.addAll(unmap.cases());
        CaseTable remap = new CaseTable("LTP mremap");
        mremap(remap);
        moves(remap);
        cases.addAll(remap.cases());
        return cases;
    }

    private static void mprotect(CaseTable t) {
        t.add("mprotect01", "a range at which nothing is mapped is refused", s -> {
            s.fails(ENOMEM, "mprotect", 0, PAGE + 1, PROT_READ);
        });
        t.add("mprotect01", "an address within a page is refused", s -> {
            s.fails(EINVAL, "mprotect", s.map(PAGE, RW) + 1, 1024, PROT_READ);
        });
        t.add("mprotect01", "a shared mapping of a descriptor that can only be read does not become writable", s -> {
            long addr = map(s, PAGE, PROT_READ, MAP_SHARED, s.open("/dev/zero", O_RDONLY));
            s.fails(EACCES, "mprotect", addr, PAGE, PROT_WRITE);
        });
        t.add("mprotect02", "a child cannot store in a read-only file mapping until it is made writable", s -> {
            long addr = map(s, 27, PROT_READ, MAP_SHARED, s.openNewFile(PAGE, O_RDWR));
            Subject child = s.fork();
            child.storeRaises(SEGV_ACCERR, addr);
            child.exit();
            s.gives(0, "mprotect", addr, 27, PROT_WRITE);
            child = s.fork();
            child.store(addr, 5);
            child.exit();
            s.unmap(addr, 27);
        });
        t.add("mprotect03", "a child cannot store in a file mapping made read-only", s -> {
            long addr = map(s, 26, RW, MAP_SHARED, s.openNewFile(PAGE, O_RDWR));
            s.gives(0, "mprotect", addr, 26, PROT_READ);
            Subject child = s.fork();
            child.storeRaises(SEGV_ACCERR, addr);
            child.exit();
        });
        t.add("mprotect04", "memory made inaccessible cannot be stored to", s -> {
            long addr = s.map(PAGE, RW);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.storeRaises(SEGV_ACCERR, addr);
        });
        t.add("mprotect04", "code in memory made executable runs", s -> {
            long addr = s.map(PAGE, RW);
            s.store(addr, Subject.RETURN);
            s.gives(0, "mprotect", addr, PAGE, PROT_EXEC);
            s.fetchRaises(0, addr);
        });
        t.add("mprotect05", "two pages of five with other protections become the same again", s -> {
            long addr = map(s, 5 * PAGE, PROT_READ, MAP_SHARED, s.openNewFile(0, O_RDWR));
            s.gives(0, "mprotect", addr + PAGE, PAGE, PROT_EXEC);
            s.gives(0, "mprotect", addr + 3 * PAGE, PAGE, PROT_WRITE);
            s.gives(0, "mprotect", addr + PAGE, 4 * PAGE, PROT_READ);
            s.isOneMapping(addr, 5 * PAGE);
            s.unmap(addr, 5 * PAGE);
        });
    }

    private static void munmap(CaseTable t) {
        for (int from = 0; from < 2; from++) {
            long first = from * PAGE;
            String what = from == 0 ? "a file mapping" : "the rest of a file mapping";
            t.add("munmap01", "after munmap of " + what + " a child's store there raises SIGSEGV", s -> {
                long addr = map(s, 3 * PAGE, RW, MAP_SHARED, sparseFile(s, 3 * PAGE + 1));
                s.unmap(addr + first, 3 * PAGE - first);
                Subject child = s.fork();
                child.storeRaises(SEGV_MAPERR, addr + first);
                child.exit();
            });
        }
        t.add("munmap03", "an address outside of all that can be mapped is refused", s -> {
            s.fails(EINVAL, "munmap", -1, 2 * PAGE);
        });
        t.add("munmap03", "no length is refused", s -> s.fails(EINVAL, "munmap", s.map(2 * PAGE, RW), 0));
        t.add("munmap03", "an address within a page is refused", s -> {
            s.fails(EINVAL, "munmap", s.map(2 * PAGE, RW) + 8, 2 * PAGE);
        });
        t.add("munmap04", "with as many mappings as allowed, a hole in one of them cannot be made", s -> {
            List<long[]> maps = new ArrayList<>();
            long base = 0x10000000L;
            for (int i = 0; i < MAX_MAPS; i++) {
                int flags = PRIVATE_ANON | MAP_FIXED_NOREPLACE;
                maps.add(new long[] {base + i * 6L * PAGE, 3 * PAGE, PROT_NONE, flags, -1, 0});
            }
            long[] results = s.callAll("mmap", maps);
            int count = 0;
            while (count < results.length && results[count] > 0) {
                count++;
            }
            s.isTrue(count > 0 && count < MAX_MAPS, count + " mappings were made");
            s.equal(-ENOMEM, results[count], "the first mapping too many");
            s.fails(ENOMEM, "munmap", base + 2 * 6 * PAGE + PAGE, PAGE);
        });
    }

    private static void mremap(CaseTable t) {
        t.add("mremap01", "a shared file mapping of 1000 pages grows to 2000, which can be stored to and synced", s -> {
            long bytes = 1000 * PAGE;
            long old = map(s, bytes, PROT_WRITE, MAP_SHARED, sparseFile(s, 2 * bytes + 1));
            long addr = s.ok("mremap", old, bytes, 2 * bytes, MREMAP_MAYMOVE);
            s.storeInPages(addr, 2 * bytes, 0x76543210);
            s.gives(0, "msync", addr, 2 * bytes, MS_SYNC);
            s.unmap(addr, 2 * bytes);
        });
        t.add("mremap02", "an address within a page is refused", s -> {
            s.fails(EINVAL, "mremap", PAGE - 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
        });
        t.add("mremap03", "addresses at which nothing is mapped are refused", s -> {
            s.fails(EFAULT, "mremap", s.hole(1000 * PAGE), 1000 * PAGE, 2000 * PAGE, MREMAP_MAYMOVE);
        });
        t.add("mremap04", "the first page of a segment cannot grow where it is", s -> {
            s.ownIpc();
            long id = s.ok("shmget", 0x1234, 2 * PAGE, IPC_CREAT | 0600);
            long addr = s.ok("shmat", id, 0, 0);
            s.fails(ENOMEM, "mremap", addr, PAGE, 2 * PAGE, 0);
            s.gives(0, "shmdt", addr);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
        });
        t.add("mremap05", "MREMAP_FIXED needs MREMAP_MAYMOVE", s -> {
            s.fails(EINVAL, "mremap", s.map(PAGE, RW), PAGE, PAGE, MREMAP_FIXED, s.hole(PAGE));
        });
        t.add("mremap05", "MREMAP_FIXED needs an address that begins a page", s -> {
            long to = s.hole(2 * PAGE) + 1;
            s.fails(EINVAL, "mremap", s.map(PAGE, RW), PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to);
        });
        t.add("mremap05", "the old and the new range must not overlap", s -> {
            long addr = s.map(2 * PAGE, RW);
            s.fails(EINVAL, "mremap", addr, 2 * PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, addr);
        });
        t.add("mremap05", "a page moves to a free address and keeps its contents", s -> {
            long addr = s.mapWritten(PAGE);
            long to = s.hole(PAGE);
            s.gives(to, "mremap", addr, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to);
            s.holds(1, to);
        });
        t.add("mremap05", "a page moves over another, whose contents are gone", s -> {
            long addr = s.mapWritten(PAGE);
            long to = s.map(PAGE, RW);
            s.store(to, 2);
            s.gives(to, "mremap", addr, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to);
            s.holds(1, to);
            s.isUnmapped(addr);
        });
    }

    private static void moves(CaseTable t) {
        for (int readOnly : new int[] {-1, 2, 0}) {
            String which = readOnly < 0 ? "no page" : readOnly == 0 ? "the first page" : "the third page";
            t.add("mremap06", "a page of a file goes and comes back while " + which + " is read-only", s -> {
                int fd = sparseFile(s, 0);
                s.gives(0, "fallocate", fd, 0, 0, 4 * PAGE);
                long first = map(s, 4 * PAGE, RW, MAP_SHARED, fd);
                for (int i = 0; i < 4; i++) {
                    s.store(first + i * PAGE, 0x30 + i);
                }
                s.unmap(first, 4 * PAGE);
                long addr = map(s, 4 * PAGE, RW, MAP_SHARED, fd);
                int flags = MREMAP_FIXED | MREMAP_MAYMOVE;
                s.gives(addr + 3 * PAGE, "mremap", addr + PAGE, PAGE, PAGE, flags, addr + 3 * PAGE);
                if (readOnly >= 0) {
                    s.gives(0, "mprotect", addr + readOnly * PAGE, PAGE, PROT_READ);
                }
                s.gives(addr + PAGE, "mremap", addr + 3 * PAGE, PAGE, PAGE, flags, addr + PAGE);
                for (int i = 0; i < 3; i++) {
                    s.holds(0x30 + i, addr + i * PAGE);
                }
                s.unmap(addr, 3 * PAGE);
            });
        }
    }
}
