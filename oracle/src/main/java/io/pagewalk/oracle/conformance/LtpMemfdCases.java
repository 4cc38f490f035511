package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/memfd_create} of the Linux Test Project assert. */
final class LtpMemfdCases {
    private static final long BYTES = 8192;
    private static final int PUNCH_HOLE = 3;
    private static final int NAME_BYTES = 2048;
    private static final int STAT_SIZE = 48;

    private LtpMemfdCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("LTP memfd_create");
        adding(t);
        effects(t);
        sharing(t);
        names(t);
        flags(t);
        return t.cases();
    }

    private static int create(Subject s, int flags) {
        int fd = (int) s.ok("memfd_create", s.string("ltp"), flags);
        s.gives(0, "ftruncate", fd, BYTES);
        return fd;
    }

    private static void hasSeals(Subject s, int fd, int seals) {
        s.gives(seals, "fcntl", fd, F_GET_SEALS);
    }

    private static void seal(Subject s, int fd, int seals) {
        s.gives(0, "fcntl", fd, F_ADD_SEALS, seals);
    }

    private static void cannotSeal(Subject s, int fd, int seals) {
        s.fails(EPERM, "fcntl", fd, F_ADD_SEALS, seals);
    }

    private static void adding(CaseTable t) {
        t.add("memfd_create01", "seals add up until the seal of seals", s -> {
            int fd = create(s, MFD_ALLOW_SEALING);
            hasSeals(s, fd, 0);
            for (int i = 0; i < 2; i++) {
                seal(s, fd, F_SEAL_SHRINK | F_SEAL_WRITE);
                hasSeals(s, fd, F_SEAL_SHRINK | F_SEAL_WRITE);
            }
            seal(s, fd, F_SEAL_GROW | F_SEAL_SEAL);
            hasSeals(s, fd, F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL);
            cannotSeal(s, fd, F_SEAL_GROW);
            cannotSeal(s, fd, 0);
        });
        t.add("memfd_create01", "without MFD_ALLOW_SEALING there is the seal of seals and no other comes", s -> {
            int fd = create(s, 0);
            hasSeals(s, fd, F_SEAL_SEAL);
            cannotSeal(s, fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
            hasSeals(s, fd, F_SEAL_SEAL);
        });
    }

    private static void effects(CaseTable t) {
        t.add("memfd_create01", "F_SEAL_WRITE: no stores and no growth by write, but another size", s -> {
            int fd = sealed(s, F_SEAL_WRITE);
            canBeRead(s, fd);
            cannotBeWritten(s, fd);
            canShrink(s, fd);
            canGrow(s, fd);
            s.fails(EPERM, "pwrite64", fd, s.space(8 * BYTES), 8 * BYTES, 0);
        });
        t.add("memfd_create01", "F_SEAL_SHRINK: not shorter, all else", s -> {
            int fd = sealed(s, F_SEAL_SHRINK);
            canBeRead(s, fd);
            canBeWritten(s, fd);
            cannotShrink(s, fd);
            canGrow(s, fd);
            growsByWrite(s, fd);
        });
        t.add("memfd_create01", "F_SEAL_GROW: not longer in any way, all else", s -> {
            int fd = sealed(s, F_SEAL_GROW);
            canBeRead(s, fd);
            canBeWritten(s, fd);
            canShrink(s, fd);
            cannotGrow(s, fd);
            doesNotGrowByWrite(s, fd);
        });
        t.add("memfd_create01", "both seals of the size: neither shorter nor longer", s -> {
            int fd = sealed(s, F_SEAL_SHRINK | F_SEAL_GROW);
            canBeRead(s, fd);
            canBeWritten(s, fd);
            cannotShrink(s, fd);
            cannotGrow(s, fd);
            doesNotGrowByWrite(s, fd);
        });
    }

    private static int sealed(Subject s, int seals) {
        int fd = create(s, MFD_ALLOW_SEALING);
        hasSeals(s, fd, 0);
        seal(s, fd, seals);
        hasSeals(s, fd, seals);
        return fd;
    }

    private static void canBeRead(Subject s, int fd) {
        s.gives(16, "read", fd, s.space(16), 16);
        s.unmap(map(s, BYTES, PROT_READ, MAP_PRIVATE, fd), BYTES);
        s.unmap(map(s, BYTES, RW, MAP_PRIVATE, fd), BYTES);
    }

    private static void canBeWritten(Subject s, int fd) {
        s.gives(4, "write", fd, s.space(8), 4);
        for (int prot : new int[] {RW, PROT_WRITE}) {
            long addr = map(s, BYTES, prot, MAP_SHARED, fd);
            s.store(addr, 0);
            s.unmap(addr, BYTES);
        }
        long addr = map(s, BYTES, PROT_READ, MAP_SHARED, fd);
        s.gives(0, "mprotect", addr, BYTES, RW);
        s.store(addr, 0);
        s.unmap(addr, BYTES);
        s.gives(0, "fallocate", fd, PUNCH_HOLE, 0, BYTES);
    }

    private static void cannotBeWritten(Subject s, int fd) {
        s.fails(EPERM, "write", fd, s.space(8), 4);
        s.fails(EPERM, "mmap", 0, BYTES, RW, MAP_SHARED, fd, 0);
        s.fails(EPERM, "mmap", 0, BYTES, PROT_WRITE, MAP_SHARED, fd, 0);
        long addr = map(s, BYTES, PROT_READ, MAP_SHARED, fd);
        s.fails(EACCES, "mprotect", addr, BYTES, RW);
        s.unmap(addr, BYTES);
        s.fails(EPERM, "fallocate", fd, PUNCH_HOLE, 0, BYTES);
    }

    private static void hasSize(Subject s, int fd, long bytes) {
        long stat = s.space(144);
        s.gives(0, "fstat", fd, stat);
        s.holds(bytes, stat + STAT_SIZE);
    }

    private static void canShrink(Subject s, int fd) {
        s.gives(0, "ftruncate", fd, BYTES / 2);
        hasSize(s, fd, BYTES / 2);
        s.gives(0, "ftruncate", fd, 0);
        hasSize(s, fd, 0);
    }

    private static void cannotShrink(Subject s, int fd) {
        s.fails(EPERM, "ftruncate", fd, BYTES / 2);
        s.fails(EPERM, "ftruncate", fd, 0);
    }

    private static void canGrow(Subject s, int fd) {
        s.gives(0, "ftruncate", fd, 2 * BYTES);
        hasSize(s, fd, 2 * BYTES);
        s.gives(0, "fallocate", fd, 0, 0, 4 * BYTES);
        hasSize(s, fd, 4 * BYTES);
    }

    private static void cannotGrow(Subject s, int fd) {
        s.fails(EPERM, "ftruncate", fd, 2 * BYTES);
        s.fails(EPERM, "fallocate", fd, 0, 0, 4 * BYTES);
    }

    private static void growsByWrite(Subject s, int fd) {
        s.gives(8 * BYTES, "pwrite64", fd, s.space(8 * BYTES), 8 * BYTES, 0);
        hasSize(s, fd, 8 * BYTES);
    }

    /** A write from the beginning fills what there is and no more. */
    private static void doesNotGrowByWrite(Subject s, int fd) {
        long stat = s.space(144);
        s.gives(0, "fstat", fd, stat);
        long size = s.load(stat + STAT_SIZE);
        long result = s.call("pwrite64", fd, s.space(8 * BYTES), 8 * BYTES, 0);
        s.isTrue(result != 8 * BYTES, "all is written");
        hasSize(s, fd, size);
    }

    private static void sharing(CaseTable t) {
        t.add("memfd_create01", "two descriptors of one opening share the seals", s -> {
            int one = create(s, MFD_ALLOW_SEALING);
            hasSeals(s, one, 0);
            int two = (int) s.ok("dup", one);
            hasSeals(s, two, 0);
            seal(s, one, F_SEAL_WRITE);
            hasSeals(s, one, F_SEAL_WRITE);
            hasSeals(s, two, F_SEAL_WRITE);
            seal(s, two, F_SEAL_SHRINK);
            hasSeals(s, one, F_SEAL_WRITE | F_SEAL_SHRINK);
            hasSeals(s, two, F_SEAL_WRITE | F_SEAL_SHRINK);
            seal(s, one, F_SEAL_SEAL);
            hasSeals(s, two, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL);
            for (int seal : new int[] {F_SEAL_GROW, F_SEAL_SEAL}) {
                cannotSeal(s, one, seal);
                cannotSeal(s, two, seal);
            }
            s.gives(0, "close", two);
            cannotSeal(s, one, F_SEAL_GROW);
        });
        t.add("memfd_create01", "a writable shared mapping keeps F_SEAL_WRITE away, a private one does not", s -> {
            int fd = create(s, MFD_ALLOW_SEALING);
            hasSeals(s, fd, 0);
            long addr = map(s, BYTES, RW, MAP_SHARED, fd);
            s.fails(EBUSY, "fcntl", fd, F_ADD_SEALS, F_SEAL_WRITE);
            hasSeals(s, fd, 0);
            seal(s, fd, F_SEAL_SHRINK);
            hasSeals(s, fd, F_SEAL_SHRINK);
            s.unmap(addr, BYTES);
            addr = map(s, BYTES, PROT_READ, MAP_PRIVATE, fd);
            seal(s, fd, F_SEAL_WRITE);
            hasSeals(s, fd, F_SEAL_WRITE | F_SEAL_SHRINK);
            s.unmap(addr, BYTES);
        });
    }

    private static void names(CaseTable t) {
        t.add("memfd_create02", "a bad pointer for the name gives EFAULT", s -> s.fails(EFAULT, "memfd_create", 0, 0));
        t.add("memfd_create02", "a name without end, or too long, is refused", s -> {
            long name = s.space(NAME_BYTES);
            s.fill(name, NAME_BYTES, 0xff);
            s.fails(EINVAL, "memfd_create", name, 0);
            s.fill(name + NAME_BYTES - 1, 1, 0);
            s.fails(EINVAL, "memfd_create", name, 0);
        });
        t.add("memfd_create02", "a name may be empty", s -> s.ok("memfd_create", s.string(""), 0));
    }

    private static void flags(CaseTable t) {
        t.add("memfd_create02", "unknown flags are refused", s -> {
            long name = s.string("test");
            for (int flags : new int[] {-500, 0x100, ~MFD_CLOEXEC, ~MFD_ALLOW_SEALING, -1, 0x80000000}) {
                s.fails(EINVAL, "memfd_create", name, flags);
            }
        });
        t.add("memfd_create02", "the known flags are taken, one by one and together", s -> {
            long name = s.string("test");
            for (int flags : new int[] {0, MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_CLOEXEC | MFD_ALLOW_SEALING}) {
                s.ok("memfd_create", name, flags);
            }
        });
    }
}
