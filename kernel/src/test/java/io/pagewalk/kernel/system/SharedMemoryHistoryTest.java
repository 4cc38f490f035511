package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random calls on files in memory and System V segments by up to three processes, on the model and on the kernel of this machine: results, contents, maps, residency and
 * {@code /proc/sysvipc/shm} must be equal. Needs Linux 6.18, root and gcc.
 */
class SharedMemoryHistoryTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TEXT + 4 * PAGE;
    private static final long DATA_PAGES = 8;
    private static final long ARENA = TEXT + (1L << 30);
    private static final int ARENA_PAGES = 48;
    private static final int FILE_PAGES = 12;
    private static final int FIRST_FD = 3;
    private static final int FDS = 10;
    private static final int OPERATIONS = Integer.getInteger("pagewalk.shm.operations", 1500);

    @TempDir
    Path directory = Path.of(".");

    private SeededRandom random = new SeededRandom(0);
    private final List<Integer> processes = new ArrayList<>(List.of(0));
    private final List<Long> segments = new ArrayList<>();
    private int nextProcess = 1;

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomHistory_equalsThisKernel(long seed) throws IOException, InterruptedException {
        random = new SeededRandom(seed + Long.getLong("pagewalk.shm.seed", 0));
        Optional<TwoKernels> started = TwoKernels.start(directory, 20, 4);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        try (TwoKernels both = started.orElseThrow()) {
            both.call(0, "mmap", TEXT, 16 * PAGE, 3, 0x32, -1, 0);
            for (int i = 0; i < DATA_PAGES; i++) {
                both.store(0, DATA + i * PAGE + 8L * i, seed + i);
            }
            for (int step = 0; step < OPERATIONS; step++) {
                int who = processes.get(random.nextInt(processes.size()));
                perform(both, who);
                if (processes.contains(who)) {
                    both.compareMaps(who);
                }
                both.call(0, "statfs", both.text(0, TEXT, "/dev/shm"), TEXT + 64);
                both.load(0, TEXT + 64 + 24);
                both.load(0, TEXT + 64 + 48);
                if (step % 20 == 0) {
                    both.compareSegments();
                    both.model.verify();
                }
            }
        }
    }

    private void perform(TwoKernels both, int who) {
        switch (random.nextInt(30)) {
            case 0 -> both.call(who, "memfd_create", both.text(who, TEXT, "m" + random.nextInt(3)), memfdFlags());
            case 1 -> open(both, who);
            case 2 -> both.call(who, "unlink", both.text(who, TEXT, "/dev/shm/" + random.nextInt(5)));
            case 3 -> both.call(who, "close", fd());
            case 4, 5 -> both.call(who, "ftruncate", fd(), random.nextInt(9) == 0 ? bytes() : pages());
            case 6, 7 -> both.call(who, "fallocate", fd(), pick(0, 0, 1, 3, 3, 3, 2, 0x11), bytes(), bytes());
            case 8, 9 -> both.call(who, "pwrite64", fd(), data(), random.nextInt(3 * (int) PAGE), bytes());
            case 10 -> both.call(who, "pread64", fd(), data(), random.nextInt(3 * (int) PAGE), bytes());
            case 11 -> both.call(who, "write", fd(), data(), random.nextInt(2 * (int) PAGE));
            case 12 -> both.call(who, "lseek", fd(), bytes() - pick(0, 0, 0, 8192), random.nextInt(5));
            case 13 -> both.call(who, "fcntl", fd(), 1033, pick(2, 4, 4, 8, 8, 0x10, 0x20, 1, 6));
            case 14 -> both.call(who, "fcntl", fd(), 1034, 0);
            case 15, 16, 17 -> map(both, who);
            case 18 -> both.call(who, "munmap", address(), pagesBelow(8));
            case 19 -> both.call(who, "mprotect", address(), pagesBelow(8), pick(0, 1, 3, 3));
            case 20 -> both.call(who, "mremap", address(), pagesBelow(6), pagesBelow(8), 3, address());
            case 21 -> both.call(who, "madvise", address(), pagesBelow(6), pick(4, 9, 9, 8));
            case 22 -> residency(both, who);
            case 23 -> segment(both, who);
            case 24, 25 -> attachment(both, who);
            case 26 -> processes(both, who);
            case 27 -> both.load(who, address() + 8L * random.nextInt(512));
            default -> both.store(who, address() + 8L * random.nextInt(512), random.nextInt(1000));
        }
    }

    private long memfdFlags() {
        return pick(0, 2, 2, 3, 10, 8, 0x12);
    }

    private void open(TwoKernels both, int who) {
        long path = both.text(who, TEXT, "/dev/shm/" + random.nextInt(5));
        both.call(who, "openat", -100, path, pick(0x42, 0x42, 2, 0, 1, 0xc2, 0x242, 0x442), 0600);
    }

    private void map(TwoKernels both, int who) {
        long offset = pagesBelow(FILE_PAGES) - PAGE;
        switch (random.nextInt(8)) {
            case 0 -> both.call(who, "mmap", address(), pagesBelow(8), 3, 0x31, -1, 0);
            case 1 -> both.call(who, "mmap", address(), pagesBelow(8), 3, 0x32, -1, 0);
            case 2, 3 -> both.call(who, "mmap", address(), pagesBelow(8), pick(1, 3), 0x12, fd(), offset);
            default -> both.call(who, "mmap", address(), pagesBelow(8), pick(1, 3, 3), 0x11, fd(), offset);
        }
    }

    private void residency(TwoKernels both, int who) {
        long file = fd();
        if (random.nextBoolean() && both.call(who, "fcntl", file, 1034, 0) >= 0) {
            both.call(who, "fstat", file, TEXT + 512);
            for (int offset : new int[] {16, 24, 48, 64}) {
                both.load(who, TEXT + 512 + offset);
            }
        }
        both.call(who, "mincore", address(), pagesBelow(16), data() & -8L);
        for (int word = 0; word < 2; word++) {
            both.load(who, DATA + 8L * word);
        }
    }

    private void segment(TwoKernels both, int who) {
        int flags = pick(01600, 01600, 03600, 0600, 011600);
        long id = both.call(who, "shmget", random.nextInt(4), pagesBelow(8) - pick(0, 0, 5), flags);
        if (id >= 0 && !segments.contains(id)) {
            segments.add(id);
        }
    }

    private void attachment(TwoKernels both, int who) {
        long id = segments.isEmpty() || random.nextInt(30) == 0
                ? random.nextInt(70)
                : segments.get(random.nextInt(segments.size()));
        switch (random.nextInt(9)) {
            case 0 -> {
                both.call(who, "shmctl", id, 0, 0);
                segments.remove(id);
            }
            case 1 -> {
                both.call(who, "shmctl", id, pick(2, 13, 14, 3, 11, 12), DATA);
                both.store(who, DATA + 48, 0);
                for (int word = 6; word < 11; word++) {
                    // Times and process numbers differ.
                    both.store(who, DATA + 8L * word, 7);
                }
                both.load(who, DATA + 88);
            }
            case 2, 3, 4 -> both.call(who, "shmdt", address());
            default ->
                both.call(
                        who,
                        "shmat",
                        id,
                        address() + pick(0, 0, 0, 0, 1),
                        pick(0, 0, 040000, 040000, 050000, 020000, 0100000));
        }
    }

    private void processes(TwoKernels both, int who) {
        if (processes.size() < 3) {
            both.fork(who, nextProcess);
            processes.add(nextProcess++);
        } else if (who != 0 && random.nextBoolean()) {
            // A parent that has gone leaves its children to others, so only the youngest ends.
            int youngest = processes.getLast();
            both.exitAny(youngest);
            processes.removeLast();
        }
    }

    private long fd() {
        return FIRST_FD + random.nextLong(FDS);
    }

    private long pages() {
        return random.nextInt(FILE_PAGES + 1) * PAGE;
    }

    private long bytes() {
        return switch (random.nextInt(3)) {
            case 0 -> pages();
            default -> random.nextLong(FILE_PAGES * PAGE);
        };
    }

    private long pagesBelow(int limit) {
        return (1 + random.nextInt(limit)) * PAGE;
    }

    private long data() {
        return DATA + random.nextLong(DATA_PAGES * PAGE);
    }

    private long address() {
        return ARENA + random.nextInt(ARENA_PAGES) * PAGE;
    }

    private int pick(int... values) {
        return values[random.nextInt(values.length)];
    }
}
