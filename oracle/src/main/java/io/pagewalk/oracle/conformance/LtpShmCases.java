package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{shmat,shmdt,shmget}} of the Linux Test Project assert. */
final class LtpShmCases {
    static final long KEY = 0x4c5450;
    static final int RW_MODE = 0600;

    private static final int DS_BYTES = 112;
    private static final int DS_SIZE = 48;
    private static final int DS_ATTACHED = 88;
    private static final int SHM_HUGETLB = 04000;
    private static final int MAX_SEGMENTS = 4096;
    private static final int SIZE = 2048;

    private LtpShmCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable at = new CaseTable("LTP shmat");
        shmat(at);
        notAttached(at);
        cases.addAll(at.cases());
        CaseTable dt = new CaseTable("LTP shmdt");
        shmdt(dt);
        cases.addAll(dt.cases());
        CaseTable get = new CaseTable("LTP shmget");
        shmget(get);
        cases.addAll(get.cases());
        return cases;
    }

    /** Makes a segment with the key of these cases, in identifiers of their own. */
    static long create(Subject s, long bytes) {
        s.ownIpc();
        return s.ok("shmget", KEY, bytes, IPC_CREAT | IPC_EXCL | RW_MODE);
    }

    /** Asks for the figures of a segment and returns where they are. */
    static long stat(Subject s, long id) {
        long ds = s.space(DS_BYTES);
        s.gives(0, "shmctl", id, IPC_STAT, ds);
        return ds;
    }

    /** The segment must be attached so often. */
    static void isAttached(Subject s, long id, long times) {
        s.holds(times, stat(s, id) + DS_ATTACHED);
    }

    private static void shmat(CaseTable t) {
        t.add("shmat01", "a segment is attached where the kernel likes", s -> attached(s, create(s, 4), 0, 0));
        t.add("shmat01", "a segment is attached where the caller likes", s -> {
            attached(s, create(s, 4), s.hole(PAGE), 0);
        });
        t.add("shmat01", "SHM_RND rounds the address down", s -> {
            attached(s, create(s, 4), s.hole(PAGE) + PAGE - 1, SHM_RND);
        });
        t.add("shmat01", "a store to a segment attached read-only raises SIGSEGV", s -> {
            attached(s, create(s, 4), s.hole(PAGE), SHM_RDONLY);
        });
        t.add("shmat03", "SHM_RND does not attach at address 0", s -> {
            s.ownIpc();
            long id = s.ok("shmget", IPC_PRIVATE, PAGE, 0777);
            s.fails(EINVAL, "shmat", id, 1, SHM_RND | SHM_REMAP);
        });
        t.add("shmat04", "a segment whose protections were split and joined is detached whole", s -> {
            long id = create(s, 3 * PAGE);
            long addr = s.ok("shmat", id, 0, 0);
            s.gives(0, "mprotect", addr + PAGE, PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr, 2 * PAGE, PROT_WRITE);
            s.gives(0, "shmdt", addr);
            isAttached(s, id, 0);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
        });
    }

    private static void attached(Subject s, long id, long hint, int flags) {
        long addr = s.ok("shmat", id, hint, flags);
        isAttached(s, id, 1);
        s.holds(4, stat(s, id) + DS_SIZE);
        s.isTrue(hint == 0 || addr == (hint & -PAGE), "it is attached elsewhere");
        Subject child = s.fork();
        if (flags == SHM_RDONLY) {
            child.storeRaises(SEGV_ACCERR, addr);
        } else {
            child.store(addr, 10);
        }
        child.exit();
        s.gives(0, "shmdt", addr);
    }

    private static void notAttached(CaseTable t) {
        t.add("shmat02", "there is no segment -1", s -> {
            s.ownIpc();
            s.fails(EINVAL, "shmat", -1, s.hole(PAGE), 0);
        });
        t.add("shmat02", "an address within a page is refused", s -> {
            s.fails(EINVAL, "shmat", create(s, 4), s.hole(PAGE) + PAGE - 1, 0);
        });
        t.add("shmat02", "another user may not attach", s -> {
            long id = create(s, 4);
            long addr = s.hole(PAGE);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EACCES, "shmat", id, addr, 0);
            child.exit();
        });
    }

    private static void shmdt(CaseTable t) {
        t.add("shmdt01", "what is detached is no longer counted, and not to be stored to", s -> {
            long id = create(s, 4);
            long addr = s.ok("shmat", id, 0, 0);
            s.gives(0, "shmdt", addr);
            isAttached(s, id, 0);
            s.storeRaises(SEGV_MAPERR, addr);
        });
        t.add("shmdt02", "an address at which nothing is attached, or within a page, is refused", s -> {
            long addr = s.hole(PAGE);
            s.fails(EINVAL, "shmdt", addr);
            s.fails(EINVAL, "shmdt", addr + PAGE - 1);
        });
    }

    private static void shmget(CaseTable t) {
        t.add("shmget02", "an unknown key without IPC_CREAT gives ENOENT", s -> {
            s.ownIpc();
            s.fails(ENOENT, "shmget", KEY, SIZE, IPC_EXCL);
        });
        t.add("shmget02", "a known key with IPC_EXCL gives EEXIST", s -> {
            create(s, SIZE);
            s.fails(EEXIST, "shmget", KEY, SIZE, IPC_CREAT | IPC_EXCL);
        });
        t.add("shmget02", "no bytes and more than the largest segment are refused", s -> {
            s.ownIpc();
            s.fails(EINVAL, "shmget", KEY, 0, IPC_CREAT | IPC_EXCL);
            s.fails(EINVAL, "shmget", KEY, -1, IPC_CREAT | IPC_EXCL);
        });
        t.add("shmget02", "more bytes than the known segment has are refused", s -> {
            create(s, SIZE);
            s.fails(EINVAL, "shmget", KEY, 2 * SIZE, IPC_EXCL);
        });
        t.add("shmget02", "another user may not get a segment without permissions", s -> {
            s.ownIpc();
            s.ok("shmget", KEY, SIZE, IPC_CREAT | IPC_EXCL);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EACCES, "shmget", KEY, SIZE, 0400);
            child.exit();
        });
        t.add("shmget02", "without huge pages SHM_HUGETLB gives ENOMEM", s -> {
            s.ownIpc();
            s.fails(ENOMEM, "shmget", KEY, SIZE, IPC_CREAT | SHM_HUGETLB);
        });
        t.add("shmget03", "a segment more than the kernel allows gives ENOSPC", s -> {
            s.ownIpc();
            List<long[]> calls = new ArrayList<>();
            for (int i = 0; i < MAX_SEGMENTS; i++) {
                calls.add(new long[] {KEY + i, SIZE, IPC_CREAT | IPC_EXCL | RW_MODE});
            }
            for (long id : s.callAll("shmget", calls)) {
                s.isTrue(id >= 0, "a segment cannot be made");
            }
            s.fails(ENOSPC, "shmget", KEY + MAX_SEGMENTS, SIZE, IPC_CREAT | IPC_EXCL | RW_MODE);
        });
        t.add("shmget04", "the owner may not get a segment without permissions if it is not root", s -> {
            s.ownIpc();
            becomeNobodyForGood(s);
            s.ok("shmget", KEY, SIZE, IPC_CREAT | IPC_EXCL);
            for (int mode : new int[] {0400, 0200, 0600}) {
                s.fails(EACCES, "shmget", KEY, SIZE, mode);
            }
        });
    }
}
