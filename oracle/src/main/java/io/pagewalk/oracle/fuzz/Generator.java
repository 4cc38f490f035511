package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Chooses steps. Most addresses lie in an arena of 64 pages that crosses the border of two page tables, so that areas meet, split and merge all the time; the rest lie where the kernel itself
 * put an area. Arguments are mostly valid, and sometimes just beside; {@link RareSteps} has the borders.
 */
final class Generator {
    private static final long PAGE = 4096;
    private static final int ARENA_PAGES = 64;
    private static final long BASE = 0x100000000000L + (2L << 20) - ARENA_PAGES / 2 * PAGE;
    private static final long MAX_TOTAL_PAGES = 1L << 16;
    private static final long POPULATED_PAGES = 64;
    private static final long SUMMED_PAGES = 16;
    private static final int MAX_LIVING = 5;
    private static final int LIMIT_EVERY = 120;
    private static final int CLEAR_EVERY = 100;
    private static final int VFORK_EVERY = 300;
    private static final int EXEC_EVERY = 500;

    /** With so few areas every history is about each of them. */
    static final int FEW_AREAS = 4;

    private final SeededRandom random;
    private final ModelMachine model;
    private final Set<Area> areas;
    private final long firstBrk;
    private final SyscallNumbers numbers;
    private final RareSteps rare;
    private final PolicySteps policies;
    private final HugeSteps huge;
    private final boolean usesHugePages;
    private final PoolSteps pool;
    private final boolean usesPool;
    private final Deque<Step> pending = new ArrayDeque<>();
    private int slot;

    Generator(SeededRandom random, ModelMachine model, Set<Area> areas) {
        this.random = random;
        this.model = model;
        this.areas = areas;
        this.firstBrk = model.mm(0).startBrk();
        this.numbers = model.kernel().syscallNumbers();
        this.rare = new RareSteps(random, areas, numbers);
        this.policies = new PolicySteps(random, numbers, BASE + (ARENA_PAGES - 1) * PAGE);
        this.pool = new PoolSteps(random, areas, numbers);
        this.usesPool = areas.contains(Area.POOL) && model.poolPages() > 0;
        this.huge = new HugeSteps(random, numbers);
        boolean isAlone = areas.size() <= FEW_AREAS;
        boolean isHuge = areas.contains(Area.HUGE) && (isAlone || random.nextInt(8) == 0);
        this.usesHugePages = isHuge || (areas.contains(Area.SIZES) && hasSmallSizes(model));
    }

    private static boolean hasSmallSizes(ModelMachine model) {
        HugePageSettings settings = model.kernel().hugePages().policy().settings();
        return (settings.orders(true) & ((1 << Folios.HUGE_ORDER) - 1)) != 0;
    }

    Step next() {
        Slots slots = model.slots();
        while (!pending.isEmpty()) {
            Step follower = pending.remove();
            if (model.accepts(follower)) {
                return follower;
            }
        }
        if (!slots.canAct(slot) || random.nextInt(10) == 0) {
            List<Integer> acting = slots.acting();
            slot = acting.get(random.nextInt(acting.size()));
        }
        Step process = processStep(slots);
        if (process != null && slots.accepts(process)) {
            return process;
        }
        while (true) {
            Step step = memoryStep();
            if (model.accepts(step)) {
                return step;
            }
        }
    }

    private @Nullable Step processStep(Slots slots) {
        int living = slots.living().size();
        boolean wantsFork = areas.contains(Area.FORK) && random.nextInt(150) == 0;
        boolean wantsThread = areas.contains(Area.THREAD) && random.nextInt(300) == 0;
        if ((wantsFork || wantsThread) && living < MAX_LIVING && slots.free() > 0) {
            int sharing = random.nextInt(3) == 0 ? Step.SHARING_FLAGS : Step.THREAD_FLAGS;
            return Step.of(slot, Step.Kind.FORK, slots.free(), wantsFork ? Step.FORK_FLAGS : sharing);
        }
        if (areas.contains(Area.EXEC)) {
            if (living < MAX_LIVING && slots.free() > 0 && random.nextInt(VFORK_EVERY) == 0) {
                return Step.of(slot, Step.Kind.FORK, slots.free(), Step.VFORK_FLAGS);
            }
            // The first process seldom, so that its memory grows old.
            if (random.nextInt(EXEC_EVERY) == 0 && (slot != 0 || random.nextInt(4) == 0)) {
                return Step.of(slot, Step.Kind.EXEC, 0, 0);
            }
        }
        if (areas.contains(Area.LIMIT) && model.hasSegments() && random.nextInt(LIMIT_EVERY) == 0) {
            return limit(slots);
        }
        if (areas.contains(Area.CLEAR) && random.nextInt(CLEAR_EVERY) == 0) {
            int target = slots.living().get(random.nextInt(living));
            return Step.of(slot, Step.Kind.CLEAR, target, random.nextInt(12) == 0 ? 6 : 1 + random.nextInt(5));
        }
        if (living > 1 && slot != 0 && random.nextInt(180) == 0) {
            return Step.of(slot, Step.Kind.EXIT, 0, 0);
        }
        return null;
    }

