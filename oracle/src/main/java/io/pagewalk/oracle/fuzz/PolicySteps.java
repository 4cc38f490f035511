package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Step;

/** Chooses calls about memory policies. Masks and arrays lie in the last page of the arena, which is there only when a history has mapped it. */
final class PolicySteps {
    private static final long PAGE = 4096;
    private static final int[] MODES = {
        0,
        0,
        1,
        1,
        2,
        2,
        2,
        3,
        3,
        4,
        4,
        5,
        6,
        7,
        99,
        2 | 0x2000,
        3 | 0x2000,
        2 | 0x8000,
        1 | 0x8000,
        3 | 0x4000,
        5 | 0x4000,
        2 | 0xc000,
        5 | 0x6000,
        2 | 0xa000,
        4 | 0x8000,
        0x4000
    };
    private static final long[] MASK_BITS = {2, 2, 3, 3, 65, 66, 1, 0, 1025, 1090, 32769, 32770};
    private static final int[] MOVES = {0, 0, 0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8};

    private final SeededRandom random;
    private final SyscallNumbers numbers;
    private final long base;

    /**
     * Creates a chooser.
     *
     * @param random decides
     * @param numbers of the calls
     * @param base the page for masks and arrays
     */
    PolicySteps(SeededRandom random, SyscallNumbers numbers, long base) {
        this.random = random;
        this.numbers = numbers;
        this.base = base;
    }

    /** Returns a step of a slot about a range. */
    Step next(int slot, long addr, long length) {
        return switch (random.nextInt(16)) {
            case 0, 1, 2, 3, 4 ->
                call(
                        slot,
                        "mbind",
                        addr + (random.nextInt(30) == 0 ? 1 : 0),
                        length(length),
                        one(MODES),
                        mask(),
                        bits(),
                        one(MOVES));
            case 5, 6 -> call(slot, "set_mempolicy", one(MODES), mask(), bits());
            case 7, 8 -> question(slot, addr);
            case 9 ->
                call(
                        slot,
                        "set_mempolicy_home_node",
                        addr,
                        length(length),
                        random.nextInt(10) == 0 ? random.nextInt(3000) : 0,
                        random.nextInt(20) == 0 ? 1 : 0);
            case 10, 11 -> move(slot);
            case 12 ->
                call(
                        slot,
                        "migrate_pages",
                        random.nextInt(8) == 0 ? -5 : 0,
                        bits(),
                        mask(),
                        random.nextInt(8) == 0 ? 0 : mask());
            case 13 -> Step.of(slot, Step.Kind.STORE, base + 512 + random.nextInt(8) * 8L, addr + random.nextInt(99));
            default -> Step.of(slot, Step.Kind.STORE, base + random.nextInt(4) * 8L, one(new int[] {0, 1, 1, 1, 2, 3}));
        };
    }

    private Step question(int slot, long addr) {
        long flags = one(new int[] {0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 8});
        boolean named = (flags & 2) != 0 || random.nextInt(8) == 0;
        return call(
                slot,
                "get_mempolicy",
                random.nextInt(3) == 0 ? 0 : base + 1024 + random.nextInt(4) * 4L,
                random.nextInt(3) == 0 ? 0 : base + 1100 + random.nextInt(4) * 8L,
                bits(),
                named ? addr + random.nextInt(99) : 0,
                flags);
    }

    private Step move(int slot) {
        long count = random.nextInt(30) == 0 ? -1 : random.nextInt(4);
        return call(
                slot,
                "move_pages",
                random.nextInt(12) == 0 ? -5 : 0,
                count,
                base + 512 + random.nextInt(5) * 8L,
                random.nextInt(3) == 0 ? 0 : base + random.nextInt(64) * 4L,
                random.nextInt(12) == 0 ? 0 : base + 2048 + random.nextInt(4) * 4L,
                one(new int[] {0, 2, 2, 4, 6, 1, 8}));
    }

    private long length(long length) {
        return random.nextInt(20) == 0 ? one(new int[] {0, -1, -4096, -8192}) : length - random.nextInt(2) * 9L;
    }

    private long mask() {
        return random.nextInt(4) == 0 ? 0 : random.nextInt(20) == 0 ? base + PAGE - 8 : base + random.nextInt(4) * 8L;
    }

    private long bits() {
        return MASK_BITS[random.nextInt(random.nextInt(3) == 0 ? MASK_BITS.length : 6)];
    }

    private int one(int[] values) {
        return values[random.nextInt(values.length)];
    }

    private Step call(int slot, String name, long... args) {
        return Step.call(slot, numbers.number(name), args);
    }
}
