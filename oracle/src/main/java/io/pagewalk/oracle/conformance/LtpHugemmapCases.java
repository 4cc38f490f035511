package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.*;
import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;
import java.util.function.Consumer;

/**
 * What the programs under {@code testcases/kernel/mem/hugetlb/{hugemmap,hugefallocate,hugefork}} of the Linux Test Project assert. Files are memfds of huge pages instead of
 * files on a mounted hugetlbfs.
 */
final class LtpHugemmapCases {
    private static final long FOUR_GIB = 1L << 32;
    private static final int PUNCH_HOLE = 3;
    private static final int POSIX_FADV_WILLNEED = 3;

    private LtpHugemmapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("LTP hugetlb");
        sizes(t);
        counters(t);
        contents(t);
        borders(t);
        truncation(t);
        moves(t);
        fallocate(t);
        forks(t);
        return t.cases();
    }

    private static void add(CaseTable t, String origin, String says, int pages, Consumer<Subject> body) {
        t.add(origin, says, s -> HugePages.with(s, pages, body));
    }

    private static void sizes(CaseTable t) {
        add(t, "hugemmap01", "a file of huge pages can be mapped, and the first touch takes a page", 4, s -> {
            long addr = map(s, 1, MAP_SHARED, file(s));
            has(s, 4, 4, 1, 0);
            s.store(addr, 0);
            has(s, 4, 3, 0, 0);
        });
        add(t, "hugemmap02", "huge pages can be mapped in low memory beside small ones", 4, s -> {
            long low = 0x80000000L;
            s.gives(low, "mmap", low, PAGE, PROT_READ, PRIVATE_ANON | MAP_FIXED, -1, 0);
            long huge = s.ok("mmap", 0x90000000L, 2 * HUGE, RW, MAP_SHARED, file(s), 0);
            s.store(huge, 1);
            s.holds(0, low);
        });
        add(t, "hugemmap04", "one mapping can have all free pages", 6, s -> {
            long addr = map(s, 6, MAP_SHARED, file(s));
            s.store(addr, 0);
            has(s, 6, 5, 5, 0);
            s.fails(ENOMEM, "mmap", 0, HUGE, RW, MAP_SHARED, file(s), 0);
        });
        add(t, "hugemmap05", "more pages than there are come as surplus and go again", 2, s -> {
            overcommit(s, 2);
            int fd = file(s);
            long addr = map(s, 3, MAP_SHARED, fd);
            has(s, 3, 3, 3, 1);
            fill(s, addr, 3, 1);
            has(s, 3, 0, 0, 1);
            s.unmap(addr, 3 * HUGE);
            has(s, 3, 0, 0, 1);
            s.gives(0, "close", fd);
            has(s, 2, 2, 0, 0);
        });
        add(t, "hugemmap05", "so they do for a segment", 2, s -> {
            overcommit(s, 2);
            s.ownIpc();
            long id = s.ok("shmget", IPC_PRIVATE, 3 * HUGE, IPC_CREAT | SHM_HUGETLB | 0600);
            has(s, 3, 3, 3, 1);
            long addr = s.ok("shmat", id, 0, 0);
            fill(s, addr, 3, 1);
            has(s, 3, 0, 0, 1);
            s.gives(0, "shmdt", addr);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            has(s, 2, 2, 0, 0);
        });
        add(t, "hugemmap08", "two mappings together cannot have more pages than there are", 3, s -> {
            int fd = file(s);
            map(s, 2, MAP_SHARED, fd);
            s.fails(ENOMEM, "mmap", 0, 2 * HUGE, RW, MAP_SHARED, fd, 2 * HUGE);
        });
        add(t, "hugemmap08", "with surplus pages they can, and a child can fill them", 3, s -> {
            overcommit(s, 2);
            int fd = file(s);
            long first = map(s, 2, MAP_SHARED, fd);
            long second = s.ok("mmap", 0, 2 * HUGE, RW, MAP_SHARED, fd, 2 * HUGE);
            Subject child = s.fork();
            fill(child, first, 2, 1);
            fill(child, second, 2, 3);
            child.exit();
        });
        add(t, "hugemmap22", "what is stored in huge pages stays, time after time", 5, s -> {
            int fd = file(s);
            for (int round = 0; round < 3; round++) {
                long addr = map(s, 5, MAP_SHARED, fd);
                fill(s, addr, 5, 10L * round);
                s.unmap(addr, 5 * HUGE);
            }
        });
    }

    private static void counters(CaseTable t) {
        for (int flags : new int[] {MAP_SHARED, MAP_PRIVATE}) {
            boolean isShared = flags == MAP_SHARED;
            String kind = isShared ? "shared" : "private";
            add(t, "hugemmap10", "mapping, touching and unmapping " + kind + " pages counts right", 4, s -> {
                int fd = file(s);
                long addr = map(s, 2, flags, fd);
                has(s, 4, 4, 2, 0);
                s.store(addr, 1);
                has(s, 4, 3, 1, 0);
                s.store(addr + HUGE, 1);
                has(s, 4, 2, 0, 0);
                s.unmap(addr, 2 * HUGE);
                has(s, 4, isShared ? 2 : 4, 0, 0);
                s.gives(0, "close", fd);
                has(s, 4, 4, 0, 0);
            });
            add(t, "hugemmap10", kind + " pages that the pool lacks are surplus until they are let go", 0, s -> {
                overcommit(s, 2);
                int fd = file(s);
                long addr = map(s, 1, flags, fd);
                has(s, 1, 1, 1, 1);
                s.store(addr, 1);
                has(s, 1, 0, 0, 1);
                s.unmap(addr, HUGE);
                s.gives(0, "close", fd);
                has(s, 0, 0, 0, 0);
            });
            add(t, "hugemmap10", "a pool made smaller keeps " + kind + " pages in use as surplus", 3, s -> {
                int fd = file(s);
                long addr = map(s, 2, flags, fd);
                s.store(addr, 1);
                s.store(addr + HUGE, 1);
                resize(s, 0);
                has(s, 2, 0, 0, 2);
                s.unmap(addr, 2 * HUGE);
                s.gives(0, "close", fd);
                has(s, 0, 0, 0, 0);
            });
        }
        add(t, "hugemmap12", "advice about the file leaves the reservations alone", 4, s -> {
            int fd = file(s);
            long addr = map(s, 1, MAP_SHARED, fd);
            s.store(addr, 1);
            has(s, 4, 3, 0, 0);
            s.gives(0, "fadvise64", fd, 0, HUGE, POSIX_FADV_WILLNEED);
            has(s, 4, 3, 0, 0);
            s.unmap(addr, HUGE);
            has(s, 4, 3, 0, 0);
        });
        add(t, "hugemmap16", "advice about the mapping leaves the reservations alone", 4, s -> {
            long addr = map(s, 1, PRIVATE_HUGE, -1);
            has(s, 4, 4, 1, 0);
            s.gives(0, "madvise", addr, HUGE, MADV_WILLNEED);
            has(s, 4, 4, 1, 0);
            s.unmap(addr, HUGE);
            has(s, 4, 4, 0, 0);
        });
        add(t, "hugemmap27", "pages without a promise do not take promised ones", 2, s -> {
            int fd = file(s);
            map(s, 2, MAP_SHARED, fd);
            long greedy = map(s, 1, MAP_SHARED | MAP_NORESERVE, file(s));
            s.storeRaises(BUS_ADRERR, greedy);
            has(s, 2, 2, 2, 0);
        });
        add(t, "hugemmap28", "a promised page that a mapping without promises takes is counted once", 2, s -> {
            int fd = file(s);
            long first = map(s, 1, MAP_SHARED, fd);
            long second = map(s, 1, MAP_SHARED | MAP_NORESERVE, fd);
            s.store(second, 1);
            s.unmap(first, HUGE);
            s.unmap(second, HUGE);
            s.gives(0, "close", fd);
            has(s, 2, 2, 0, 0);
        });
        add(t, "hugemmap38", "truncation gives the page back and no promise twice", 2, s -> {
            int fd = file(s);
            long addr = map(s, 1, MAP_SHARED, fd);
            has(s, 2, 2, 1, 0);
            s.store(addr, 0);
            has(s, 2, 1, 0, 0);
            s.gives(0, "ftruncate", fd, 0);
            has(s, 2, 2, 0, 0);
            s.loadRaises(BUS_ADRERR, addr);
            has(s, 2, 2, 0, 0);
            s.unmap(addr, HUGE);
            has(s, 2, 2, 0, 0);
        });
    }

    private static void contents(CaseTable t) {
        add(t, "hugemmap09", "a private store does not reach a page of the file that is mapped once", 4, s -> {
            int fd = file(s);
            long addr = map(s, 1, MAP_SHARED, fd);
            s.store(addr, 's');
            s.unmap(addr, HUGE);
            addr = map(s, 1, MAP_PRIVATE, fd);
            s.store(addr, 'p');
            s.unmap(addr, HUGE);
            addr = map(s, 1, MAP_SHARED, fd);
            s.holds('s', addr);
        });
        add(t, "hugemmap11", "files are read into and written from huge pages", 4, s -> {
            long addr = map(s, 1, MAP_PRIVATE, file(s));
            int fd = s.openNewFile(4 * PAGE, O_RDWR);
            s.gives(4 * PAGE, "pread64", fd, addr + PAGE, 4 * PAGE, 0);
            s.isFilled(addr + PAGE, PAGE, 1);
            s.isFilled(addr + 4 * PAGE, PAGE, 4);
            s.store(addr, 99);
            s.gives(PAGE, "pwrite64", fd, addr, PAGE, 0);
            s.store(addr, 0);
            s.gives(PAGE, "pread64", fd, addr, PAGE, 0);
            s.holds(99, addr);
        });
        add(t, "hugemmap21", "processes that map one file privately do not see each other's stores", 6, s -> {
            int fd = file(s);
            long shared = map(s, 1, MAP_SHARED, fd);
            s.store(shared, 7);
            Subject[] children = new Subject[3];
            long[] own = new long[3];
            for (int i = 0; i < children.length; i++) {
                children[i] = s.fork();
                own[i] = map(children[i], 1, MAP_PRIVATE, fd);
                children[i].holds(7, own[i]);
                children[i].store(own[i], 100 + i);
            }
            for (int i = 0; i < children.length; i++) {
                children[i].holds(100 + i, own[i]);
                children[i].exit();
            }
            s.holds(7, shared);
        });
        add(t, "hugemmap29", "a private copy and the file go their own ways", 4, s -> {
            int fd = file(s);
            long shared = map(s, 1, MAP_SHARED, fd);
            long own = map(s, 1, MAP_PRIVATE, fd);
            s.store(shared, 1);
            s.holds(1, own);
            s.store(own, 2);
            s.holds(1, shared);
            s.store(shared, 3);
            s.holds(2, own);
        });
        add(t, "hugemmap31", "two shared mappings of one page show the same", 2, s -> {
            int fd = file(s);
            long first = map(s, 1, MAP_SHARED, fd);
            long second = map(s, 1, MAP_SHARED, fd);
            fill(s, first, 1, 5);
            isFilled(s, second, 1, 5);
            s.store(second, 6);
            s.holds(6, first);
        });
        add(t, "hugemmap23", "mprotect takes rights from huge pages and gives them back", 2, s -> {
            for (int flags : new int[] {PRIVATE_HUGE, SHARED_HUGE}) {
                long addr = map(s, 1, flags, -1);
                s.store(addr, 1);
                s.gives(0, "mprotect", addr, HUGE, PROT_READ);
                s.holds(1, addr);
                s.storeRaises(SEGV_ACCERR, addr);
                s.gives(0, "mprotect", addr, HUGE, PROT_NONE);
                s.loadRaises(SEGV_ACCERR, addr);
                s.gives(0, "mprotect", addr, HUGE, RW);
                s.holds(1, addr);
                s.store(addr, 2);
                s.unmap(addr, HUGE);
            }
        });
        add(t, "hugemmap23", "a half of a mapping can be protected", 2, s -> {
            long addr = map(s, 2, SHARED_HUGE, -1);
            fill(s, addr, 2, 1);
            s.gives(0, "mprotect", addr, HUGE, PROT_READ);
            s.storeRaises(SEGV_ACCERR, addr);
            s.store(addr + HUGE, 9);
            s.isOneMapping(addr, HUGE);
            s.isOneMapping(addr + HUGE, HUGE);
        });
        for (int flags : new int[] {MAP_PRIVATE, MAP_SHARED}) {
            String kind = flags == MAP_PRIVATE ? "private" : "shared";
            add(t, "hugemmap20", kind + " huge pages can be locked, with MAP_LOCKED and by mlock", 2, s -> {
                for (int locked : new int[] {0, MAP_LOCKED}) {
                    int fd = file(s);
                    long addr = map(s, 1, flags | locked, fd);
                    s.gives(0, "mlock", addr, HUGE);
                    s.gives(0, "munlock", addr, HUGE);
                    s.unmap(addr, HUGE);
                    s.gives(0, "close", fd);
                }
                has(s, 2, 2, 0, 0);
            });
        }
    }

    private static void borders(CaseTable t) {
        add(t, "hugemmap07", "the heap grows up to below huge pages", 1, s -> {
            long end = s.ok("brk", 0);
            long huge = ((end + HUGE - 1) & -HUGE) + HUGE;
            s.gives(huge, "mmap", huge, HUGE, RW, MAP_PRIVATE | MAP_FIXED, file(s), 0);
            long wanted = ((end + HUGE - 1) & -HUGE) + PAGE;
            s.gives(wanted, "brk", wanted);
            s.store(wanted - 8, 1);
            s.store(huge, 1);
        });
        add(t, "hugemmap13", "small pages below 4 GiB, huge ones above", 1, s -> {
            s.gives(FOUR_GIB - PAGE, "mmap", FOUR_GIB - PAGE, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.gives(FOUR_GIB, "mmap", FOUR_GIB, HUGE, RW, MAP_SHARED | MAP_FIXED, file(s), 0);
            s.store(FOUR_GIB - PAGE, 1);
            s.store(FOUR_GIB, 2);
            s.holds(1, FOUR_GIB - PAGE);
        });
        add(t, "hugemmap14", "huge pages below 4 GiB, small ones above", 1, s -> {
            s.gives(FOUR_GIB - HUGE, "mmap", FOUR_GIB - HUGE, HUGE, RW, MAP_SHARED | MAP_FIXED, file(s), 0);
            s.gives(FOUR_GIB, "mmap", FOUR_GIB, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.store(FOUR_GIB - 8, 1);
            s.store(FOUR_GIB, 2);
            s.holds(1, FOUR_GIB - 8);
        });
        add(t, "hugemmap18", "addresses and offsets must be borders of huge pages, lengths need not", 4, s -> {
            int fd = file(s);
            long at = map(s, 2, MAP_SHARED, fd);
            s.unmap(at, 2 * HUGE);
            s.fails(EINVAL, "mmap", at + PAGE, HUGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
            s.fails(EINVAL, "mmap", at + HUGE / 2, HUGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
            s.fails(EINVAL, "mmap", 0, HUGE, RW, MAP_SHARED, fd, PAGE);
            s.fails(EINVAL, "mmap", 0, HUGE, RW, MAP_SHARED, fd, HUGE / 2);
            long other = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, fd, 0);
            s.isOneMapping(other, HUGE);
            s.unmap(other, HUGE);
            other = s.ok("mmap", 0, HUGE + PAGE, RW, MAP_SHARED, fd, 0);
            s.isOneMapping(other, 2 * HUGE);
        });
        add(t, "hugemmap37", "a mapping cannot reach beyond the end of user space", 4, s -> {
            long end = 1L << 47;
            s.fails(ENOMEM, "mmap", end - HUGE, 2 * HUGE, RW, MAP_SHARED | MAP_FIXED, file(s), 0);
            long addr = s.ok("mmap", end - HUGE, 2 * HUGE, RW, MAP_SHARED, file(s), 0);
            s.isTrue(addr + 2 * HUGE < end, "it lies there all the same");
        });
    }

    private static void truncation(CaseTable t) {
        add(t, "hugemmap17", "truncation takes what lies behind out of every mapping and nothing else", 8, s -> {
            int fd = file(s);
            long all = map(s, 4, MAP_SHARED, fd);
            long tail = s.ok("mmap", 0, 2 * HUGE, RW, MAP_SHARED, fd, 2 * HUGE);
            long own = s.ok("mmap", 0, HUGE, RW, MAP_PRIVATE, fd, 3 * HUGE);
            fill(s, all, 4, 1);
            s.store(own, 9);
            s.holds(4, tail + HUGE);
            s.gives(0, "ftruncate", fd, 3 * HUGE);
            isFilled(s, all, 3, 1);
            s.holds(3, tail);
            s.loadRaises(BUS_ADRERR, all + 3 * HUGE);
            s.loadRaises(BUS_ADRERR, tail + HUGE);
            s.loadRaises(BUS_ADRERR, own);
        });
        for (String origin : new String[] {"hugemmap19", "hugemmap36"}) {
            add(t, origin, "truncation at 4 GiB leaves the first pages alone", 4, s -> {
                int fd = file(s);
                long low = map(s, 2, MAP_SHARED, fd);
                fill(s, low, 2, 1);
                long high = s.ok("mmap", 0, HUGE, RW, MAP_SHARED, fd, FOUR_GIB);
                s.store(high, 5);
                s.gives(0, "ftruncate", fd, FOUR_GIB);
                isFilled(s, low, 2, 1);
                s.loadRaises(BUS_ADRERR, high);
            });
        }
    }

    private static void moves(CaseTable t) {
        add(t, "hugemmap24", "huge pages move where huge pages can lie, and keep what they hold", 2, s -> {
            long from = map(s, 1, SHARED_HUGE, -1);
            s.store(from, 3);
            long to = (s.hole(4 * HUGE) + HUGE - 1) & -HUGE;
            s.gives(to, "mremap", from, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
            s.holds(3, to);
            s.loadRaises(SEGV_MAPERR, from);
            s.fails(EINVAL, "mremap", to, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, from + PAGE);
        });
        add(t, "hugemmap25", "huge pages move beside small ones", 2, s -> {
            long hole = (s.hole(6 * HUGE) + HUGE - 1) & -HUGE;
            s.gives(hole, "mmap", hole, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.store(hole, 1);
            long from = map(s, 1, PRIVATE_HUGE, -1);
            s.store(from, 3);
            s.gives(hole + HUGE, "mremap", from, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, hole + HUGE);
            s.holds(3, hole + HUGE);
            s.holds(1, hole);
        });
        add(t, "hugemmap26", "small pages move beside huge ones", 2, s -> {
            long huge = (s.hole(6 * HUGE) + HUGE - 1) & -HUGE;
            s.gives(huge, "mmap", huge, HUGE, RW, PRIVATE_HUGE | MAP_FIXED, -1, 0);
            s.store(huge, 1);
            long from = s.mapWritten(PAGE);
            s.gives(huge + HUGE, "mremap", from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, huge + HUGE);
            s.holds(1, huge + HUGE);
            s.holds(1, huge);
        });
    }

    private static void fallocate(CaseTable t) {
        add(t, "hugefallocate01", "ranges that are not borders: allocation rounds out, holes round in", 6, s -> {
            int fd = file(s);
            long addr = map(s, 5, MAP_SHARED | MAP_NORESERVE, fd);
            s.gives(0, "fallocate", fd, 0, HUGE + HUGE / 2, HUGE);
            has(s, 6, 4, 0, 0);
            s.store(addr + HUGE, 5);
            s.store(addr + 2 * HUGE - 8, 6);
            s.gives(0, "fallocate", fd, PUNCH_HOLE, HUGE + PAGE, HUGE);
            has(s, 6, 4, 0, 0);
            s.holds(5, addr + HUGE);
            s.holds(0, addr + 2 * HUGE - 8);
            s.gives(0, "fallocate", fd, PUNCH_HOLE, HUGE - PAGE, 2 * HUGE);
            has(s, 6, 5, 0, 0);
        });
        add(t, "hugefallocate02", "pages can be allocated before they are touched, and taken away", 6, s -> {
            int fd = file(s);
            s.gives(0, "fallocate", fd, 0, 0, 5 * HUGE);
            has(s, 6, 1, 0, 0);
            for (int i = 0; i < 5; i++) {
                s.gives(0, "fallocate", fd, PUNCH_HOLE, i * HUGE, HUGE);
                has(s, 6, 2 + i, 0, 0);
            }
            s.fails(ENOSPC, "fallocate", fd, 0, 0, 7 * HUGE);
        });
    }

    private static void forks(CaseTable t) {
        add(t, "hugefork01", "parent and child of a fork have private pages of their own", 4, s -> {
            long addr = map(s, 1, PRIVATE_HUGE, -1);
            s.store(addr, 1);
            Subject child = s.fork();
            s.store(addr, 2);
            child.holds(1, addr);
            child.store(addr, 3);
            s.holds(2, addr);
            child.exit();
            s.holds(2, addr);
        });
        add(t, "hugefork02", "children share the pages of a segment", 4, s -> {
            s.ownIpc();
            long id = s.ok("shmget", IPC_PRIVATE, 2 * HUGE, IPC_CREAT | SHM_HUGETLB | 0600);
            for (int i = 0; i < 3; i++) {
                Subject child = s.fork();
                long addr = child.ok("shmat", id, 0, 0);
                child.holds(i, addr);
                child.store(addr, i + 1);
                child.gives(0, "shmdt", addr);
                child.exit();
            }
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            has(s, 4, 4, 0, 0);
        });
    }
}
