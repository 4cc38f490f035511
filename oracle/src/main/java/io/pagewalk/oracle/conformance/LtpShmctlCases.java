package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;
import static io.pagewalk.oracle.conformance.LtpShmCases.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/shmctl} and {@code testcases/kernel/mem/shmt} of the Linux Test Project assert. */
final class LtpShmctlCases {
    private static final int SIZE = 2048;
    private static final int SMALL = 16;
    private static final int CHILDREN = 10;
    private static final int DS_BYTES = 112;
    private static final int DS_MODE = 20;
    private static final int DS_SIZE = 48;
    private static final int DS_CPID = 80;
    private static final int DS_ATTACHED = 88;
    private static final long MAX_BYTES = -1 - (1L << 24);
    private static final long TEXT = 0x6765_6e65_726f_7573L;

    private LtpShmctlCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable control = new CaseTable("LTP shmctl");
        figures(control);
        refused(control);
        modes(control);
        cases.addAll(control.cases());
        CaseTable mem = new CaseTable("LTP mem/shmt");
        contents(mem);
        places(mem);
        cases.addAll(mem.cases());
        return cases;
    }

    /** Makes a segment without key, in identifiers of its own. */
    private static long createPrivate(Subject s, int mode) {
        s.ownIpc();
        return s.ok("shmget", IPC_PRIVATE, SIZE, IPC_CREAT | mode);
    }

    /** Asks for the figures of a segment by its index, which is 0 for the only one. */
    private static long statByIndex(Subject s) {
        long ds = s.space(DS_BYTES);
        s.ok("shmctl", 0, SHM_STAT, ds);
        return ds;
    }

    private static void bothCount(Subject s, long id, int times) {
        isAttached(s, id, times);
        s.holds(times, statByIndex(s) + DS_ATTACHED);
    }

    private static void figures(CaseTable t) {
        t.add("shmctl01", "size and maker, asked by identifier and by index", s -> {
            long pid = s.call("getpid");
            long id = createPrivate(s, RW_MODE);
            for (long ds : new long[] {stat(s, id), statByIndex(s)}) {
                s.holds(SIZE, ds + DS_SIZE);
                s.equal(pid, s.load32(ds + DS_CPID), "the maker");
            }
        });
        t.add("shmctl01", "what children attach and detach is counted", s -> {
            long id = createPrivate(s, RW_MODE);
            bothCount(s, id, 0);
            List<Subject> children = new ArrayList<>();
            List<Long> addresses = new ArrayList<>();
            for (int i = 0; i < CHILDREN; i++) {
                children.add(s.fork());
                addresses.add(children.get(i).ok("shmat", id, 0, 0));
            }
            bothCount(s, id, CHILDREN);
            for (int i = 0; i < CHILDREN; i++) {
                children.get(i).gives(0, "shmdt", addresses.get(i));
            }
            bothCount(s, id, 0);
        });
        t.add("shmctl01", "what children inherit is counted until they detach it", s -> {
            long id = createPrivate(s, RW_MODE);
            long addr = s.ok("shmat", id, 0, 0);
            List<Subject> children = new ArrayList<>();
            for (int i = 0; i < CHILDREN; i++) {
                children.add(s.fork());
            }
            bothCount(s, id, CHILDREN + 1);
            for (Subject child : children) {
                child.gives(0, "shmdt", addr);
            }
            bothCount(s, id, 1);
            s.gives(0, "shmdt", addr);
            bothCount(s, id, 0);
        });
        t.add("shmctl03", "IPC_INFO tells the limits", s -> {
            s.ownIpc();
            long info = s.space(72);
            s.ok("shmctl", 0, IPC_INFO, info);
            s.holds(MAX_BYTES, info);
            s.holds(1, info + 8);
            s.holds(4096, info + 16);
            s.holds(MAX_BYTES, info + 32);
        });
        for (boolean isRoot : new boolean[] {false, true}) {
            String who = isRoot ? "root" : "another user";
            t.add(
                    "shmctl04",
                    "SHM_INFO counts one segment of one page, of which nothing is in memory, for " + who,
                    s -> {
                        createPrivate(s, RW_MODE);
                        if (!isRoot) {
                            becomeNobody(s);
                        }
                        long info = s.space(48);
                        s.gives(0, "shmctl", 0, SHM_INFO, info);
                        s.equal(1, s.load32(info), "the segments");
                        s.holds(1, info + 8);
                        s.holds(0, info + 16);
                        s.holds(0, info + 24);
                        s.ok("shmctl", 0, SHM_STAT_ANY, s.space(DS_BYTES));
                        s.fails(EINVAL, "shmctl", 1, SHM_STAT_ANY, s.space(DS_BYTES));
                    });
        }
    }

    private static void refused(CaseTable t) {
        t.add("shmctl02", "the owner may not ask about a segment without permissions if it is not root", s -> {
            s.ownIpc();
            becomeNobody(s);
            long id = s.ok("shmget", KEY, SIZE, IPC_CREAT | IPC_EXCL);
            s.fails(EACCES, "shmctl", id, IPC_STAT, s.space(DS_BYTES));
        });
        t.add("shmctl02", "bad pointers give EFAULT", s -> {
            s.ownIpc();
            becomeNobody(s);
            long id = s.ok("shmget", KEY, SIZE, IPC_CREAT | IPC_EXCL | RW_MODE);
            s.fails(EFAULT, "shmctl", id, IPC_SET, -1);
            s.fails(EFAULT, "shmctl", id, IPC_STAT, -1);
        });
        t.add("shmctl02", "an unknown command, no segment and a removed one are refused", s -> {
            long id = createPrivate(s, RW_MODE);
            long ds = s.space(DS_BYTES);
            s.fails(EINVAL, "shmctl", id, -1, ds);
            s.fails(EINVAL, "shmctl", -1, IPC_STAT, ds);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            s.fails(EINVAL, "shmctl", id, IPC_STAT, ds);
        });
        t.add("shmctl02", "another user may neither ask about, change, remove nor lock root's segment", s -> {
            long id = createPrivate(s, RW_MODE);
            long ds = s.space(DS_BYTES);
            becomeNobody(s);
            s.fails(EACCES, "shmctl", id, IPC_STAT, ds);
            s.fails(EPERM, "shmctl", id, IPC_RMID, 0);
            s.fails(EPERM, "shmctl", id, IPC_SET, ds);
            s.fails(EPERM, "shmctl", id, SHM_LOCK, ds);
            s.fails(EPERM, "shmctl", id, SHM_UNLOCK, ds);
        });
    }

    private static void modes(CaseTable t) {
        t.add("shmctl07", "SHM_LOCK and SHM_UNLOCK show in the mode", s -> {
            long id = createPrivate(s, RW_MODE);
            s.gives(0, "shmctl", id, SHM_LOCK, 0);
            s.isTrue((s.load32(stat(s, id) + DS_MODE) & SHM_LOCKED) != 0, "the mode does not show the lock");
            s.gives(0, "shmctl", id, SHM_UNLOCK, 0);
            s.isTrue((s.load32(stat(s, id) + DS_MODE) & SHM_LOCKED) == 0, "the mode shows a lock");
        });
        t.add("shmctl08", "IPC_SET takes permissions away and gives them back", s -> {
            long id = createPrivate(s, 0666);
            long ds = stat(s, id);
            for (int mode : new int[] {0600, 0666}) {
                s.poke(ds + DS_MODE, new byte[] {(byte) mode, (byte) (mode >> 8)});
                s.gives(0, "shmctl", id, IPC_SET, ds);
                s.equal(mode, s.load32(stat(s, id) + DS_MODE) & 0xffff, "the mode");
            }
        });
    }

    private static void contents(CaseTable t) {
        t.add(
                "shmt02",
                "a removed segment keeps its contents while attached, and the key then gives an empty one",
                s -> {
                    s.ownIpc();
                    Subject child = s.fork();
                    long id = child.ok("shmget", KEY, SMALL, IPC_CREAT | 0666);
                    long addr = child.ok("shmat", id, 0, 0);
                    child.store(addr, TEXT);
                    child.gives(0, "shmctl", id, IPC_RMID, 0);
                    child.holds(TEXT, addr);
                    child.exit();
                    long second = s.ok("shmget", KEY, SMALL, IPC_CREAT | 0666);
                    s.holds(0, s.ok("shmat", second, 0, 0));
                    s.gives(0, "shmctl", second, IPC_RMID, 0);
                });
        t.add("shmt03", "a segment attached twice shows the same contents", s -> {
            long id = create(s, SMALL);
            long one = s.ok("shmat", id, 0, 0);
            s.store(one, TEXT);
            long two = s.ok("shmat", id, 0, 0);
            s.isTrue(one != two, "both are at the same address");
            s.holds(TEXT, two);
        });
        t.add("shmt04", "a child that attaches twice by key reads what the parent stored", s -> {
            s.ownIpc();
            Subject child = s.fork();
            s.store(s.ok("shmat", s.ok("shmget", KEY, SMALL, IPC_CREAT | 0666), 0, 0), TEXT);
            long id = child.ok("shmget", KEY, SMALL, IPC_CREAT | 0666);
            child.holds(TEXT, child.ok("shmat", id, 0, 0));
            child.holds(TEXT, child.ok("shmat", id, 0, 0));
            child.exit();
            s.gives(0, "shmctl", id, IPC_RMID, 0);
        });
        t.add("shmt07", "a child inherits an attached segment with its contents", s -> {
            long addr = s.ok("shmat", create(s, SMALL), 0, 0);
            s.store(addr, TEXT);
            Subject child = s.fork();
            child.holds(TEXT, addr);
            child.exit();
        });
    }

    private static void places(CaseTable t) {
        t.add("shmt05", "a segment cannot be attached within a page that is attached", s -> {
            long id = create(s, SMALL);
            long addr = s.ok("shmat", id, 0, 0);
            s.fails(EINVAL, "shmat", id, addr + SMALL / 2, 0);
        });
        t.add("shmt08", "a segment is attached and detached twice", s -> {
            long id = create(s, SMALL);
            long one = s.ok("shmat", id, 0, 0);
            long two = s.ok("shmat", id, 0, 0);
            s.gives(0, "shmdt", one);
            s.gives(0, "shmdt", two);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
        });
        t.add("shmt09", "a segment right behind the heap keeps the heap from growing", s -> {
            long id = create(s, 10 * SMALL);
            long end = s.call("brk", 0);
            s.gives(end + 16384, "brk", end + 16384);
            end += 16384 - 4097;
            s.gives(end, "brk", end);
            s.ok("shmat", id, 0, 0);
            end += 32 * SMALL;
            s.gives(end, "brk", end);
            s.fails(EINVAL, "shmat", id, (end - 2 * SMALL) | 8, 0);
            long behind = (end + PAGE) & -PAGE;
            s.gives(behind, "shmat", id, behind, SHM_RND);
            s.gives(end, "brk", end + PAGE);
        });
        t.add("shmt10", "a process and its child attach and detach a segment again and again", s -> {
            s.ownIpc();
            long id = s.ok("shmget", KEY, 0x32768, IPC_CREAT | 0666);
            Subject child = s.fork();
            for (int i = 0; i < 50; i++) {
                for (Subject who : new Subject[] {s, child}) {
                    long addr = who.ok("shmat", id, 0, 0);
                    who.store(addr, 'a');
                    who.gives(0, "shmdt", addr);
                }
            }
            child.exit();
            s.gives(0, "shmctl", id, IPC_RMID, 0);
        });
    }
}
