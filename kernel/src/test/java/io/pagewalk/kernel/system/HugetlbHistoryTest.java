package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random calls on huge pages by up to three processes, on the model and on the kernel of this machine: results, signals, contents, maps and the counts of the pool must be
 * equal. Needs Linux 6.18, gcc, root and a pool that nobody uses.
 */
class HugetlbHistoryTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long ARENA = TEXT + (1L << 30);
    private static final int SLOTS = 12;
    private static final int OPERATIONS = Integer.getInteger("pagewalk.hugetlb.operations", 600);

    @TempDir
    Path directory = Path.of(".");

    private SeededRandom random = new SeededRandom(0);
    private final List<Integer> processes = new ArrayList<>(List.of(0));
    private final List<Long> segments = new ArrayList<>();
    private int nextProcess = 1;
    private List<Long> lastCounts = List.of();

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomHistory_equalsThisKernel(long seed) throws IOException, InterruptedException {
        random = new SeededRandom(seed + Long.getLong("pagewalk.hugetlb.seed", 0));
        Optional<HostHugePages> taken = HostHugePages.take();
        assumeTrue(taken.isPresent(), "needs a pool of huge pages that can be set and nobody uses");
        try (HostHugePages pool = taken.orElseThrow()) {
            Optional<TwoKernels> started = TwoKernels.start(directory, 20, 4);
            assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
            try (TwoKernels both = started.orElseThrow()) {
                history(both, pool);
            }
        }
    }

    private void history(TwoKernels both, HostHugePages pool) throws IOException {
        both.call(0, "mmap", TEXT, 16 * PAGE, 3, 0x32, -1, 0);
        resize(both, pool, 8);
        for (int step = 0; step < OPERATIONS; step++) {
            int who = processes.get(random.nextInt(processes.size()));
            perform(both, pool, who);
            compareCounts(both, pool);
            if (processes.contains(who)) {
                both.compareMaps(who);
            }
            if (step % 20 == 0) {
                both.compareSegments();
                both.model.verify();
            }
        }
        while (processes.size() > 1) {
            both.exitAny(processes.removeLast());
            compareCounts(both, pool);
        }
        for (long segment : segments) {
            both.call(0, "shmctl", segment, 0, 0);
        }
        both.call(0, "munmap", ARENA, 4 * SLOTS * HUGE);
        for (int fd = 3; fd < 12; fd++) {
            both.call(0, "close", fd);
        }
        compareCounts(both, pool);
    }

    private void compareCounts(TwoKernels both, HostHugePages pool) throws IOException {
        HugePool own = both.model.kernel.hugetlb().pools().defaultPool();
        List<Long> counts = List.of(own.pages(), own.free(), own.reserved(), own.surplus());
        both.expectEqual("HugePages_Total, Free, Rsvd, Surp", counts, pool.counts());
        if (!counts.equals(lastCounts)) {
            both.note(0, "pool " + counts);
            lastCounts = counts;
        }
    }

    private static void resize(TwoKernels both, HostHugePages pool, long pages) throws IOException {
        both.note(0, "nr_hugepages = " + pages);
        pool.resize(pages);
        both.model.kernel.writeSysctl("nr_hugepages", Long.toString(pages));
    }

    private void perform(TwoKernels both, HostHugePages pool, int who) throws IOException {
        switch (random.nextInt(34)) {
            case 0 -> {
                if (random.nextInt(3) == 0) {
                    resize(both, pool, 2 + random.nextInt(9));
                }
            }
            case 1 -> {
                long pages = random.nextInt(4);
                both.note(0, "nr_overcommit_hugepages = " + pages);
                pool.setOvercommit(pages);
                both.model.kernel.writeSysctl("nr_overcommit_hugepages", Long.toString(pages));
            }
            case 2 -> both.call(who, "memfd_create", both.text(who, TEXT, "m"), pick(4, 4, 6, 6, 0xe));
            case 3 -> both.call(who, "close", fd());
            case 4 -> both.call(who, "ftruncate", fd(), random.nextInt(8) == 0 ? 4096 : huge(4));
            case 5, 6 -> both.call(who, "fallocate", fd(), pick(0, 0, 1, 3, 3, 3, 2, 0x10), bytes(), bytes());
            case 7 -> both.call(who, "fcntl", fd(), 1033, pick(2, 4, 4, 8, 8, 0x10, 1));
            case 8 -> both.call(who, "pread64", fd(), TEXT + 64, random.nextInt(64), bytes());
            case 9 -> both.call(who, "write", fd(), TEXT, 8);
            case 10, 11, 12, 13 -> map(both, who);
            case 14, 15 -> both.call(who, "munmap", address(), length());
            case 16, 17 -> both.call(who, "mprotect", address(), length(), pick(0, 1, 3, 3));
            case 18 -> move(both, who);
            case 19, 20 -> both.call(who, "madvise", address(), length(), pick(4, 4, 4, 9, 9, 22, 23, 24));
            case 21 -> both.call(who, "madvise", address(), length(), pick(0, 1, 2, 3, 8, 10, 11, 12, 14, 15, 16, 17));
            case 22 -> {
                both.call(who, "mincore", address(), length(), TEXT + 4096);
                both.load(who, TEXT + 4096);
            }
            case 23 -> both.call(who, pick(0, 1) == 0 ? "mlock" : "munlock", address(), length());
            case 24 -> segment(both, who);
            case 25 -> both.call(who, "msync", address(), length(), pick(1, 2, 4, 6));
            case 26 -> processes(both, who);
            case 27, 28, 29 -> both.load(who, address() + 8L * random.nextInt(1000));
            default -> both.store(who, address() + 8L * random.nextInt(1000), random.nextInt(1000));
        }
    }

    private void map(TwoKernels both, int who) {
        long address = address();
        long prot = pick(3, 3, 3, 1, 0);
        switch (random.nextInt(6)) {
            case 0, 1 -> both.call(who, "mmap", address, length(), prot, 0x40032 | pick(0, 0, 0x4000, 0x8000), -1, 0);
            case 2 -> both.call(who, "mmap", address, length(), prot, 0x40031 | pick(0, 0, 0x4000), -1, 0);
            case 3 -> both.call(who, "mmap", address, length(), prot, 0x32, -1, 0);
            default -> both.call(who, "mmap", address, length(), prot, pick(0x11, 0x11, 0x12, 0x40011), fd(), offset());
        }
    }

    /** Whole areas only: Linux forgets promises of what stays of a private area that is moved in part. */
    private void move(TwoKernels both, int who) {
        List<Vma> areas = new ArrayList<>();
        for (Vma vma : both.task(who).mm().vmas()) {
            if (vma.start() >= ARENA && vma.start() < TwoKernels.ARENA_END) {
                areas.add(vma);
            }
        }
        if (!areas.isEmpty()) {
            Vma area = areas.get(random.nextInt(areas.size()));
            long bytes = area.sizeBytes();
            boolean isHuge = area.has(VmaFlags.VM_HUGETLB);
            long wanted = isHuge && pick(0, 0, 0, 1) == 1 ? bytes + HUGE : bytes;
            both.call(who, "mremap", area.start(), bytes, wanted, isHuge ? pick(1, 3, 3, 5, 7) : 3, address());
        }
    }

    private void segment(TwoKernels both, int who) {
        switch (random.nextInt(4)) {
            case 0 -> {
                long id = both.call(who, "shmget", 0, length(), 0600 | pick(04000, 04000, 014000));
                if (id >= 0) {
                    segments.add(id);
                }
            }
            case 1 -> {
                if (!segments.isEmpty()) {
                    both.call(who, "shmctl", segments.remove(random.nextInt(segments.size())), 0, 0);
                }
            }
            case 2 -> both.call(who, "shmdt", address());
            default -> {
                if (!segments.isEmpty()) {
                    long id = segments.get(random.nextInt(segments.size()));
                    both.call(who, "shmat", id, address(), pick(0, 0, 040000, 010000, 050000));
                }
            }
        }
    }

    private void processes(TwoKernels both, int who) {
        if (processes.size() < 3 && random.nextBoolean()) {
            both.fork(who, nextProcess);
            processes.add(nextProcess++);
        } else if (processes.size() > 1) {
            // A parent that has gone leaves its children to others, so only the youngest ends.
            both.exitAny(processes.removeLast());
        }
    }

    private long fd() {
        return 3L + random.nextInt(5);
    }

    private long huge(int limit) {
        return random.nextInt(limit + 1) * HUGE;
    }

    private long bytes() {
        return random.nextInt(3) == 0 ? random.nextLong(4 * HUGE) : huge(4);
    }

    private long offset() {
        return random.nextInt(12) == 0 ? PAGE : random.nextInt(3) * HUGE;
    }

    private long length() {
        return random.nextInt(10) == 0 ? PAGE * (1 + random.nextInt(600)) : (1 + random.nextInt(3)) * HUGE;
    }

    private long address() {
        long aligned = ARENA + random.nextInt(SLOTS) * HUGE;
        return random.nextInt(25) == 0 ? aligned + PAGE : aligned;
    }

    private int pick(int... values) {
        return values[random.nextInt(values.length)];
    }
}