    /** A limit near what a process has now; half of the steps take limits away, so that memory can grow again. */
    private @Nullable Step limit(Slots slots) {
        List<Integer> living = slots.living();
        int target = living.get(random.nextInt(living.size()));
        Mm its = model.mm(target);
        if (its.users() != model.task(target).group().threads().size()) {
            return null;
        }
        int resource = random.nextBoolean() ? ResourceLimits.RLIMIT_AS : ResourceLimits.RLIMIT_DATA;
        if (random.nextBoolean()) {
            return Step.limit(slot, target, resource, -1, -1);
        }
        long pages = (resource == ResourceLimits.RLIMIT_AS ? its.totalVm() : its.dataVm()) + random.nextInt(48) - 8;
        long soft = Math.max(0, pages * PAGE + (random.nextBoolean() ? 0 : random.nextInt(4096)));
        return Step.limit(slot, target, resource, soft, random.nextInt(4) == 0 ? soft - 1 : -1);
    }

    private Step memoryStep() {
        if (usesHugePages && random.nextInt(3) == 0) {
            return huge.next(slot);
        }
        if (usesPool && random.nextInt(2) == 0) {
            return pool.next(slot, mm(), areas.contains(Area.SEGMENT) && model.hasSegments());
        }
        int prot = random.nextInt(3) != 0 ? 3 : new int[] {0, 1, 2, 3, 4, 5, 7}[random.nextInt(7)];
        long addr = arenaAddress();
        long length = (1 + random.nextInt(12)) * PAGE;
        if (random.nextInt(3) == 0) {
            Vma vma = anyForeignArea();
            if (vma != null) {
                long first = random.nextLong(Math.min(vma.pages(), 8));
                addr = vma.start() + first * PAGE;
                length = random.nextBoolean() ? vma.end() - addr : Math.min(length, vma.end() - addr);
            }
        }
        while (true) {
            Step step = choose(random.nextInt(46), prot, addr, length);
            if (step != null) {
                return step;
            }
        }
    }

    private @Nullable Step choose(int kind, int prot, long addr, long length) {
        return switch (kind) {
            case 0, 1, 2 -> call("mmap", addrMaybeOdd(), length, prot, mapFlags(), -1, 0);
            case 3 -> areas.contains(Area.FILE) ? fileMapping(prot, length, 3 + random.nextInt(4)) : null;
            case 4 -> areas.contains(Area.SHARED) ? fileMapping(prot, length, 7 + random.nextInt(3)) : null;
            case 5 -> freeMapping(prot);
            case 6, 7 -> call("munmap", addr, random.nextInt(30) == 0 ? 0 : length);
            case 8, 9, 10 ->
                areas.contains(Area.PROTECT)
                        ? call("mprotect", addr, length, prot | (random.nextInt(40) == 0 ? 0x01000000 : 0))
                        : null;
            case 11, 12, 13 -> areas.contains(Area.ADVISE) ? advice(addr, length) : null;
            case 14, 15, 16 -> areas.contains(Area.MREMAP) ? mremap(addr, length, random.nextInt(3)) : null;
            case 17, 18 -> areas.contains(Area.LOCK) ? lock(addr, length) : null;
            case 19 -> areas.contains(Area.HEAP) ? call("brk", firstBrk + random.nextInt(40) * 1000L) : null;
            case 20 ->
                areas.contains(Area.SYNC)
                        ? call("msync", addr, length, new int[] {0, 1, 2, 3, 5, 8}[random.nextInt(6)])
                        : null;
            case 21 ->
                areas.contains(Area.MINCORE)
                        ? Step.of(
                                slot,
                                Step.Kind.MINCORE,
                                addr + (random.nextInt(30) == 0 ? 8 : 0),
                                Math.min(length, POPULATED_PAGES * PAGE))
                        : null;
            case 22 -> areas.contains(Area.CONTENTS) ? contents(addr, length) : null;
            case 23 -> areas.contains(Area.SEAL) && random.nextInt(40) == 0 ? call("mseal", addr, length, 0) : null;
            case 24, 25 -> Step.of(slot, Step.Kind.SUM, addr, Math.min(length, SUMMED_PAGES * PAGE));
            case 40, 41 -> rare.borders(slot, addr, length, prot);
            case 42 -> rare.tablesAndStacks(slot, isLocking(), pending);
            case 43 ->
                areas.contains(Area.SEGMENT) && model.hasSegments()
                        ? rare.segments(slot, random.nextBoolean() ? arenaAddress() : startOfArea(addr))
                        : null;
            case 26, 27 ->
                areas.contains(Area.POLICY) && !usesHugePages && !usesPool ? policies.next(slot, addr, length) : null;
            case 44 -> rare.seldom(slot, addr, length, prot, pending);
            case 45 -> rare.others(slot, addr, length, prot);
            default -> access(addr, length);
        };
    }

