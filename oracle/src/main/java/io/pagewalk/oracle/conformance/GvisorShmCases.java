package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/shm.cc} asserts. Where that test waits for seconds to pass, these compare times only with each other. */
final class GvisorShmCases {
    private static final long BYTES = 128 * PAGE;
    private static final long KEY = 0x5a5a;
    private static final int ALL = 0777;

    private static final int DS_BYTES = 112;
    private static final int DS_MODE = 20;
    private static final int DS_SIZE = 48;
    private static final int DS_ATIME = 56;
    private static final int DS_DTIME = 64;
    private static final int DS_CTIME = 72;
    private static final int DS_CPID = 80;
    private static final int DS_LPID = 84;
    private static final int DS_ATTACHED = 88;

    private GvisorShmCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor shm.cc");
        attaching(t);
        status(t);
        figures(t);
        removal(t);
        creation(t);
        protection(t);
        return t.cases();
    }

    private static long create(Subject s) {
        s.ownIpc();
        return s.ok("shmget", IPC_PRIVATE, BYTES, IPC_CREAT | ALL);
    }

    private static long createKeyed(Subject s) {
        s.ownIpc();
        return s.ok("shmget", KEY, BYTES, IPC_CREAT | ALL);
    }

    private static long attach(Subject s, long id) {
        return s.ok("shmat", id, 0, 0);
    }

    private static long stat(Subject s, long id) {
        long ds = s.space(DS_BYTES);
        s.gives(0, "shmctl", id, IPC_STAT, ds);
        return ds;
    }

    private static void isAttached(Subject s, long id, int times) {
        s.holds(times, stat(s, id) + DS_ATTACHED);
    }

    private static void attaching(CaseTable t) {
        t.add("ShmTest.AttachDetach", "attaching and detaching counts up and down", s -> {
            long id = create(s);
            s.holds(BYTES, stat(s, id) + DS_SIZE);
            isAttached(s, id, 0);
            long first = attach(s, id);
            isAttached(s, id, 1);
            long second = attach(s, id);
            isAttached(s, id, 2);
            s.gives(0, "shmdt", first);
            isAttached(s, id, 1);
            s.gives(0, "shmdt", second);
            isAttached(s, id, 0);
        });
        t.add("ShmTest.LookupByKey", "a key finds its segment", s -> {
            long id = createKeyed(s);
            s.gives(id, "shmget", KEY, BYTES, ALL);
        });
        t.add("ShmTest.DetachedSegmentsPersist", "a segment keeps its contents while nobody has it", s -> {
            long id = create(s);
            long addr = attach(s, id);
            s.store(addr, 'x');
            s.gives(0, "shmdt", addr);
            s.holds('x', attach(s, id));
        });
        t.add("ShmTest.MultipleDetachFails", "detaching twice gives EINVAL", s -> {
            long addr = attach(s, create(s));
            s.gives(0, "shmdt", addr);
            s.fails(EINVAL, "shmdt", addr);
        });
        t.add("ShmTest.PartialUnmap", "a segment with a hole can be detached", s -> {
            long id = create(s);
            long addr = attach(s, id);
            s.unmap(addr + BYTES / 4, BYTES / 2);
            s.gives(0, "shmdt", addr);
            s.isUnmapped(addr);
            s.isUnmapped(addr + BYTES - PAGE);
        });
        t.add("ShmDeathTest.SegmentNotAccessibleAfterDetach", "a store after detaching raises SIGSEGV", s -> {
            long id = create(s);
            long addr = attach(s, id);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            s.store(addr, 'x');
            s.gives(0, "shmdt", addr);
            s.storeRaises(SEGV_MAPERR, addr);
        });
    }

    private static void status(CaseTable t) {
        t.add("ShmTest.IpcStat", "IPC_STAT tells key, owner, mode and size of a new segment", s -> {
            long id = createKeyed(s);
            long ds = stat(s, id);
            s.equal(KEY, s.load32(ds), "the key");
            for (int at = 4; at < DS_MODE; at += 4) {
                s.equal(0, s.load32(ds + at), "a user or group");
            }
            s.equal(ALL, s.load32(ds + DS_MODE), "the mode");
            s.holds(BYTES, ds + DS_SIZE);
        });
        t.add("ShmTest.IpcStat", "a new segment has no times of use, and only its maker", s -> {
            long ds = stat(s, createKeyed(s));
            s.holds(0, ds + DS_ATIME);
            s.holds(0, ds + DS_DTIME);
            s.equal(s.ok("getpid"), s.load32(ds + DS_CPID), "the maker");
            s.equal(0, s.load32(ds + DS_LPID), "the last user");
        });
        String reason = "the model's clock begins at 0 with the boot";
        t.notModelled("ShmTest.IpcStat", "the change time is set when a segment is made", reason, s -> {
            s.isTrue(s.load(stat(s, createKeyed(s)) + DS_CTIME) > 0, "no change time");
        });
        t.add("ShmTest.IpcStat", "attaching and detaching leave their times and the last user", s -> {
            long id = createKeyed(s);
            long addr = attach(s, id);
            long ds = stat(s, id);
            s.isTrue(s.load(ds + DS_ATIME) >= s.load(ds + DS_CTIME), "attached before it was made");
            s.holds(0, ds + DS_DTIME);
            s.equal(s.ok("getpid"), s.load32(ds + DS_LPID), "the last user");
            s.gives(0, "shmdt", addr);
            long after = stat(s, id);
            s.isTrue(s.load(after + DS_DTIME) >= s.load(after + DS_ATIME), "detached before it was attached");
        });
        t.add("ShmTest.ShmStat", "SHM_STAT takes an index and gives the identifier", s -> {
            long id = create(s);
            s.gives(id, "shmctl", 0, SHM_STAT, s.space(DS_BYTES));
        });
        t.add("ShmTest.ShmCtlSet", "IPC_SET changes the mode", s -> {
            long id = create(s);
            attach(s, id);
            long ds = stat(s, id);
            s.equal(ALL, s.load32(ds + DS_MODE), "the mode");
            s.poke(ds + DS_MODE, new byte[] {(byte) 0766, 1, 0, 0});
            s.gives(0, "shmctl", id, IPC_SET, ds);
            s.equal(0766, s.load32(stat(s, id) + DS_MODE), "the mode");
        });
    }

    private static void figures(CaseTable t) {
        t.add("ShmTest.IpcInfo", "IPC_INFO tells the limits", s -> {
            s.ownIpc();
            long info = s.space(72);
            s.ok("shmctl", 0, IPC_INFO, info);
            s.holds(1, info + 8);
            for (int at : new int[] {16, 24, 32}) {
                s.isTrue(s.load(info + at) != 0, "a limit is 0");
            }
            s.isTrue(Long.compareUnsigned(s.load(info), 1) > 0, "SHMMAX is too small");
        });
        t.add("ShmTest.ShmInfo", "SHM_INFO counts segments and their pages", s -> {
            long addr = attach(s, create(s));
            s.storeInPages(addr, BYTES, 1);
            long info = s.space(48);
            s.ok("shmctl", 0, SHM_INFO, info);
            s.equal(1, s.load32(info), "segments");
            s.holds(BYTES / PAGE, info + 8);
            s.holds(BYTES / PAGE, info + 16);
            s.holds(0, info + 24);
        });
        t.add("ShmTest.RemovedSegmentsAreDestroyed", "the pages of a removed segment no longer count", s -> {
            long id = create(s);
            long addr = attach(s, id);
            long info = s.space(48);
            s.ok("shmctl", 0, SHM_INFO, info);
            s.holds(BYTES / PAGE, info + 8);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            s.gives(0, "shmdt", addr);
            s.ok("shmctl", 0, SHM_INFO, info);
            s.holds(0, info + 8);
        });
    }

    private static void removal(CaseTable t) {
        t.add("ShmTest.RemovedSegmentsAreMarkedDeleted", "a removed segment in use has SHM_DEST", s -> {
            long id = create(s);
            attach(s, id);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            s.equal(ALL | SHM_DEST, s.load32(stat(s, id) + DS_MODE), "the mode");
        });
        t.add("ShmTest.AllowsAttachToRemovedSegmentWithRefs", "a removed segment in use can be attached again", s -> {
            long id = create(s);
            long first = attach(s, id);
            s.gives(0, "shmctl", id, IPC_RMID, 0);
            long second = attach(s, id);
            s.gives(0, "shmdt", first);
            s.gives(0, "shmdt", second);
        });
        t.add("ShmTest.RemovedSegmentsAreNotDiscoverable", "the key of a removed segment is free", s -> {
            s.gives(0, "shmctl", createKeyed(s), IPC_RMID, 0);
            s.fails(ENOENT, "shmget", KEY, BYTES, ALL);
        });
        t.add("ShmTest.NoDestructionOfAttachedSegmentWithMultipleRmid", "removing again does no harm", s -> {
            long id = create(s);
            long first = attach(s, id);
            long second = attach(s, id);
            for (int i = 0; i < 6; i++) {
                s.gives(0, "shmctl", id, IPC_RMID, 0);
            }
            s.store(first, 'x');
            s.gives(0, "shmdt", first);
            s.store(second, 'x');
            s.gives(0, "shmdt", second);
        });
    }

    private static void creation(CaseTable t) {
        t.add("ShmTest.RequestingSegmentSmallerThanSHMMINFails", "no bytes are refused", s -> {
            s.ownIpc();
            s.fails(EINVAL, "shmget", IPC_PRIVATE, 0, IPC_CREAT | ALL);
        });
        t.add("ShmTest.RequestingSegmentLargerThanSHMMAXFails", "more than SHMMAX is refused", s -> {
            s.ownIpc();
            long info = s.space(72);
            s.ok("shmctl", 0, IPC_INFO, info);
            s.fails(EINVAL, "shmget", IPC_PRIVATE, s.load(info) + PAGE, IPC_CREAT | ALL);
        });
        t.add("ShmTest.RequestingUnalignedSizeSucceeds", "4,097 bytes make a segment of that size", s -> {
            s.ownIpc();
            long id = s.ok("shmget", IPC_PRIVATE, 4097, IPC_CREAT | ALL);
            s.holds(4097, stat(s, id) + DS_SIZE);
        });
        t.add("ShmTest.RequestingDuplicateCreationFails", "IPC_EXCL refuses a key that is taken", s -> {
            createKeyed(s);
            s.fails(EEXIST, "shmget", KEY, BYTES, IPC_CREAT | IPC_EXCL | ALL);
        });
        t.add("ShmTest.NonExistentSegmentsAreNotFound", "an unknown key without IPC_CREAT gives ENOENT", s -> {
            s.ownIpc();
            s.fails(ENOENT, "shmget", KEY, BYTES, ALL);
        });
        t.add("ShmTest.SegmentsSizeFixedOnCreation", "a segment keeps its size whatever is asked", s -> {
            long id = createKeyed(s);
            s.gives(id, "shmget", KEY, BYTES / 2, ALL);
            s.fails(EINVAL, "shmget", KEY, BYTES * 2, ALL);
            long first = attach(s, id);
            long second = attach(s, id);
            s.isTrue(first != second, "one address for both");
            s.store(first + BYTES - 8, 'x');
            s.holds('x', second + BYTES - 8);
        });
        t.add("ShmTest.GracefullyFailOnZeroLenSegmentCreation", "no bytes and no flags are refused", s -> {
            s.ownIpc();
            s.fails(EINVAL, "shmget", IPC_PRIVATE, 0, 0);
        });
    }

    private static void protection(CaseTable t) {
        t.add("ShmDeathTest.ReadonlySegment", "SHM_RDONLY allows loads and no stores", s -> {
            long addr = s.ok("shmat", create(s), 0, SHM_RDONLY);
            s.holds(0, addr);
            s.storeRaises(SEGV_ACCERR, addr);
        });
        t.add("ShmTest.MprotectWriteOnReadonlySegmentFails", "mprotect cannot make it writable", s -> {
            long addr = s.ok("shmat", create(s), 0, SHM_RDONLY);
            s.fails(EACCES, "mprotect", addr, BYTES, RW);
        });
        t.add("ShmTest.MprotectWriteOnWritableSegmentSucceeds", "mprotect can take writing and give it back", s -> {
            long addr = attach(s, create(s));
            s.gives(0, "mprotect", addr, BYTES, PROT_READ);
            s.gives(0, "mprotect", addr, BYTES, RW);
            s.store(addr, 'y');
            s.holds('y', addr);
        });
    }
}
