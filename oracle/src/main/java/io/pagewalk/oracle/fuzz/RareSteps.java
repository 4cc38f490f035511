package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.Step;
import java.util.Deque;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Steps at borders that ordinary steps miss: lengths that are no multiple of a page, zero or too large; ranges of whole page tables; stacks that grow to their guard gap; System V segments; calls that few programs make.
 */
final class RareSteps {
    private static final long PAGE = 4096;
    private static final long TABLE = 2L << 20;
    private static final long GUARD_GAP_PAGES = 256;
    private static final long TABLES = 0x120000000000L;
    private static final long STACKS = 0x110000000000L;
    private static final int POPULATED_PAGES = 64;
    private static final int FIXED_PRIVATE = 0x22 | 0x10;
    private static final int PIDFD_SELF = -10001;
    private static final int SEGMENT_KEY = 0x5057;

    private final SeededRandom random;
    private final Set<Area> areas;
    private final SyscallNumbers numbers;

    RareSteps(SeededRandom random, Set<Area> areas, SyscallNumbers numbers) {
        this.random = random;
        this.areas = areas;
        this.numbers = numbers;
    }

    /** A call with a length or address that is not a whole number of pages, or beyond all bounds. */
    Step borders(int slot, long addr, long length, int prot) {
        boolean isBeyond = random.nextInt(6) == 0;
        long odd = isBeyond ? beyond() : Math.max(0, length - 1 - random.nextInt(4095));
        long small = isBeyond ? odd : Math.min(odd, POPULATED_PAGES * PAGE - 5);
        long from = random.nextInt(8) == 0 ? addr + 1 + random.nextInt(4095) : addr;
        return switch (random.nextInt(9)) {
            case 0 -> call(slot, "munmap", from, odd);
            case 1 -> call(slot, "mmap", from, small, prot, FIXED_PRIVATE, -1, 0);
            case 2 -> Step.of(slot, Step.Kind.MINCORE, from, isBeyond ? -1 - random.nextInt(8192) : small);
            case 3 -> protection(slot, from, odd, prot, isBeyond);
            case 4 -> advice(slot, from, odd, isBeyond);
            case 5 ->
                areas.contains(Area.SYNC)
                        ? call(slot, "msync", from, odd, new int[] {0, 1, 2, 3, 5, 8}[random.nextInt(6)])
                        : call(slot, "munmap", from, 0);
            case 6 ->
                areas.contains(Area.LOCK)
                        ? call(slot, random.nextBoolean() ? "mlock" : "munlock", from, isBeyond ? -1 : small)
                        : call(slot, "munmap", -PAGE, PAGE);
            default ->
                areas.contains(Area.MREMAP)
                        ? mremap(slot, from, odd, length)
                        : call(slot, "mmap", from, odd, prot, 0x22, -1, 0);
        };
    }

    /** Calls that few programs make; null when their area is not wanted. Structures are read from and written to whatever lies at the address. */
    @Nullable
    Step others(int slot, long addr, long length, int prot) {
        long bytes = Math.min(length, POPULATED_PAGES * PAGE);
        long structure = addr + random.nextInt(512) * 8L;
        return switch (random.nextInt(6)) {
            case 0 ->
                areas.contains(Area.PROTECT)
                        ? call(slot, "pkey_mprotect", addr, length, prot, random.nextInt(3) - 1)
                        : null;
            case 1 ->
                areas.contains(Area.PROTECT)
                        ? call(slot, random.nextBoolean() ? "pkey_alloc" : "pkey_free", 0, random.nextInt(4))
                        : null;
            case 2, 3 ->
                areas.contains(Area.SHARED)
                        ? call(slot, "remap_file_pages", structure, bytes, 0, random.nextInt(22), 0)
                        : null;
            case 4 ->
                areas.contains(Area.SHARED) && areas.contains(Area.CONTENTS)
                        ? call(slot, "cachestat", 7 + random.nextInt(2), structure, structure + random.nextInt(16) * 8L)
                        : null;
            default ->
                areas.contains(Area.ADVISE)
                        ? call(slot, "process_madvise", PIDFD_SELF, structure, random.nextInt(4), random.nextInt(5))
                        : null;
        };
    }