    private long startOfArea(long addr) {
        Vma vma = mm().vmas().findFirst(addr);
        return vma == null ? addr : vma.start();
    }

    /** Whether new memory is populated at once: then less of it is asked for. */
    private boolean isLocking() {
        return (mm().defFlags() & VmaFlags.VM_LOCKED) != 0;
    }

    private Step access(long addr, long length) {
        long pages = Math.max(1, Math.min(length, POPULATED_PAGES * PAGE) / PAGE);
        long vaddr = addr + random.nextLong(pages) * PAGE + random.nextInt(512) * 8L;
        if (random.nextInt(300) == 0) {
            vaddr = new long[] {0, 0x800000000000L, 0x7ffffffff000L, -4096L, 0xffff800000000000L}[random.nextInt(5)];
        }
        return random.nextInt(3) == 0
                ? Step.of(slot, Step.Kind.LOAD, vaddr, 0)
                : Step.of(slot, Step.Kind.STORE, vaddr, random.nextLong());
    }

    private long arenaAddress() {
        return BASE + random.nextInt(ARENA_PAGES) * PAGE;
    }

    private long addrMaybeOdd() {
        long addr = arenaAddress();
        return random.nextInt(30) == 0 ? addr + 1 : addr;
    }

    private long grown(long length) {
        return random.nextInt(20) == 0 ? 0 : Math.max(PAGE, length + (random.nextInt(12) - 5) * PAGE);
    }

    private long mapFlags() {
        return switch (random.nextInt(12)) {
            case 0 -> 0x22 | 0x100000;
            case 1 -> 0x22 | 0x10 | 0x8000;
            case 2 -> 0x22 | 0x10 | 0x4000;
            case 3 -> areas.contains(Area.SHARED) ? 0x21 | 0x10 : 0x22 | 0x10;
            case 4 -> 0x22 | 0x10 | 0x20000;
            case 5 -> 0x22 | 0x10 | 0x100;
            case 6 -> 0x22;
            case 7 ->
                random.nextInt(3) != 0 ? 0x20 | 0x10 : areas.contains(Area.LOCK) ? 0x22 | 0x10 | 0x2000 : 0x22 | 0x10;
            default -> 0x22 | 0x10;
        };
    }

    private Step fileMapping(int prot, long length, int fd) {
        long type = new long[] {1, 2, 3, 2}[random.nextInt(4)];
        long extra = random.nextInt(8) == 0 ? 0x80000 : random.nextInt(8) == 0 ? 0x100000 : 0x10;
        extra |= random.nextInt(8) == 0 ? 0x8000 : 0;
        long offset = random.nextInt(22) * PAGE + (random.nextInt(30) == 0 ? 5 : 0);
        return call("mmap", arenaAddress(), Math.min(length, POPULATED_PAGES * PAGE), prot, type | extra, fd, offset);
    }

    private Step freeMapping(int prot) {
        long length = random.nextBoolean() ? (1 + random.nextInt(20)) * PAGE : (1 + random.nextInt(3)) * (2L << 20);
        if (random.nextInt(4) == 0) {
            length += random.nextInt(4) * PAGE;
        }
        if (mm().totalVm() > MAX_TOTAL_PAGES || isLocking()) {
            length = PAGE;
        }
        long hint = random.nextInt(4) == 0 ? 0x7ffff0000000L + random.nextInt(64) * PAGE : 0;
        return switch (random.nextInt(8)) {
            case 0 -> call("mmap", hint, length, prot, areas.contains(Area.SHARED) ? 0x21 : 0x22, -1, 0);
            case 1 ->
                areas.contains(Area.FILE)
                        ? call("mmap", hint, length, prot, 2, 3, random.nextInt(4) * PAGE)
                        : call("mmap", hint, length, prot, 0x22, -1, 0);
            case 2 -> call("mmap", hint, length, prot, 0x22 | 0x40, -1, 0);
            case 3 -> call("mmap", hint, length, prot, 0x22 | 0x100, -1, 0);
            case 4 ->
                call(
                        "mmap",
                        0x7ffffffff000L + random.nextInt(3) * PAGE,
                        length,
                        prot,
                        0x22 | (random.nextInt(2) * 0x10),
                        -1,
                        0);
            default -> call("mmap", hint, length, prot, 0x22, -1, 0);
        };
    }

