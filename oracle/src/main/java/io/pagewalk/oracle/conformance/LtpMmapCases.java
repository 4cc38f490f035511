package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import io.pagewalk.oracle.machine.ProcText;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/mmap} of the Linux Test Project assert. */
final class LtpMmapCases {
    private static final long STACK = 32 * PAGE;
    private static final long GAP = 256 * PAGE;
    private static final int UNKNOWN_FLAG = 1 << 10;
    private static final long PRESENT = Long.MIN_VALUE;

    private LtpMmapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("LTP mmap");
        files(t);
        permissions(t);
        refusals(t);
        forks(t);
        populating(t);
        addresses(t);
        growing(t);
        return t.cases();
    }

    private static void files(CaseTable t) {
        t.add("mmap01", "behind the end of a file its page reads zeros, and stores there never reach the file", s -> {
            String path = s.newFile("twelve bytes".getBytes(StandardCharsets.US_ASCII));
            int fd = s.open(path, O_RDWR);
            long addr = map(s, PAGE, RW, MAP_SHARED, fd);
            s.isFilled(addr + 12, PAGE - 12, 0);
            s.fill(addr + 12, 3, 'X');
            s.gives(0, "msync", addr, PAGE, MS_SYNC);
            Subject child = s.fork();
            long buffer = child.space(16);
            child.gives(12, "read", child.open(path, O_RDONLY), buffer, 15);
            child.isFilled(buffer + 12, 4, 0);
            child.unmap(addr, PAGE);
            child.exit();
            s.unmap(addr, PAGE);
        });
        t.add("mmap02", "a descriptor that can only be read maps readable and shared", s -> {
            long addr = map(s, PAGE, PROT_READ, MAP_SHARED, s.openNewFile(PAGE, O_RDONLY));
            s.isFilled(addr, PAGE, 1);
            s.unmap(addr, PAGE);
        });
        t.add("mmap03", "a file maps executable and shared in a child, which reads it as before", s -> {
            int fd = s.openNewFile(PAGE, O_RDONLY);
            long buffer = s.space(PAGE);
            Subject child = s.fork();
            long addr = map(child, PAGE, PROT_EXEC, MAP_SHARED, fd);
            child.gives(PAGE, "read", fd, buffer, PAGE);
            child.isFilled(buffer, PAGE, 1);
            child.isFilled(addr, PAGE, 1);
            child.unmap(addr, PAGE);
            child.exit();
        });
        t.add("mmap05", "memory of a file without any access raises SIGSEGV", s -> {
            long addr = map(s, PAGE, PROT_NONE, MAP_SHARED, s.openNewFile(PAGE, O_RDWR));
            s.loadRaises(SEGV_ACCERR, addr);
            s.unmap(addr, PAGE);
        });
        t.add("mmap09", "a mapped file can be made shorter, longer and empty", s -> {
            long bytes = 64 * KIB;
            int fd = sparseFile(s, bytes);
            long addr = map(s, bytes, RW, MAP_SHARED, fd);
            s.storeInPages(addr, bytes, 'A');
            s.gives(0, "ftruncate", fd, bytes - 8192);
            s.gives(0, "ftruncate", fd, bytes + 1024);
            s.gives(0, "ftruncate", fd, 0);
            s.unmap(addr, bytes);
        });
        t.add("mmap13", "a page wholly behind the end of the file raises SIGBUS", s -> {
            long addr = map(s, 2 * PAGE, RW, MAP_SHARED, sparseFile(s, PAGE / 2));
            s.storeRaises(BUS_ADRERR, addr + PAGE);
            s.unmap(addr, 2 * PAGE);
        });
        t.add("mmap19", "two files that swap their addresses show their own contents there", s -> {
            int first = file(s, "the one\n");
            int second = file(s, "another");
            long one = map(s, 64, PROT_READ, MAP_PRIVATE, first);
            long two = map(s, 64, PROT_READ, MAP_PRIVATE, second);
            long textOne = s.load(one);
            long textTwo = s.load(two);
            s.isTrue(textOne != textTwo, "both show the same");
            s.unmap(one, 64);
            s.unmap(two, 64);
            s.gives(two, "mmap", two, 64, PROT_READ, MAP_PRIVATE, first, 0);
            s.gives(one, "mmap", one, 64, PROT_READ, MAP_PRIVATE, second, 0);
            s.holds(textOne, two);
            s.holds(textTwo, one);
        });
        t.add("mmap21", "what a child stores in 1000 shared pages of a file is read from the file", s -> {
            long bytes = 1000 * PAGE;
            int fd = sparseFile(s, bytes + 1);
            long buffer = s.map(bytes, RW);
            long addr = map(s, bytes, PROT_WRITE, MAP_SHARED, fd);
            Subject child = s.fork();
            child.storeInPages(addr, bytes, 0x0706050403020100L);
            child.exit();
            s.gives(0, "msync", addr, bytes, MS_SYNC);
            s.gives(bytes, "read", fd, buffer, bytes);
            s.pagesHold(0x0706050403020100L, buffer, bytes);
            s.unmap(addr, bytes);
        });
    }

    private static void permissions(CaseTable t) {
        int[] protections = {PROT_NONE, PROT_READ, PROT_WRITE, RW, PROT_READ | PROT_EXEC, PROT_WRITE | PROT_EXEC, RWX};
        String[] texts = {"---", "r--", "-w-", "rw-", "r-x", "-wx", "rwx"};
        for (int i = 0; i < texts.length; i++) {
            int prot = protections[i];
            for (int flags : new int[] {PRIVATE_ANON, SHARED_ANON}) {
                String text = texts[i] + (flags == PRIVATE_ANON ? 'p' : 's');
                t.add("mmap04", "maps shows " + text, s -> {
                    int other = flags == PRIVATE_ANON ? SHARED_ANON : PRIVATE_ANON;
                    long addr = s.ok("mmap", 0, 2 * PAGE, PROT_NONE, other, -1, 0);
                    s.gives(addr + PAGE, "mmap", addr + PAGE, PAGE, prot, flags | MAP_FIXED, -1, 0);
                    ProcText.MapsLine line = s.mapping(addr + PAGE);
                    s.isTrue(line != null && line.start() == addr + PAGE, "no mapping of its own");
                    s.isTrue(
                            line != null && line.permissions().equals(text),
                            "maps shows " + (line == null ? "nothing" : line.permissions()));
                    s.unmap(addr, 2 * PAGE);
                });
            }
        }
    }

    private static void refusals(CaseTable t) {
        for (int prot : new int[] {PROT_WRITE, PROT_READ, RW}) {
            String how = prot == PROT_WRITE ? "written" : prot == PROT_READ ? "read" : "read and written";
            t.add("mmap06", "a descriptor that can only be written maps nothing to be " + how, s -> {
                int fd = s.openNewFile(PAGE, O_WRONLY);
                s.fails(EACCES, "mmap", 0, 1024, prot, MAP_PRIVATE, fd, 0);
                s.fails(EACCES, "mmap", 0, 1024, prot, MAP_SHARED, fd, 0);
            });
        }
        t.add("mmap06", "no length is refused", s -> {
            s.fails(EINVAL, "mmap", 0, 0, RW, MAP_SHARED, s.openNewFile(PAGE, O_WRONLY), 0);
        });
        t.add("mmap06", "neither private nor shared is refused", s -> {
            s.fails(EINVAL, "mmap", 0, 1024, RW, 0, s.openNewFile(PAGE, O_WRONLY), 0);
        });
        t.add("mmap08", "a closed descriptor is refused", s -> {
            int fd = s.openNewFile(PAGE, O_RDWR);
            s.gives(0, "close", fd);
            s.fails(EBADF, "mmap", 0, PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
        });
        t.add("mmap15", "the last page of all addresses is no place for a mapping", s -> {
            int fd = s.openNewFile(0, O_RDWR);
            s.fails(ENOMEM, "mmap", -PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
        });
        t.add("mmap20", "MAP_SHARED_VALIDATE refuses a flag that it does not know", s -> {
            int fd = filledFile(s, 1024, 'a');
            s.fails(EOPNOTSUPP, "mmap", 0, 1024, RW, UNKNOWN_FLAG | MAP_SHARED_VALIDATE, fd, 0);
        });
    }

    private static void forks(CaseTable t) {
        t.add("mmap10", "anonymous memory of which three children unmap a half", s -> {
            partlyUnmappedByChildren(s, -1, false);
        });
        t.add("mmap10", "the same of /dev/zero, mergeable", s -> {
            partlyUnmappedByChildren(s, s.open("/dev/zero", O_RDWR), true);
        });
        t.add("mmap10", "the same of anonymous memory, mergeable", s -> partlyUnmappedByChildren(s, -1, true));
    }

    private static void partlyUnmappedByChildren(Subject s, int fd, boolean isMergeable) {
        long half = 5 * MIB;
        long bytes = 2 * half - PAGE;
        long addr = s.ok("mmap", 0, bytes, RW, fd < 0 ? PRIVATE_ANON : MAP_PRIVATE, fd, 0);
        if (isMergeable) {
            s.gives(0, "madvise", addr, bytes, MADV_MERGEABLE);
        }
        s.store(addr + half, 0);
        for (int i = 0; i < 3; i++) {
            Subject child = s.fork();
            child.unmap(addr + half + PAGE, half - 2 * PAGE);
            child.exit();
        }
        s.unmap(addr, bytes);
        s.isUnmapped(addr);
    }

    private static void populating(CaseTable t) {
        t.add("mmap12", "MAP_POPULATE makes all pages of a private file present, full of zeros", s -> {
            long addr = map(s, MIB, RW, MAP_PRIVATE | MAP_POPULATE, sparseFile(s, MIB));
            for (long entry : s.pagemap(addr, (int) (MIB / PAGE))) {
                s.isTrue((entry & PRESENT) != 0, "a page is not present");
            }
            s.isFilled(addr, MIB, 0);
            s.unmap(addr, MIB);
        });
        t.add("mmap14", "MAP_LOCKED counts in VmLck", s -> {
            long before = s.status("VmLck");
            long addr = s.ok("mmap", 0, MIB, RW, PRIVATE_ANON | MAP_LOCKED, -1, 0);
            s.equal(MIB / KIB, s.status("VmLck") - before, "the growth of VmLck");
            s.unmap(addr, MIB);
        });
    }

    private static void addresses(CaseTable t) {
        t.add("mmap17", "MAP_FIXED_NOREPLACE refuses the address of another file's mapping", s -> {
            int first = file(s, "contents of a file");
            int second = file(s, "contents of a file");
            long addr = map(s, 18, PROT_WRITE, MAP_PRIVATE, first);
            s.fails(EEXIST, "mmap", addr, 18, PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, second, 0);
        });
    }

    private static void growing(CaseTable t) {
        for (long mapped : new long[] {4 * PAGE, STACK / 2}) {
            String size = mapped / KIB + " KiB";
            t.add("mmap18", "a stack of " + size + " grows page by page into free addresses", s -> {
                long addr = stack(s, mapped);
                for (long at = addr + STACK - PAGE; at > addr; at -= PAGE) {
                    s.store(at, 1);
                }
                s.isOneMapping(addr + PAGE, STACK - PAGE);
            });
            t.add("mmap18", "a stack of " + size + " does not grow towards a mapping nearer than the guard gap", s -> {
                long addr = stack(s, mapped);
                s.gives(addr, "mmap", addr, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
                for (long at = addr + STACK - PAGE; at >= addr + STACK - mapped; at -= PAGE) {
                    s.store(at, 1);
                }
                s.storeRaises(SEGV_MAPERR, addr + STACK - mapped - PAGE);
            });
        }
    }

    /** Maps the top of a stack that may grow and returns where the stack may end; the guard gap below is free. */
    private static long stack(Subject s, long mapped) {
        long addr = s.hole(GAP + STACK) + GAP;
        long top = addr + STACK - mapped;
        s.gives(top, "mmap", top, mapped, RW, PRIVATE_ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
        return addr;
    }
}