    /** Lengths that no call accepts, whatever the address. */
    private long beyond() {
        return switch (random.nextInt(4)) {
            case 0 -> -1L - random.nextInt(8192);
            case 1 -> 1L << 47;
            case 2 -> Long.MIN_VALUE + random.nextInt(8192);
            default -> 0;
        };
    }

    private Step protection(int slot, long addr, long length, int prot, boolean isBeyond) {
        if (!areas.contains(Area.PROTECT)) {
            return call(slot, "munmap", addr, length);
        }
        long grows = random.nextInt(4) == 0 ? 0x01000000L << random.nextInt(2) : 0;
        return call(slot, "mprotect", addr, isBeyond ? -1L - random.nextInt(8192) : length, prot | grows);
    }

    private Step advice(int slot, long addr, long length, boolean isBeyond) {
        int[] known = {0, 4, 8, 14, 16, 17, 102, 103};
        return areas.contains(Area.ADVISE)
                ? call(
                        slot,
                        "madvise",
                        addr,
                        isBeyond ? -1L - random.nextInt(8192) : length,
                        known[random.nextInt(known.length)])
                : call(slot, "munmap", addr, length);
    }

    private Step mremap(int slot, long addr, long odd, long length) {
        // Not into the helper's own memory, which lies behind the areas that the kernel placed.
        long target = addr - random.nextInt(24) * PAGE;
        return switch (random.nextInt(5)) {
            case 0 -> call(slot, "mremap", addr, 0, Math.min(length, POPULATED_PAGES * PAGE), 1, 0);
            case 1 -> call(slot, "mremap", addr, 0, Math.min(length, POPULATED_PAGES * PAGE), 3, target);
            case 2 -> call(slot, "mremap", addr, odd, odd, 3, target + (random.nextInt(4) == 0 ? 9 : 0));
            case 3 -> call(slot, "mremap", addr, length, length, random.nextInt(16), target);
            default -> call(slot, "mremap", addr, length, odd, random.nextInt(2), 0);
        };
    }

    /**
     * Areas of whole page tables that move, and stacks that grow down to a neighbour.
     *
     * @param isLocking whether new memory is populated at once
     * @param then receives the steps that belong behind the one returned
     */
    Step tablesAndStacks(int slot, boolean isLocking, Deque<Step> then) {
        return random.nextInt(3) != 0 ? tables(slot, isLocking, then) : stacks(slot);
    }

    private Step tables(int slot, boolean isLocking, Deque<Step> then) {
        long addr = TABLES + random.nextInt(4) * TABLE;
        long length = (1 + random.nextInt(2)) * TABLE;
        int kind = random.nextInt(8);
        if (kind == 0 && !isLocking) {
            return call(slot, "mmap", addr, length, 3, FIXED_PRIVATE | 0x4000, -1, 0);
        }
        if (kind <= 2 && areas.contains(Area.MREMAP)) {
            int flags = random.nextInt(4) == 0 ? 7 : 3;
            then.add(call(slot, "mremap", addr, length, length, flags, TABLES + random.nextInt(4) * TABLE));
            then.add(Step.of(slot, Step.Kind.LOAD, addr, 0));
            return Step.of(slot, Step.Kind.LOAD, addr, 0);
        }
        if (kind == 3) {
            return call(slot, "munmap", addr, length - random.nextInt(3) * PAGE);
        }
        // Few pages, so that the same one is met again after a move.
        long vaddr = addr + random.nextInt(4) * (TABLE / 4) + random.nextInt(2) * PAGE;
        return kind <= 5
                ? Step.of(slot, Step.Kind.STORE, vaddr, random.nextLong())
                : Step.of(slot, Step.Kind.LOAD, vaddr, 0);
    }

    private Step stacks(int slot) {
        int borderPages = 4 + (int) GUARD_GAP_PAGES;
        return switch (random.nextInt(6)) {
            case 0 -> call(slot, "mmap", STACKS, 4 * PAGE, random.nextInt(4) == 0 ? 0 : 3, FIXED_PRIVATE, -1, 0);
            case 1 ->
                call(
                        slot,
                        "mmap",
                        STACKS + (borderPages + 1 + random.nextInt(4)) * PAGE,
                        6 * PAGE,
                        3,
                        FIXED_PRIVATE | 0x100,
                        -1,
                        0);
            default ->
                Step.of(
                        slot,
                        Step.Kind.STORE,
                        STACKS + (borderPages - 1 + random.nextInt(3)) * PAGE + random.nextInt(512) * 8L,
                        random.nextLong());
        };
    }

