package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.*;
import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.List;
import java.util.function.Consumer;

/** What the programs under {@code testcases/kernel/mem/hugetlb/hugeshm*} and {@code memfd_create03}, {@code 04} of the Linux Test Project assert. */
final class LtpHugeshmCases {
    private static final long KEY = 0x4c5451;
    private static final int CREATE = IPC_CREAT | IPC_EXCL | SHM_HUGETLB | 0600;
    private static final int DS_BYTES = 112;
    private static final int DS_MODE = 20;
    private static final int DS_SIZE = 48;
    private static final int DS_ATTACHED = 88;
    private static final int HUGE_SHIFT = 26;

    private LtpHugeshmCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("LTP hugetlb");
        attach(t);
        control(t);
        get(t);
        memfd(t);
        return t.cases();
    }

    private static void add(CaseTable t, String origin, String says, int pages, Consumer<Subject> body) {
        t.add(origin, says, s -> HugePages.with(s, pages, body));
    }

    private static long create(Subject s, long bytes) {
        s.ownIpc();
        return s.ok("shmget", KEY, bytes, CREATE);
    }

    private static void attach(CaseTable t) {
        add(t, "hugeshmat01", "a segment of huge pages is attached, and can be read only", 4, s -> {
            long id = create(s, 2 * HUGE);
            long addr = s.ok("shmat", id, 0, 0);
            fill(s, addr, 2, 1);
            s.gives(0, "shmdt", addr);
            addr = s.ok("shmat", id, 0, SHM_RDONLY);
            isFilled(s, addr, 2, 1);
            s.storeRaises(SEGV_ACCERR, addr);
        });
        add(t, "hugeshmat02", "an identifier that is none, and an address that is no border", 4, s -> {
            long id = create(s, HUGE);
            s.fails(EINVAL, "shmat", -1, 0, 0);
            s.fails(EINVAL, "shmat", id, (s.hole(4 * HUGE) & -HUGE) + 3, 0);
            s.fails(EINVAL, "shmat", id, (s.hole(4 * HUGE) & -HUGE) + PAGE, 0);
        });
        add(t, "hugeshmat03", "another user may not attach it", 4, s -> {
            long id = create(s, HUGE);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EACCES, "shmat", id, 0, 0);
            child.exit();
        });
        add(t, "hugeshmat04", "an attachment where the caller likes outlives a fork, and no page is lost", 4, s -> {
            s.ownIpc();
            long id = s.ok("shmget", IPC_PRIVATE, 3 * HUGE, IPC_CREAT | SHM_HUGETLB | 0777);
            long at = (s.hole(8 * HUGE) + HUGE - 1) & -HUGE;
            s.gives(at, "shmat", id, at, SHM_RND);
            fill(s, at, 3, 2);
            Subject child = s.fork();
            child.exit();
            isFilled(s, at, 3, 2);
            s.gives(0, "shmdt", at);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            has(s, 4, 4, 0, 0);
        });
        add(t, "hugeshmat05", "lengths that are no multiple are rounded up when attached", 5, s -> {
            s.ownIpc();
            for (long bytes : new long[] {4 * HUGE - PAGE, 4 * HUGE - PAGE - 1, HUGE, HUGE + 1}) {
                long id = s.ok("shmget", IPC_PRIVATE, bytes, IPC_CREAT | SHM_HUGETLB | 0600);
                long rounded = (bytes + HUGE - 1) & -HUGE;
                long addr = s.ok("shmat", id, 0, 0);
                s.isOneMapping(addr, rounded);
                fill(s, addr, rounded / HUGE, 1);
                s.gives(0, "shmdt", addr);
                s.gives(0, "shmctl", id, IPC_RMID, 0);
            }
            has(s, 5, 5, 0, 0);
        });
        add(t, "hugeshmdt01", "after shmdt the memory is gone", 2, s -> {
            long id = create(s, HUGE);
            long addr = s.ok("shmat", id, 0, 0);
            s.store(addr, 5);
            s.gives(0, "shmdt", addr);
            s.loadRaises(SEGV_MAPERR, addr);
            s.fails(EINVAL, "shmdt", addr);
        });
    }

    private static void control(CaseTable t) {
        add(t, "hugeshmctl01", "IPC_STAT tells the length as asked and who is attached", 4, s -> {
            long id = create(s, HUGE + PAGE);
            long ds = s.space(DS_BYTES);
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.holds(HUGE + PAGE, ds + DS_SIZE);
            s.holds(0, ds + DS_ATTACHED);
            s.ok("shmat", id, 0, 0);
            Subject child = s.fork();
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.holds(2, ds + DS_ATTACHED);
            child.exit();
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.holds(1, ds + DS_ATTACHED);
        });
        add(t, "hugeshmctl01", "IPC_SET changes the permissions, IPC_RMID ends it", 4, s -> {
            long id = create(s, HUGE);
            long ds = s.space(DS_BYTES);
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.store(ds + DS_MODE - 4, (s.load(ds + DS_MODE - 4) & 0xffffffffL) | 0660L << 32);
            s.gives(0, "shmctl", id, IPC_SET, ds);
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.isTrue((s.load32(ds + DS_MODE) & 0777) == 0660, "other permissions");
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            s.fails(EINVAL, "shmctl", id, IPC_STAT, ds);
            has(s, 4, 4, 0, 0);
        });
        add(t, "hugeshmctl02", "bad identifiers, commands and addresses", 4, s -> {
            long id = create(s, HUGE);
            s.fails(EINVAL, "shmctl", -1, IPC_STAT, s.space(DS_BYTES));
            s.fails(EINVAL, "shmctl", id, -1, s.space(DS_BYTES));
            s.fails(EFAULT, "shmctl", id, IPC_STAT, s.hole(PAGE));
            s.fails(EFAULT, "shmctl", id, IPC_SET, s.hole(PAGE));
        });
        add(t, "hugeshmctl03", "another user may neither look, change nor remove", 4, s -> {
            long id = create(s, HUGE);
            long ds = s.space(DS_BYTES);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EACCES, "shmctl", id, IPC_STAT, ds);
            child.fails(EPERM, "shmctl", id, IPC_SET, ds);
            child.fails(EPERM, "shmctl", id, IPC_RMID, ds);
            child.exit();
        });
    }

    private static void get(CaseTable t) {
        add(t, "hugeshmget01", "a segment of huge pages has the length that was asked for", 4, s -> {
            long id = create(s, HUGE);
            long ds = s.space(DS_BYTES);
            s.gives(0, "shmctl", id, IPC_STAT, ds);
            s.holds(HUGE, ds + DS_SIZE);
            has(s, 4, 4, 1, 0);
        });
        add(t, "hugeshmget02", "no length, too long, made already, not made", 4, s -> {
            create(s, HUGE);
            s.fails(EINVAL, "shmget", KEY + 1, 0, CREATE);
            s.fails(EINVAL, "shmget", KEY, HUGE + 1, SHM_HUGETLB | 0600);
            s.fails(EEXIST, "shmget", KEY, HUGE, CREATE);
            s.fails(ENOENT, "shmget", KEY + 2, HUGE, SHM_HUGETLB | 0600);
        });
        add(t, "hugeshmget02", "more pages than there are give ENOMEM", 2, s -> {
            s.ownIpc();
            s.fails(ENOMEM, "shmget", KEY, 3 * HUGE, CREATE);
            has(s, 2, 2, 0, 0);
        });
        add(t, "hugeshmget05", "another user does not get it", 4, s -> {
            create(s, HUGE);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EACCES, "shmget", KEY, HUGE, SHM_HUGETLB | 0600);
            child.exit();
        });
        add(t, "hugeshmget06", "every page of a segment keeps what is stored in it", 8, s -> {
            long id = create(s, 8 * HUGE);
            long addr = s.ok("shmat", id, 0, SHM_RND);
            fill(s, addr, 8, 65);
            s.gives(0, "shmdt", addr);
            addr = s.ok("shmat", id, 0, SHM_RND);
            isFilled(s, addr, 8, 65);
        });
    }

    private static void memfd(CaseTable t) {
        add(t, "memfd_create03", "there is no write to huge pages", 1, s -> {
            s.fails(EINVAL, "write", file(s), s.string("LTP"), 3);
        });
        add(t, "memfd_create03", "huge pages are unmapped as a whole", 1, s -> {
            long addr = s.ok("mmap", 0, HUGE, PROT_WRITE, MAP_PRIVATE, file(s), 0);
            s.store(addr, 0);
            for (long bytes = HUGE / 4; bytes < HUGE; bytes += HUGE / 4) {
                s.fails(EINVAL, "munmap", addr, bytes);
            }
            s.unmap(addr, HUGE);
        });
        add(t, "memfd_create03", "when all pages are promised there is none for another file", 3, s -> {
            s.ok("mmap", 0, 3 * HUGE, PROT_WRITE, MAP_PRIVATE, file(s), 0);
            s.fails(ENOMEM, "mmap", 0, HUGE, 0, MAP_PRIVATE, file(s), 0);
        });
        t.add("memfd_create04", "files of huge pages exist in the sizes of the machine and no others", s -> {
            for (int shift : new int[] {16, 19, 21, 23, 24, 28, 30, 31, 34}) {
                int flags = MFD_HUGETLB | shift << HUGE_SHIFT;
                if (shift == 21 || shift == 30) {
                    s.ok("memfd_create", s.string("sized"), flags);
                } else {
                    s.fails(ENODEV, "memfd_create", s.string("sized"), flags);
                }
            }
        });
    }
}
