package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** process_vm_readv, process_vm_writev and /proc/self/mem on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class ProcessVmTest {
    private static final long PAGE = 4096;
    private static final long BUFFER = TwoKernels.ARENA;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final int PAGES = 16;
    private static final int CHILD = 1;
    private static final int OPERATIONS = 1500;

    @TempDir
    Path directory = Path.of(".");

    private TwoKernels both;
    private SeededRandom random = new SeededRandom(0);

    ProcessVmTest() {}

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Optional<TwoKernels> started = TwoKernels.start(directory, 64, 16);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        both = started.orElseThrow();
        both.call(0, "mmap", BUFFER, 4 * PAGE, 3, 0x32, -1, 0);
        long memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        both.call(0, "ftruncate", memfd, 3 * PAGE);
        both.call(0, "mmap", AREA, 8 * PAGE, 3, 0x32, -1, 0);
        both.call(0, "mmap", AREA + 8 * PAGE, 4 * PAGE, 3, 0x11, memfd, 0);
        both.call(0, "mmap", AREA + 12 * PAGE, 4 * PAGE, 3, 0x12, memfd, 0);
        for (int i = 0; i < 11; i++) {
            both.store(0, AREA + i * PAGE + 64L * i, 0x100 + i);
        }
    }

    @AfterEach
    void stop() {
        if (both != null) {
            both.model.verify();
            both.close();
        }
    }

    /** Writes an array of ranges. */
    private long vector(int who, long vaddr, long... words) {
        for (int i = 0; i < words.length; i++) {
            both.store(who, vaddr + 8L * i, words[i]);
        }
        return vaddr;
    }

    @Test
    void processVm_withBadArguments_equalsThisKernel() {
        both.fork(0, CHILD);
        long mine = vector(0, BUFFER, AREA, 100, AREA + 200, 50);
        long other = vector(0, BUFFER + 512, AREA + PAGE - 20, 150);
        for (String name : new String[] {"process_vm_readv", "process_vm_writev"}) {
            both.callOn(0, name, CHILD, mine, 2, other, 1, 0);
            both.callOn(0, name, 0, mine, 2, other, 1, 0);
            both.callOn(CHILD, name, 0, mine, 2, other, 1, 0);
            both.callOn(0, name, CHILD, mine, 2, other, 1, 1);
            both.callOn(0, name, CHILD, mine, 1025, other, 1, 0);
            both.callOn(0, name, CHILD, mine, 2, other, 1025, 0);
            both.callOn(0, name, CHILD, mine, 0, 16, 5, 0);
            both.callOn(0, name, CHILD, mine, 2, other, 0, 0);
            both.callOn(0, name, CHILD, 16, 1, other, 1, 0);
            both.callOn(0, name, CHILD, mine, 2, 16, 1, 0);
            both.call(0, name, 999999, mine, 2, other, 1, 0);
            both.call(0, name, -1, mine, 2, other, 1, 0);
            both.callOn(0, name, CHILD, vector(0, BUFFER + 1024, AREA, -1), 1, other, 1, 0);
            both.callOn(0, name, CHILD, vector(0, BUFFER + 1024, -PAGE, 10), 1, other, 1, 0);
            both.callOn(0, name, CHILD, mine, 2, vector(0, BUFFER + 1024, AREA, -1), 1, 0);
            both.callOn(0, name, CHILD, mine, 2, vector(0, BUFFER + 1024, -PAGE, 10), 1, 0);
            both.callOn(0, name, CHILD, mine, 2, vector(0, BUFFER + 1024, 0, 10), 1, 0);
            both.callOn(0, name, CHILD, mine, 2, vector(0, BUFFER + 1024, AREA, 0, 0, 0), 2, 0);
            both.callOn(0, name, CHILD, vector(0, BUFFER + 1024, 8, 10), 1, other, 1, 0);
            both.callOn(0, name, CHILD, vector(0, BUFFER + 1024, AREA, 10, 8, 10), 2, other, 1, 0);
            both.callOn(0, name, CHILD, mine, 2, vector(0, BUFFER + 1024, AREA, 10, 8, 10), 2, 0);
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void randomTransfers_equalThisKernel(long seed) {
        random = new SeededRandom(seed);
        both.fork(0, CHILD);
        long file = both.call(0, "openat", -100, both.text(0, BUFFER + 3000, "/proc/self/mem"), 2);
        for (int step = 0; step < OPERATIONS; step++) {
            int who = random.nextInt(2);
            switch (random.nextInt(12)) {
                case 0, 1, 2, 3 -> transfer(who);
                case 4 -> both.call(0, "pread64", file, address(), length(), place());
                case 5 -> both.call(0, "pwrite64", file, address(), length(), place());
                case 6 -> both.call(who, "mprotect", page(), pages(), pick(0, 1, 1, 3, 3));
                case 7 -> both.call(who, "madvise", page(), pages(), 4);
                case 8 -> both.call(who, "munmap", page(), PAGE);
                case 9 -> both.call(who, "mmap", page(), pages(), pick(1, 3), pick(0x32, 0x31), -1, 0);
                default -> {
                    if (random.nextBoolean()) {
                        both.store(who, address() & -8, step);
                    } else {
                        both.load(who, address() & -8);
                    }
                }
            }
            if (step % 10 == 0) {
                both.compareMaps(0);
                both.smaps().compareResidency(0);
                both.smaps().compareResidency(CHILD);
            }
            if (step % 50 == 0) {
                both.model.verify();
            }
        }
    }

    private void transfer(int who) {
        int mine = 1 + random.nextInt(3);
        int other = 1 + random.nextInt(3);
        for (int i = 0; i < mine; i++) {
            vector(who, BUFFER + 16L * i, address(), length());
        }
        for (int i = 0; i < other; i++) {
            vector(who, BUFFER + 512 + 16L * i, address(), length());
        }
        String name = random.nextBoolean() ? "process_vm_readv" : "process_vm_writev";
        both.callOn(who, name, random.nextInt(2), BUFFER, mine, BUFFER + 512, other, 0);
    }

    private long place() {
        return random.nextInt(20) == 0 ? pick(0, 0x800000000000L) : address();
    }

    private long page() {
        return AREA + random.nextInt(PAGES) * PAGE;
    }

    private long address() {
        return AREA + random.nextInt(PAGES * (int) PAGE - 8);
    }

    private long length() {
        return random.nextInt(12) == 0 ? 0 : random.nextInt(3 * (int) PAGE);
    }

    private long pages() {
        return (1L + random.nextInt(4)) * PAGE;
    }

    private long pick(long... values) {
        return values[random.nextInt(values.length)];
    }

    @Test
    void mem_ofReadOnlyMemory_isWrittenAllTheSame() {
        long file = both.call(0, "openat", -100, both.text(0, BUFFER + 3000, "/proc/self/mem"), 2);
        both.call(0, "mprotect", AREA, 16 * PAGE, 1);
        both.call(0, "pwrite64", file, BUFFER, 8, AREA + 100);
        both.call(0, "pwrite64", file, BUFFER, 8, AREA + 8 * PAGE);
        both.call(0, "pwrite64", file, BUFFER, 8, AREA + 12 * PAGE);
        both.call(0, "pwrite64", file, BUFFER, 8, AREA + 15 * PAGE);
        both.load(0, AREA + 100 & -8);
        both.load(0, AREA + 12 * PAGE);
        both.call(0, "mprotect", AREA, 16 * PAGE, 0);
        both.call(0, "pread64", file, BUFFER, 64, AREA + 96);
        both.call(0, "pwrite64", file, BUFFER, 64, AREA + 5 * PAGE);
        both.call(0, "pread64", file, BUFFER, PAGE, AREA + 16 * PAGE - 10);
        both.call(0, "pread64", file, BUFFER, 8, 0);
        both.call(0, "lseek", file, 5, 2);
        assertThat(both.call(0, "lseek", file, AREA, 0)).isEqualTo(AREA);
        both.call(0, "read", file, BUFFER, 8);
        both.call(0, "read", file, BUFFER, 8);
        both.load(0, BUFFER);
        both.smaps().compareResidency(0);
    }
}
