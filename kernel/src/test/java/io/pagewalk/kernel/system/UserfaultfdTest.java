package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.zone.VmEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** userfaultfd on the model and on the kernel of this machine: each call, access, message and wait must come to the same. Needs Linux 6.18, root and gcc. */
class UserfaultfdTest {
    private static final long PAGE = 4096;
    private static final long BUFFER = TwoKernels.ARENA;
    private static final long SOURCE = BUFFER + 8 * PAGE;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final long PRIVATE = 0x32;
    private static final long SHARED = 0x31;
    private static final int PAGEFAULT = 0x12;
    private static final long HUGE_AREA = 0x20_0000_0000L;

    @TempDir
    Path directory = Path.of(".");

    private TwoKernels both;
    private Userfaults u;

    UserfaultfdTest() {}

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Optional<TwoKernels> started = TwoKernels.start(directory, 64, 16);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        both = started.orElseThrow();
        both.call(0, "mmap", BUFFER, 4 * PAGE, 3, PRIVATE, -1, 0);
        both.call(0, "mmap", SOURCE, 8 * PAGE, 3, PRIVATE, -1, 0);
        for (int i = 0; i < 8; i++) {
            both.store(0, SOURCE + i * PAGE, 0x1000 + i);
        }
        u = new Userfaults(both, BUFFER);
    }

    @AfterEach
    void stop() {
        if (both != null) {
            both.model.verify();
            both.close();
        }
    }

    private long map(long pages, long flags) {
        return both.call(0, "mmap", AREA, pages * PAGE, 3, flags, -1, 0);
    }

    /** Maps three huge regions at {@link #HUGE_AREA}, the first with a huge page that holds 7 in each of its first 20 pages, and registers the third. */
    private long mapHuge(long fd) {
        long area = HUGE_AREA;
        both.call(0, "mmap", area, 1536 * PAGE, 3, PRIVATE, -1, 0);
        both.call(0, "madvise", area, 1536 * PAGE, 14);
        for (int i = 0; i < 20; i++) {
            both.store(0, area + i * PAGE, 7 + i);
        }
        u.command(fd, Userfaults.API, 3, 0xaa, 0, 0);
        u.register(fd, area + 1024 * PAGE, 512, Userfaults.MISSING);
        return area;
    }

    @Test
    void copy_whereAHugePageIsMapped_equalsThisKernel() {
        long fd = both.call(0, "userfaultfd", 0);
        long area = mapHuge(fd);
        u.register(fd, area, 512, Userfaults.MISSING);
        u.copy(fd, area + PAGE, SOURCE, 1, 0);
        u.copy(fd, area + 1024 * PAGE, SOURCE, 1, 0);
        u.command(fd, Userfaults.ZEROPAGE, 4, area + 2 * PAGE, PAGE, 0, 0);
        u.poison(fd, area + 3 * PAGE, 1, 0);
        u.move(fd, area + 4 * PAGE, SOURCE, 1, 0);
    }

    @Test
    void move_ofAWholeHugePage_movesItsEntry() {
        long fd = both.call(0, "userfaultfd", 0);
        long area = mapHuge(fd);
        u.move(fd, area + 1024 * PAGE, area, 512, 0);
        both.load(0, area + 1029 * PAGE);
        both.load(0, area);
        both.compareMaps(0);
        assertThat(both.model.kernel.vmstat().get(VmEvent.THP_SPLIT_PMD)).isZero();
        u.move(fd, area + 1024 * PAGE, area, 512, 0);
    }

    @Test
    void move_ofAPartOfAHugePage_splitsIt() {
        long fd = both.call(0, "userfaultfd", 0);
        long area = mapHuge(fd);
        u.move(fd, area + 1024 * PAGE, area + 3 * PAGE, 4, 0);
        both.load(0, area + 1025 * PAGE);
        both.load(0, area + 4 * PAGE);
        both.load(0, area + 8 * PAGE);
        both.compareMaps(0);
        assertThat(both.model.kernel.vmstat().get(VmEvent.THP_SPLIT_PMD)).isEqualTo(1);
        assertThat(both.model.kernel.vmstat().get(VmEvent.THP_SPLIT_PAGE)).isEqualTo(1);
        both.fork(0, 1);
        u.move(fd, area + 1040 * PAGE, area + 10 * PAGE, 1, 0);
    }

    @Test
    void userfaultfd_withFlags_equalsThisKernel() {
        for (long flags : new long[] {0, 1, 0x800, 0x80000, 0x80801, 2, 0x1000}) {
            both.call(0, "userfaultfd", flags);
        }
    }

    @Test
    void api_withFeatures_equalsThisKernel() {
        long fd = both.call(0, "userfaultfd", 0);
        both.call(0, "read", fd, BUFFER, 32);
        u.poll(fd);
        u.command(fd, Userfaults.REGISTER, 4, AREA, PAGE, 1, 0);
        u.command(fd, Userfaults.API, 3, 0xab, 0, 0);
        for (int bit = 16; bit < 64; bit += 3) {
            u.command(fd, Userfaults.API, 3, 0xaa, 1L << (bit + 1), 0);
        }
        both.call(0, "ioctl", fd, Userfaults.API, 64);
        both.call(0, "ioctl", fd, 0x5401, BUFFER);
        u.command(fd, Userfaults.API, 3, 0xaa, 0x1ffff, 0);
        u.command(fd, Userfaults.API, 3, 0xaa, 0, 0);
        both.call(0, "ioctl", fd, 0x1234, BUFFER);
        both.call(0, "lseek", fd, 5, 0);
        both.call(0, "write", fd, BUFFER, 8);
        u.poll(fd);
        long other = u.open(Userfaults.NONBLOCK, 0);
        u.poll(other);
        both.call(0, "read", other, BUFFER, 31);
        both.call(0, "read", other, BUFFER, 32);
        both.call(0, "fcntl", other, 3, 0);
    }

    @Test
    void register_ofAllKinds_equalsThisKernel() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        long other = u.open(Userfaults.NONBLOCK, 0);
        long memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        both.call(0, "ftruncate", memfd, 4 * PAGE);
        map(4, PRIVATE);
        both.call(0, "mmap", AREA + 4 * PAGE, 4 * PAGE, 3, SHARED, -1, 0);
        both.call(0, "mmap", AREA + 8 * PAGE, 4 * PAGE, 3, 0x11, memfd, 0);
        both.call(0, "mmap", AREA + 12 * PAGE, 4 * PAGE, 3, 0x12, memfd, 0);
        both.call(0, "mmap", AREA + 18 * PAGE, 2 * PAGE, 1, 0x38, -1, 0);
        for (long modes : new long[] {0, 8, 1, 2, 4, 3, 5, 6, 7}) {
            for (long start : new long[] {0, 2, 4, 8, 12, 14, 16, 18}) {
                for (long pages : new long[] {0, 1, 4, 6}) {
                    u.register(fd, AREA + start * PAGE, pages, modes);
                    both.compareMaps(0);
                    u.register(other, AREA + start * PAGE, pages, modes);
                    both.compareMaps(0);
                    if (modes % 2 == 0) {
                        u.unregister(other, AREA + start * PAGE, pages);
                        u.unregister(fd, AREA + start * PAGE, pages);
                        both.compareMaps(0);
                    }
                }
            }
        }
        u.register(fd, AREA + 1, 1, 1);
        u.register(fd, -PAGE, 1, 1);
        u.register(fd, 0x7ffffffff000L, 1, 1);
        u.register(fd, 0x7fffffffe000L, 4, 1);
        both.call(0, "ioctl", fd, Userfaults.REGISTER, 16);
        both.call(0, "close", fd);
        both.compareMaps(0);
        u.register(other, AREA, 16, 1);
        both.compareMaps(0);
    }

    @Test
    void missingFault_ofThread_waitsForCopyAndCountsAsHere() {
        long fd = u.open(Userfaults.NONBLOCK, Userfaults.FEATURE_THREAD_ID);
        map(16, PRIVATE);
        u.register(fd, AREA, 16, Userfaults.MISSING);
        both.faults(0);
        long[] before = both.faults(0);
        assertThat(both.begin(0, 1, "", AREA + 2 * PAGE + 8)).isTrue();
        u.poll(fd);
        assertThat(u.read(fd)).isEqualTo(PAGEFAULT);
        u.poll(fd);
        assertThat(both.isWaiting(0)).isTrue();
        u.command(fd, Userfaults.WAKE, 0, AREA + 2 * PAGE, PAGE);
        assertThat(both.isWaiting(0)).isTrue();
        assertThat(u.read(fd)).isEqualTo(PAGEFAULT);
        u.copy(fd, AREA + 2 * PAGE, SOURCE, 1, 0);
        assertThat(both.isWaiting(0)).isFalse();
        equalFaults(before);
        before = both.faults(0);
        both.begin(0, 2, "", AREA + 3 * PAGE, 5);
        u.read(fd);
        u.zero(fd, AREA + 3 * PAGE, 2, 0);
        assertThat(both.isWaiting(0)).isFalse();
        equalFaults(before);
        before = both.faults(0);
        both.begin(0, 1, "", AREA + 6 * PAGE);
        u.copy(fd, AREA + 6 * PAGE, SOURCE + PAGE, 1, 1);
        assertThat(both.isWaiting(0)).isTrue();
        u.command(fd, Userfaults.WAKE, 0, AREA + 6 * PAGE, PAGE);
        assertThat(both.isWaiting(0)).isFalse();
        equalFaults(before);
        both.begin(0, 1, "", AREA + 7 * PAGE);
        both.begin(1, 2, "", AREA + 8 * PAGE, 8);
        u.unregister(fd, AREA + 7 * PAGE, 1);
        assertThat(both.isWaiting(0)).isFalse();
        assertThat(both.isWaiting(1)).isTrue();
        both.call(0, "close", fd);
        assertThat(both.isWaiting(1)).isFalse();
    }

    private void equalFaults(long[] before) {
        long[] now = both.faults(0);
        assertThat(new long[] {now[2] - before[2], now[3] - before[3]})
                .as("minor and major faults")
                .containsExactly(now[0] - before[0], now[1] - before[1]);
    }

    @Test
    void systemCallOfThread_onMissingPage_waitsAndGoesOn() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        map(8, PRIVATE);
        u.register(fd, AREA, 8, Userfaults.MISSING);
        both.faults(0);
        long[] before = both.faults(0);
        long memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        assertThat(both.begin(0, 0, "write", memfd, AREA + PAGE, 16)).isTrue();
        u.read(fd);
        u.copy(fd, AREA + PAGE, SOURCE, 1, 0);
        assertThat(both.isWaiting(0)).isFalse();
        equalFaults(before);
        before = both.faults(0);
        assertThat(both.begin(0, 0, "madvise", AREA + 2 * PAGE, 2 * PAGE, 23)).isTrue();
        u.read(fd);
        u.copy(fd, AREA + 2 * PAGE, SOURCE, 1, 0);
        both.isWaiting(0);
        u.read(fd);
        u.copy(fd, AREA + 3 * PAGE, SOURCE, 1, 0);
        assertThat(both.isWaiting(0)).isFalse();
        equalFaults(before);
        assertThat(both.begin(0, 0, "read", fd, AREA, 32)).isFalse();
        long blocking = u.open(0, 0);
        assertThat(both.begin(1, 0, "read", blocking, BUFFER + 1024, 32)).isTrue();
        both.call(0, "mmap", AREA + 16 * PAGE, PAGE, 3, PRIVATE, -1, 0);
        u.register(blocking, AREA + 16 * PAGE, 1, Userfaults.MISSING);
        assertThat(both.begin(0, 1, "", AREA + 16 * PAGE)).isTrue();
        assertThat(both.isWaiting(1)).isFalse();
        u.poison(blocking, AREA + 16 * PAGE, 1, 0);
        assertThat(both.isWaiting(0)).isFalse();
    }

    @Test
    void userModeOnly_forTheKernelsOwnAccess_givesFault() {
        long fd = u.open(Userfaults.NONBLOCK | Userfaults.USER_MODE_ONLY, Userfaults.FEATURE_EXACT_ADDRESS);
        map(8, PRIVATE);
        u.register(fd, AREA, 8, Userfaults.MISSING);
        long memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        assertThat(both.begin(0, 0, "write", memfd, AREA + PAGE, 16)).isFalse();
        assertThat(both.begin(0, 0, "madvise", AREA, PAGE, 23)).isFalse();
        both.begin(0, 2, "", AREA + PAGE + 24, 7);
        u.read(fd);
        u.copy(fd, AREA + PAGE, SOURCE, 1, 0);
        assertThat(both.isWaiting(0)).isFalse();
    }

    @Test
    void events_ofThread_areReadOneByOne() {
        long features = Userfaults.FEATURE_REMAP | Userfaults.FEATURE_REMOVE | Userfaults.FEATURE_UNMAP;
        long fd = u.open(Userfaults.NONBLOCK, features);
        map(16, PRIVATE);
        u.register(fd, AREA, 16, Userfaults.MISSING);
        u.copy(fd, AREA, SOURCE, 4, 0);
        both.begin(0, 0, "munmap", AREA + PAGE, PAGE);
        u.copy(fd, AREA + 8 * PAGE, SOURCE, 1, 0);
        u.read(fd);
        assertThat(both.isWaiting(0)).isFalse();
        u.copy(fd, AREA + 8 * PAGE, SOURCE, 1, 0);
        both.begin(0, 0, "madvise", AREA, 16 * PAGE, 4);
        both.begin(1, 0, "madvise", AREA + 8 * PAGE, PAGE, 4);
        both.load(0, AREA + 8 * PAGE);
        u.read(fd);
        both.isWaiting(0);
        both.isWaiting(1);
        u.read(fd);
        both.isWaiting(0);
        both.isWaiting(1);
        u.read(fd);
        both.isWaiting(0);
        both.isWaiting(1);
        u.read(fd);
        u.zero(fd, AREA + 8 * PAGE, 1, 0);
        both.begin(0, 0, "mremap", AREA + 8 * PAGE, 4 * PAGE, 2 * PAGE, 3, AREA + 30 * PAGE);
        drain(fd);
        both.compareMaps(0);
        both.begin(1, 0, "mmap", AREA + 12 * PAGE, PAGE, 3, PRIVATE, -1);
        drain(fd);
        both.compareMaps(0);
        u.zero(fd, AREA + 13 * PAGE, 1, 0);
        both.begin(1, 0, "munmap", AREA, 16 * PAGE);
        both.call(0, "close", fd);
        both.isWaiting(1);
        both.compareMaps(0);
    }

    private void drain(long fd) {
        while (u.read(fd) != 0) {
            both.isWaiting(0);
            both.isWaiting(1);
        }
    }

    @Test
    void fork_withEvent_givesReaderTheChildsDescriptor() {
        long fd = u.open(Userfaults.NONBLOCK, Userfaults.FEATURE_FORK | Userfaults.FEATURE_WP_UNPOPULATED);
        map(8, PRIVATE);
        both.call(0, "mmap", AREA + 8 * PAGE, 4 * PAGE, 3, SHARED, -1, 0);
        u.register(fd, AREA, 12, Userfaults.MISSING | Userfaults.WP);
        u.copy(fd, AREA, SOURCE, 2, 2);
        u.copy(fd, AREA + 8 * PAGE, SOURCE, 2, 0);
        u.protect(fd, AREA + 3 * PAGE, 6, 1);
        assertThat(both.begin(0, 0, "fork")).isTrue();
        u.zero(fd, AREA + 5 * PAGE, 1, 0);
        assertThat(u.read(fd)).isEqualTo(0x13);
        long child = both.load(0, BUFFER + 1032);
        assertThat(both.isWaiting(0)).isFalse();
        for (int page = 0; page < 12; page++) {
            u.zero(child, AREA + page * PAGE, 1, 0);
            u.zero(fd, AREA + page * PAGE, 1, 0);
        }
        u.protect(child, AREA, 12, 0);
        u.unregister(child, AREA, 4);
        u.zero(child, AREA + 2 * PAGE, 1, 0);
        u.move(child, AREA + 4 * PAGE, SOURCE, 1, 0);
        u.copy(child, AREA + 7 * PAGE, SOURCE, 1, 2);
        both.begin(1, 0, "fork");
        u.read(fd);
        assertThat(both.isWaiting(1)).isFalse();
        both.compareMaps(0);
    }

    @Test
    void poison_ofPages_refusesAccess() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        map(8, PRIVATE);
        u.register(fd, AREA, 8, Userfaults.MISSING | Userfaults.WP);
        u.poison(fd, AREA + PAGE, 2, 0);
        u.poison(fd, AREA, 4, 0);
        u.zero(fd, AREA + PAGE, 1, 0);
        both.load(0, AREA + PAGE);
        both.store(0, AREA + 2 * PAGE, 1);
        both.call(0, "madvise", AREA + PAGE, PAGE, 22);
        both.call(0, "madvise", AREA + PAGE, PAGE, 23);
        both.call(0, "mlock", AREA + PAGE, PAGE);
        both.call(0, "munlock", AREA, 8 * PAGE);
        long memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        both.call(0, "write", memfd, AREA + PAGE, 8);
        u.copy(fd, AREA + PAGE, SOURCE, 1, 0);
        both.load(0, AREA + PAGE);
        u.move(fd, AREA + 6 * PAGE, AREA + 2 * PAGE, 1, 0);
        both.call(0, "mremap", AREA + 2 * PAGE, PAGE, PAGE, 3, AREA + 20 * PAGE);
        both.load(0, AREA + 20 * PAGE);
        both.call(0, "madvise", AREA + 20 * PAGE, PAGE, 4);
        both.load(0, AREA + 20 * PAGE);
        both.call(0, "madvise", AREA + 5 * PAGE, PAGE, 102);
        u.zero(fd, AREA + 5 * PAGE, 1, 0);
        u.copy(fd, AREA + 5 * PAGE, SOURCE, 1, 0);
        both.load(0, AREA + 5 * PAGE);
    }

    @Test
    void device_makesUserfaultfds_asHere() {
        long path = both.text(0, BUFFER + 3000, "/dev/userfaultfd");
        long device = both.call(0, "openat", -100, path, 0x80000);
        both.call(0, "ioctl", device, 0xaa01, 0);
        both.call(0, "ioctl", device, 0xaa00, 0x1000);
        long fd = both.call(0, "ioctl", device, 0xaa00, 0x800);
        u.command(fd, Userfaults.API, 3, 0xaa, 0, 0);
        both.call(0, "read", fd, BUFFER, 32);
    }
}