    private Step advice(long addr, long length) {
        int[] known = {0, 1, 2, 3, 4, 4, 4, 8, 8, 9, 12, 13, 14, 15, 16, 17, 20, 22, 23, 24, 102, 102, 103, 5, 77};
        int[] aboutFork = {10, 11, 18, 19};
        int advice = random.nextInt(6) == 0 && areas.contains(Area.FORK)
                ? aboutFork[random.nextInt(aboutFork.length)]
                : known[random.nextInt(known.length)];
        if ((advice == 22 || advice == 23) && length > POPULATED_PAGES * PAGE) {
            advice = 4;
        }
        return call("madvise", addr, length - (random.nextInt(5) == 0 ? 9 : 0), advice);
    }

    private Step mremap(long addr, long length, int kind) {
        return switch (kind) {
            case 0 -> call("mremap", addr, length, grown(length), random.nextInt(2), 0);
            case 1 -> call("mremap", addr, length, random.nextBoolean() ? length : grown(length), 3, arenaAddress());
            default ->
                call(
                        "mremap",
                        addr,
                        length,
                        random.nextInt(8) == 0 ? PAGE : length,
                        5,
                        random.nextBoolean() ? 0 : arenaAddress());
        };
    }

    private Step lock(long addr, long length) {
        if (isLocking() && random.nextInt(4) == 0) {
            return call("munlockall");
        }
        if (length > POPULATED_PAGES * PAGE) {
            return call("munlock", addr, length);
        }
        return switch (random.nextInt(6)) {
            // MCL_CURRENT without MCL_ONFAULT would populate the helper's own memory.
            case 5 ->
                call("mlockall", new int[] {2, 6, 5, 7, 2, 4, 0, 8}[random.nextInt(random.nextInt(3) == 0 ? 8 : 2)]);
            case 0 -> call("mlock", addr + random.nextInt(9), length);
            case 1 -> call("mlock2", addr, length, random.nextInt(3));
            case 2 -> call("munlockall");
            default -> call("munlock", addr, length);
        };
    }

    private @Nullable Step contents(long addr, long length) {
        int fd = areas.contains(Area.FILE) && random.nextBoolean() ? 3 + random.nextInt(4) : 7 + random.nextInt(2);
        long offset = random.nextInt(21) * PAGE + random.nextInt(512) * 8L;
        long bytes = Math.min(length, 3 * PAGE) - random.nextInt(256) * 8L;
        long buffer = addr + random.nextInt(512) * 8L;
        if (mapsFileOf(fd, buffer, bytes) || model.isOwn(buffer, buffer + bytes)) {
            // What an overlapping copy of a file to itself leaves depends on the CPU; [vvar] holds the time.
            return null;
        }
        return switch (random.nextInt(5)) {
            case 0 -> call("ftruncate", 7 + random.nextInt(2), random.nextInt(22) * PAGE + random.nextInt(4096));
            case 1, 2 -> call("pwrite64", fd, buffer, bytes, offset);
            default -> call("pread64", fd, buffer, bytes, offset);
        };
    }

    private boolean mapsFileOf(int fd, long start, long length) {
        OpenFile file = model.task(slot).file(fd);
        for (Vma vma : mm().vmas()) {
            if (vma.start() < start + length
                    && vma.end() > start
                    && file != null
                    && vma.file() instanceof OpenFile mapped
                    && mapped.inodeObject() == file.inodeObject()) {
                return true;
            }
        }
        return false;
    }

    /** Returns an area that the helper itself does not live in. */
    private @Nullable Vma anyForeignArea() {
        List<Vma> foreign = new ArrayList<>();
        for (Vma vma : mm().vmas()) {
            if (!model.isOwn(vma.start(), vma.end()) && vma.start() >= mm().brk()) {
                foreign.add(vma);
            }
        }
        return foreign.isEmpty() ? null : foreign.get(random.nextInt(foreign.size()));
    }

    private Mm mm() {
        return model.mm(slot);
    }

    private Step call(String name, long... args) {
        return Step.call(slot, numbers.number(name), args);
    }
}