    /**
     * Calls that few programs make: process_madvise on oneself with a vector that earlier steps have written, remap_file_pages, pkey_mprotect without a key.
     *
     * @param then receives the steps that belong behind the one returned
     */
    Step seldom(int slot, long addr, long length, int prot, Deque<Step> then) {
        return switch (random.nextInt(4)) {
            case 0 ->
                areas.contains(Area.SHARED)
                        ? call(
                                slot,
                                "remap_file_pages",
                                addr + random.nextInt(2) * 9L,
                                Math.min(length, POPULATED_PAGES * PAGE),
                                random.nextInt(12) == 0 ? prot : 0,
                                random.nextInt(24),
                                random.nextInt(4) == 0 ? 0x10000 : 0)
                        : call(slot, "munmap", addr, PAGE);
            case 1 ->
                areas.contains(Area.PROTECT)
                        ? call(slot, "pkey_mprotect", addr, length, prot, random.nextInt(6) == 0 ? 1 : -1)
                        : call(slot, "munmap", addr, PAGE);
            default -> areas.contains(Area.ADVISE) ? vector(slot, addr, length, then) : call(slot, "munmap", addr, 0);
        };
    }

    private Step vector(int slot, long addr, long length, Deque<Step> then) {
        int parts = 1 + random.nextInt(2);
        long at = addr + random.nextInt(500) * 8L;
        for (int i = 0; i < parts; i++) {
            long base = addr + (random.nextInt(24) - 12) * PAGE + (random.nextInt(10) == 0 ? 8 : 0);
            if (i > 0) {
                then.add(Step.of(slot, Step.Kind.STORE, at + 16L * i, base));
            }
            then.add(Step.of(slot, Step.Kind.STORE, at + 16L * i + 8, 1 + random.nextLong(length)));
        }
        int[] advice = {3, 4, 8, 20, 102, 103, 14, 15, 77};
        long self = random.nextInt(12) == 0 ? 9 : -10000 - random.nextInt(2);
        int flags = random.nextInt(20) == 0 ? 1 : 0;
        then.add(call(slot, "process_madvise", self, at, parts, advice[random.nextInt(advice.length)], flags));
        return Step.of(slot, Step.Kind.STORE, at, addr);
    }

    /** System V segments, named by the place where their number is kept. */
    Step segments(int slot, long addr) {
        int place = random.nextInt(4);
        return switch (random.nextInt(10)) {
            case 0, 1 -> {
                boolean isNamed = random.nextInt(3) == 0;
                long size = random.nextInt(12) == 0 ? 0 : 1 + random.nextInt(12 * (int) PAGE);
                int how = random.nextInt(4) == 0 ? 03000 : random.nextInt(4) == 0 ? 0 : 01000;
                yield segment(slot, "shmget", isNamed ? SEGMENT_KEY + place : 0, size, how | 0600, place);
            }
            case 2 -> segment(slot, "shmctl", place, 0, 0, 0);
            case 3 -> segment(slot, "shmctl", place, areas.contains(Area.LOCK) ? 11 + random.nextInt(2) : 12, 0, 0);
            case 4, 5 -> call(slot, "shmdt", random.nextInt(12) == 0 ? addr + 8 : addr);
            default -> {
                long where = random.nextInt(4) == 0 ? 0 : addr + (random.nextInt(8) == 0 ? 100 : 0);
                int[] flags = {0, 0, 010000, 020000, 040000, 060000, 0100000};
                yield segment(slot, "shmat", place, where, flags[random.nextInt(flags.length)], 0);
            }
        };
    }

    private Step segment(int slot, String name, long a0, long a1, long a2, long a3) {
        return call(slot, name, a0, a1, a2, a3, 0, NativeMachine.SEGMENT_MARK);
    }

    private Step call(int slot, String name, long... args) {
        return Step.call(slot, numbers.number(name), args);
    }
}
