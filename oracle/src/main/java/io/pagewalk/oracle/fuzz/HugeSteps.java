package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Step;

/** Steps on an arena of a few huge pages: made by advice, touched, split by all calls that cut them, and moved. */
final class HugeSteps {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final int HUGE_PAGES = 4;
    private static final long ARENA = 0x130000000000L;
    /** Private and shared anonymous memory, and the same of a memfd, all at fixed places. */
    private static final int[] KINDS = {0x32, 0x32, 0x32, 0x31, 0x11, 0x12};

    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MEMFD = 7;

    private final SeededRandom random;
    private final SyscallNumbers numbers;

    HugeSteps(SeededRandom random, SyscallNumbers numbers) {
        this.random = random;
        this.numbers = numbers;
    }

    /** Returns the next step of a slot. */
    Step next(int slot) {
        long start = ARENA + random.nextInt(HUGE_PAGES) * HUGE;
        long addr = start + offset();
        long length = length(addr);
        return switch (random.nextInt(25)) {
            case 0, 1 -> map(slot, start);
            case 2, 3 -> call(slot, "madvise", start, HUGE * (1 + random.nextInt(2)), 14);
            case 4 -> call(slot, "madvise", addr, length, 14 + random.nextInt(2));
            case 5 -> call(slot, "munmap", addr, length);
            case 6, 7 -> call(slot, "mprotect", addr, length, new int[] {0, 1, 3, 3, 7}[random.nextInt(5)]);
            case 8, 9 -> move(slot, addr, length);
            case 10, 11 -> call(slot, "madvise", addr, length, new int[] {4, 4, 8, 20, 9}[random.nextInt(5)]);
            case 12 -> call(slot, random.nextBoolean() ? "mlock" : "munlock", addr, Math.min(length, 64 * PAGE));
            case 20 -> call(slot, "madvise", addr, length, 25);
            case 13 -> Step.of(slot, Step.Kind.MINCORE, addr, Math.min(length, 64 * PAGE));
            case 14 -> call(slot, "madvise", addr, Math.min(length, 64 * PAGE), 22 + random.nextInt(2));
            case 15 -> call(slot, "madvise", addr, Math.min(length, 64 * PAGE), 102 + random.nextInt(2));
            case 16, 17, 18 -> Step.of(slot, Step.Kind.LOAD, place(addr), 0);
            default -> Step.of(slot, Step.Kind.STORE, place(addr), random.nextLong());
        };
    }

    private long offset() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt(512) * PAGE;
            case 1 -> new long[] {PAGE, HUGE - PAGE, HUGE / 2}[random.nextInt(3)];
            default -> 0;
        };
    }

    private long length(long addr) {
        return switch (random.nextInt(4)) {
            case 0 -> (1 + random.nextInt(16)) * PAGE;
            case 1 -> HUGE - (addr & (HUGE - 1));
            case 2 -> 2 * HUGE;
            default -> HUGE;
        };
    }

    /** Few places, so that the same one is met again. */
    private long place(long addr) {
        long page = random.nextInt(3) == 0 ? random.nextInt(512) : random.nextInt(4) * 128;
        return (addr & -HUGE) + page * PAGE + random.nextInt(512) * 8L;
    }

    private Step map(int slot, long start) {
        long from = random.nextInt(4) == 0 ? start + PAGE : start;
        int kind = KINDS[random.nextInt(KINDS.length)];
        long fd = (kind & MAP_ANONYMOUS) != 0 ? -1 : MEMFD;
        return call(slot, "mmap", from, HUGE * (1 + random.nextInt(HUGE_PAGES)), 3, kind, fd, 0);
    }

    private Step move(int slot, long addr, long length) {
        long target = ARENA + random.nextInt(2 * HUGE_PAGES) * HUGE + (random.nextInt(4) == 0 ? offset() : 0);
        return switch (random.nextInt(4)) {
            case 0 -> call(slot, "mremap", addr, length, PAGE * (1 + random.nextInt(600)), 0, 0);
            case 1 -> call(slot, "mremap", addr, length, length, 7, target);
            default -> call(slot, "mremap", addr, length, length, 3, target);
        };
    }

    private Step call(int slot, String name, long... args) {
        return Step.call(slot, numbers.number(name), args);
    }
}
