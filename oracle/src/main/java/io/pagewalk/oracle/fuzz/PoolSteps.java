package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Steps on an arena of huge pages from a pool that is smaller than the arena: mappings without a file, of two memfds and of segments, and what changes the pool. */
final class PoolSteps {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final int PLACES = 12;
    private static final long ARENA = 0x140000000000L;
    private static final int FIRST_FD = 9;
    private static final int FIRST_SEGMENT = 4;
    private static final int SHM_HUGETLB = 04000;
    private static final int SHM_NORESERVE = 010000;
    private static final int IPC_CREAT = 01000;
    private static final int F_ADD_SEALS = 1033;
    private static final int MAP_HUGETLB = 0x40000;

    private final SeededRandom random;
    private final Set<Area> areas;
    private final SyscallNumbers numbers;

    PoolSteps(SeededRandom random, Set<Area> areas, SyscallNumbers numbers) {
        this.random = random;
        this.areas = areas;
        this.numbers = numbers;
    }

    /** Returns the next step of a slot. */
    Step next(int slot, Mm mm, boolean hasSegments) {
        return switch (random.nextInt(32)) {
            case 0, 1, 2, 3 -> map(slot);
            case 4, 5 -> call(slot, "munmap", address(), length());
            case 6, 7 -> call(slot, "mprotect", address(), length(), pick(0, 1, 3, 3));
            case 8, 9 -> move(slot, mm);
            case 10, 11 -> call(slot, "madvise", address(), length(), pick(4, 4, 4, 9, 9, 22, 23, 24));
            case 12 -> call(slot, "madvise", address(), length(), pick(0, 1, 2, 3, 8, 10, 11, 12, 14, 15, 16, 17, 20));
            case 13 -> Step.of(slot, Step.Kind.MINCORE, address(), length());
            case 14 ->
                areas.contains(Area.LOCK)
                        ? call(slot, random.nextBoolean() ? "mlock" : "munlock", address(), length())
                        : call(slot, "msync", address(), length(), pick(1, 2, 4, 6));
            case 15, 16 -> hasSegments ? segment(slot) : map(slot);
            case 17 -> call(slot, "ftruncate", fd(), random.nextInt(8) == 0 ? PAGE : huge());
            case 18, 19 -> call(slot, "fallocate", fd(), pick(0, 0, 1, 3, 3, 3, 2, 0x10), bytes(), bytes());
            case 20 ->
                random.nextInt(4) == 0
                        ? seldom(slot)
                        : call(slot, "pread64", fd(), address() + 64, random.nextInt(64), bytes());
            case 21 -> Step.of(slot, Step.Kind.POOL, pick(0, 0, 1), random.nextInt(5) == 0 ? 0 : 4 + random.nextInt(8));
            case 22 -> Step.of(slot, Step.Kind.SUM, address() + HUGE - 4 * PAGE, 8 * PAGE);
            case 23, 24, 25 -> Step.of(slot, Step.Kind.LOAD, place(), 0);
            default -> Step.of(slot, Step.Kind.STORE, place(), random.nextLong());
        };
    }

    /** A seal, which stays for the rest of the history, or a write, which such files refuse. */
    private Step seldom(int slot) {
        return random.nextInt(3) == 0
                ? call(slot, "fcntl", FIRST_FD + 1, F_ADD_SEALS, pick(2, 4, 8, 8, 0x10))
                : call(slot, "pwrite64", fd(), place(), 8, 0);
    }

    private Step map(int slot) {
        long prot = pick(3, 3, 3, 1, 0);
        int kind = random.nextInt(6);
        if (kind <= 2) {
            int type = kind == 2 ? 0x31 | pick(0, 0, 0x4000) : 0x32 | pick(0, 0, 0x4000, 0x8000);
            return call(slot, "mmap", address(), length(), prot, MAP_HUGETLB | type, -1, 0);
        }
        long offset = random.nextInt(12) == 0 ? PAGE : random.nextInt(3) * HUGE;
        return call(slot, "mmap", address(), length(), prot, pick(0x11, 0x11, 0x12), fd(), offset);
    }

    /** Whole areas only: {@link io.pagewalk.oracle.machine.ModelMachine#accepts}. */
    private Step move(int slot, Mm mm) {
        List<Vma> own = new ArrayList<>();
        for (Vma vma : mm.vmas()) {
            if (vma.start() >= ARENA && vma.end() <= ARENA + 2 * PLACES * HUGE) {
                own.add(vma);
            }
        }
        if (own.isEmpty()) {
            return map(slot);
        }
        Vma vma = own.get(random.nextInt(own.size()));
        long bytes = vma.sizeBytes();
        long wanted = random.nextInt(4) == 0 ? bytes + HUGE : bytes;
        return call(slot, "mremap", vma.start(), bytes, wanted, pick(1, 3, 3), address());
    }

    private Step segment(int slot) {
        int place = FIRST_SEGMENT + random.nextInt(3);
        return switch (random.nextInt(5)) {
            case 0 -> {
                int how = IPC_CREAT | 0600 | SHM_HUGETLB | (random.nextInt(3) == 0 ? SHM_NORESERVE : 0);
                yield placed(slot, "shmget", 0, 1 + random.nextLong(3 * HUGE), how, place);
            }
            case 1 -> placed(slot, "shmctl", place, 0, 0, 0);
            case 2 -> call(slot, "shmdt", address());
            default -> placed(slot, "shmat", place, address(), pick(0, 0, 040000, 010000, 050000), 0);
        };
    }

    private Step placed(int slot, String name, long a0, long a1, long a2, long a3) {
        return call(slot, name, a0, a1, a2, a3, 0, NativeMachine.SEGMENT_MARK);
    }

    private long fd() {
        return FIRST_FD + random.nextLong(2);
    }

    private long huge() {
        return random.nextInt(5) * HUGE;
    }

    private long bytes() {
        return random.nextInt(3) == 0 ? random.nextLong(4 * HUGE) : huge();
    }

    private long address() {
        long aligned = ARENA + random.nextInt(PLACES) * HUGE;
        return random.nextInt(25) == 0 ? aligned + PAGE : aligned;
    }

    private long length() {
        return random.nextInt(10) == 0 ? PAGE * (1 + random.nextInt(600)) : (1 + random.nextInt(3)) * HUGE;
    }

    private long place() {
        return ARENA + random.nextInt(PLACES) * HUGE + random.nextLong(4) * 128 * PAGE + random.nextInt(512) * 8L;
    }

    private int pick(int... values) {
        return values[random.nextInt(values.length)];
    }

    private Step call(int slot, String name, long... args) {
        return Step.call(slot, numbers.number(name), args);
    }
}
