package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random address spaces of up to two processes, seen through {@code /proc/self/pagemap}, {@code PAGEMAP_SCAN} and {@code PROCMAP_QUERY} on the model and on the kernel of
 * this machine. Frame numbers are not compared. Needs Linux 6.18, root and gcc.
 */
class PagemapHistoryTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TEXT + 4 * PAGE;
    private static final long BUFFER = TEXT + 16 * PAGE;
    private static final int BUFFER_PAGES = 8;
    /* Two tables of pages and a hole of one between them. */
    private static final long FIRST = TEXT + (1L << 30) - 24 * PAGE;
    private static final int PAGES = 48;
    private static final long PAGEMAP_SCAN = 0xc0606610L;
    private static final long PROCMAP_QUERY = 0xc0686611L;
    private static final long FRAME_BITS = (1L << 55) - 1;
    private static final long SWAP = 1L << 62;
    private static final int PAGEMAP = 3;
    private static final int CLEAR_REFS = 4;
    private static final int MAPS = 5;
    private static final int FILE = 6;
    private static final int OPERATIONS = Integer.getInteger("pagewalk.pagemap.operations", 1200);

    @TempDir
    Path directory = Path.of(".");

    private SeededRandom random = new SeededRandom(0);
    private final List<Integer> processes = new ArrayList<>(List.of(0));
    private int nextProcess = 1;

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4})
    void randomAddressSpace_looksAsInThisKernel(long seed) throws IOException, InterruptedException {
        random = new SeededRandom(seed + Long.getLong("pagewalk.pagemap.seed", 0));
        Optional<TwoKernels> started = TwoKernels.start(directory, 20, 4);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        try (TwoKernels both = started.orElseThrow()) {
            both.call(0, "mmap", TEXT, 64 * PAGE, 3, 0x32, -1, 0);
            for (long at = BUFFER; at < BUFFER + BUFFER_PAGES * PAGE; at += PAGE) {
                both.store(0, at, 0);
            }
            open(both, 0);
            both.call(0, "memfd_create", both.text(0, TEXT, "m"), 0);
            both.call(0, "ftruncate", FILE, 16 * PAGE);
            // A query that looks for the next area finds this one at the latest.
            both.call(0, "mmap", FIRST + (1L << 30), PAGE, 7, 0x11, FILE, 0);
            for (int step = 0; step < OPERATIONS; step++) {
                int who = processes.get(random.nextInt(processes.size()));
                perform(both, who);
                if (processes.contains(who)) {
                    both.compareMaps(who);
                    words(both, who);
                    scan(both, who);
                    query(both, who);
                }
                if (step % 50 == 0) {
                    both.model.verify();
                }
            }
        }
    }

    /** What a process opens is its own; a child opens its own files under the same numbers. */
    private static void open(TwoKernels both, int who) {
        both.call(who, "openat", -100, both.text(who, TEXT, "/proc/self/pagemap"), 0, 0);
        both.call(who, "openat", -100, both.text(who, TEXT, "/proc/self/clear_refs"), 1, 0);
        both.call(who, "openat", -100, both.text(who, TEXT, "/proc/self/maps"), 0, 0);
    }

    private void perform(TwoKernels both, int who) {
        switch (random.nextInt(24)) {
            case 0, 1 -> both.call(who, "mmap", address(), length(12), pick(0, 1, 3, 3), 0x32, -1, 0);
            case 2 -> both.call(who, "mmap", address(), length(8), pick(1, 3, 3), 0x31, -1, 0);
            case 3 -> both.call(who, "mmap", address(), length(8), pick(1, 3), 0x11, FILE, length(8) - PAGE);
            case 4, 5 -> both.call(who, "mmap", address(), length(8), pick(1, 3), 0x12, FILE, length(8) - PAGE);
            case 6 -> both.call(who, "munmap", address(), length(8));
            case 7 -> both.call(who, "mprotect", address(), length(8), pick(0, 1, 3, 3));
            case 8 -> both.call(who, "mremap", address(), length(6), length(8), 3, address());
            case 9 -> both.call(who, "madvise", address(), length(6), pick(4, 4, 8, 20, 22, 23));
            case 10 -> both.call(who, "madvise", address(), length(4), 102);
            case 11 -> both.call(who, "madvise", address(), length(6), 103);
            case 12 -> both.call(who, pick(0, 1) == 0 ? "mlock" : "munlock", address(), length(4));
            case 13 -> clearRefs(both, who);
            case 14 -> processes(both, who);
            case 15, 16, 17 -> both.load(who, address() + 8L * random.nextInt(512));
            default -> both.store(who, address() + 8L * random.nextInt(512), random.nextInt(1000));
        }
    }

    private void clearRefs(TwoKernels both, int who) {
        String[] texts = {"1", "2", "3", "4", "5", "6", "0", "-1", "4\n", " 3", "x", "99999999999", ""};
        String text = texts[random.nextInt(texts.length)];
        both.call(who, "write", CLEAR_REFS, both.text(who, TEXT, text), text.length());
    }

    private void processes(TwoKernels both, int who) {
        if (processes.size() > 1) {
            int child = processes.getLast();
            both.exitAny(child);
            processes.removeLast();
            return;
        }
        int child = nextProcess++;
        both.fork(who, child);
        processes.add(child);
        for (int fd = PAGEMAP; fd <= MAPS; fd++) {
            both.call(child, "close", fd);
        }
        open(both, child);
    }

    /** Reads words of pagemap. */
    private void words(TwoKernels both, int who) {
        boolean isWhole = random.nextBoolean();
        long from = isWhole ? FIRST : random.nextInt(6) == 0 ? TEXT : FIRST - random.nextInt(4) * PAGE;
        int count = isWhole ? PAGES : 1 + random.nextInt(PAGES + 8);
        long position = (from >>> 12) * 8 + (random.nextInt(40) == 0 ? 3 : 0);
        int length = count * 8 - (random.nextInt(40) == 0 ? 1 : 0);
        long got = both.call(who, "pread64", PAGEMAP, BUFFER, length, position);
        if (got <= 0) {
            return;
        }
        List<ByteBuffer> words = both.bytes(who, BUFFER, (int) got);
        for (int i = 0; i < got; i += 8) {
            long expected = words.get(0).getLong(i);
            long mask = (expected & SWAP) != 0 ? -1 : ~FRAME_BITS;
            String what = "pagemap of " + Long.toHexString(from + i / 8 * PAGE);
            both.expectEqual(what, Long.toHexString(words.get(1).getLong(i) & mask), Long.toHexString(expected & mask));
        }
    }

    private void scan(TwoKernels both, int who) {
        int regions = pick(0, 1, 3, 40, 40);
        long from = FIRST - random.nextInt(8) * PAGE;
        long[] arguments = {
            pick(96, 96, 96, 96, 96, 96, 96, 96, 95, 104),
            pick(0, 0, 0, 0, 0, 0, 1, 2, 4),
            from + (random.nextInt(30) == 0 ? 8 : 0),
            from
                    + random.nextInt(60) * PAGE
                    - (random.nextInt(9) == 0 ? 100 : 0)
                    - (random.nextInt(30) == 0 ? 1L << 40 : 0),
            77,
            random.nextInt(30) == 0 ? 0 : random.nextInt(30) == 0 ? 1L << 50 : BUFFER,
            regions,
            random.nextInt(3) == 0 ? random.nextInt(30) : 0,
            categories(),
            random.nextInt(3) == 0 ? 0 : categories(),
            random.nextBoolean() ? 0 : categories(),
            random.nextInt(3) == 0 ? categories() : random.nextInt(30) == 0 ? 0x200 : 0x1ff
        };
        for (int i = 0; i < arguments.length; i++) {
            both.store(who, DATA + 8L * i, arguments[i]);
        }
        both.store(who, BUFFER, 0);
        long got = both.call(who, "ioctl", PAGEMAP, PAGEMAP_SCAN, DATA);
        both.load(who, DATA + 32);
        for (int i = 0; i < 3 * got; i++) {
            both.load(who, BUFFER + 8L * i);
        }
    }

    private long categories() {
        return random.nextInt(3) == 0
                ? 0
                : 1L << random.nextInt(9) | (random.nextBoolean() ? 0 : 1L << random.nextInt(9));
    }

    private void query(TwoKernels both, int who) {
        int size = pick(104, 104, 104, 104, 104, 96, 80, 48, 24, 23, 112, 5000);
        boolean hasName = random.nextBoolean();
        for (int i = 0; i < 15; i++) {
            both.store(who, DATA + 8L * i, 0);
        }
        both.store(who, DATA, size);
        both.store(
                who, DATA + 8, random.nextInt(4) == 0 ? random.nextInt(128) : random.nextInt(4) << 4 | pick(0, 1, 3));
        both.store(who, DATA + 16, address() - (random.nextInt(20) == 0 ? 1L << 46 : 0) + random.nextInt(4096));
        if (hasName) {
            both.store(who, DATA + 80, pick(100, 100, 5, 17));
            both.store(who, DATA + 88, random.nextInt(20) == 0 ? 0 : BUFFER);
        }
        if (random.nextInt(20) == 0) {
            both.store(who, DATA + 104, 1);
        }
        long got = both.call(who, "ioctl", MAPS, PROCMAP_QUERY, DATA);
        // Inode and device of files in memory are not the same.
        for (int offset : new int[] {24, 32, 40, 48, 56, 80, 88}) {
            both.load(who, DATA + offset);
        }
        if (got == 0 && hasName && size == 104) {
            both.load(who, BUFFER);
        }
    }

    private long address() {
        return FIRST + random.nextInt(PAGES) * PAGE;
    }

    private long length(int pages) {
        return (1 + random.nextInt(pages)) * PAGE;
    }

    private int pick(int... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
