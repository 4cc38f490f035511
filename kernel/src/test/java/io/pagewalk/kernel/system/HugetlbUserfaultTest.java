package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.host.HostSettings;
import io.pagewalk.kernel.hugetlb.HugePool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** userfaultfd on huge pages of a pool, on the model and on the kernel of this machine. Needs Linux 6.18, root, gcc and a machine where nobody has a pool. */
class HugetlbUserfaultTest {
    private static final long PAGE = 4096;
    private static final int SMALL = 512;
    private static final long HUGE = SMALL * PAGE;
    private static final long BUFFER = TwoKernels.ARENA;
    private static final long SOURCE = BUFFER + 8 * HUGE;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final long PRIVATE = 0x40032;
    private static final long SHARED = 0x40031;
    private static final int PAGEFAULT = 0x12;
    private static final int FORK = 0x13;
    private static final int POOL_PAGES = 12;

    @TempDir
    Path directory = Path.of(".");

    private HostSettings pool;
    private TwoKernels both;
    private Userfaults u;

    HugetlbUserfaultTest() {}

    @BeforeEach
    void start() throws IOException, InterruptedException {
        pool = HostHugePages.takePool(POOL_PAGES);
        Optional<TwoKernels> started = TwoKernels.start(directory, 64, 16);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        both = started.orElseThrow();
        both.model.kernel.hugetlb().pools().resize(POOL_PAGES);
        both.call(0, "mmap", BUFFER, 4 * PAGE, 3, 0x32, -1, 0);
        both.call(0, "mmap", SOURCE, 2 * HUGE, 3, 0x32, -1, 0);
        both.call(0, "madvise", SOURCE, HUGE, 23);
        both.store(0, SOURCE, 0x1000);
        both.store(0, SOURCE + HUGE - 8, 0x1001);
        u = new Userfaults(both, BUFFER);
    }

    @AfterEach
    void stop() throws IOException {
        if (both != null) {
            both.model.verify();
            both.call(0, "munmap", AREA, 16 * HUGE);
            comparePool();
            both.close();
        }
        if (pool != null) {
            pool.close();
        }
    }

    private void comparePool() {
        HugePool modelled = both.model.kernel.hugetlb().pools().defaultPool();
        long[] actual = {modelled.pages(), modelled.free(), modelled.reserved(), modelled.surplus()};
        both.expectEqual("the pool", actual, HostHugePages.poolOnceEqual(actual));
    }

    private long map(long pages, long flags) {
        return both.call(0, "mmap", AREA, pages * HUGE, 3, flags, -1, 0);
    }

    private long pagemap() {
        return both.call(0, "openat", -100, both.text(0, BUFFER + 3000, "/proc/self/pagemap"), 0);
    }

    @Test
    void register_ofAllKinds_equalsThisKernel() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        long other = u.open(Userfaults.NONBLOCK, 0);
        map(4, PRIVATE);
        both.call(0, "mmap", AREA + 4 * HUGE, 3 * HUGE, 3, SHARED, -1, 0);
        both.call(0, "mmap", AREA + 7 * HUGE, HUGE, 3, 0x32, -1, 0);
        for (long modes : new long[] {0, 8, 1, 2, 4, 3, 5, 6, 7}) {
            for (long start : new long[] {0, 1, 512, 4 * 512, 6 * 512, 7 * 512, 7 * 512 + 1}) {
                for (long pages : new long[] {0, 1, 512, 513, 1024, 2048, 4 * 512 + 7}) {
                    u.register(fd, AREA + start * PAGE, pages, modes);
                    both.compareMaps(0);
                    u.register(other, AREA + start * PAGE, pages, modes);
                    if (modes % 2 == 0) {
                        u.unregister(other, AREA + start * PAGE, pages);
                        u.unregister(fd, AREA + start * PAGE, pages);
                        both.compareMaps(0);
                    }
                }
            }
        }
        both.call(0, "close", fd);
        both.compareMaps(0);
        both.smaps().compareResidency(0);
    }

    @Test
    void segment_canBeWatched() {
        long id = both.call(0, "shmget", 0, 2 * HUGE, 04000 | 0x200 | 0600);
        both.call(0, "shmat", id, AREA, 0);
        long fd = u.open(Userfaults.NONBLOCK, Userfaults.FEATURE_SIGBUS);
        u.register(fd, AREA, 2 * SMALL, Userfaults.MISSING | Userfaults.WP | Userfaults.MINOR);
        both.load(0, AREA);
        u.copy(fd, AREA, SOURCE, SMALL, 2);
        both.load(0, AREA + HUGE - 8);
        both.store(0, AREA, 1);
        u.protect(fd, AREA, SMALL, 0);
        both.store(0, AREA, 1);
        u.unregister(fd, AREA, 2 * SMALL);
        both.load(0, AREA + HUGE);
        comparePool();
        both.call(0, "shmdt", AREA);
        both.call(0, "shmctl", id, 0, 0);
    }

    @Test
    void fault_ofThread_waitsAndCountsAsHere() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        for (long kind : new long[] {PRIVATE, SHARED}) {
            map(4, kind);
            u.register(fd, AREA, 4 * SMALL, Userfaults.MISSING | Userfaults.WP);
            both.faults(0);
            for (int access : new int[] {1, 2}) {
                long place = AREA + access * HUGE;
                long[] before = both.faults(0);
                assertThat(both.begin(0, access, "", place + 5 * PAGE + 8, 7)).isTrue();
                assertThat(u.read(fd)).isEqualTo(PAGEFAULT);
                assertThat(u.address()).isEqualTo(place);
                u.copy(fd, place, SOURCE, SMALL, 2);
                if (both.isWaiting(0)) {
                    // A store: the new page is write-protected.
                    u.read(fd);
                    u.protect(fd, place, SMALL, 0);
                }
                assertThat(both.isWaiting(0)).isFalse();
                equalFaults(before);
            }
            long[] before = both.faults(0);
            both.begin(0, 0, "madvise", AREA, PAGE, 23);
            u.read(fd);
            u.copy(fd, AREA, SOURCE, SMALL, 0);
            assertThat(both.isWaiting(0)).isFalse();
            equalFaults(before);
            comparePool();
        }
    }

    private void equalFaults(long[] before) {
        long[] now = both.faults(0);
        both.expectEqual("minor and major faults", new long[] {now[2] - before[2], now[3] - before[3]}, new long[] {
            now[0] - before[0], now[1] - before[1]
        });
    }

    @Test
    void exactAddress_isNotRounded() {
        long fd = u.open(Userfaults.NONBLOCK, Userfaults.FEATURE_EXACT_ADDRESS);
        map(2, PRIVATE);
        u.register(fd, AREA, SMALL, Userfaults.MISSING);
        assertThat(both.begin(0, 2, "", AREA + 7 * PAGE + 24, 1)).isTrue();
        assertThat(u.read(fd)).isEqualTo(PAGEFAULT);
        assertThat(u.address()).isEqualTo(AREA + 7 * PAGE + 24);
        u.command(fd, Userfaults.WAKE, 0, AREA, PAGE);
        assertThat(both.isWaiting(0)).isTrue();
        u.copy(fd, AREA, SOURCE, SMALL, 0);
        assertThat(both.isWaiting(0)).isFalse();
    }

    @Test
    void discard_withEvent_isToldInWholePages() {
        long fd = u.open(Userfaults.NONBLOCK, Userfaults.FEATURE_REMOVE | Userfaults.FEATURE_UNMAP);
        map(4, PRIVATE);
        u.register(fd, AREA, 4 * SMALL, Userfaults.MISSING);
        u.copy(fd, AREA, SOURCE, SMALL, 0);
        assertThat(both.begin(0, 0, "madvise", AREA + PAGE, HUGE, 4)).isFalse();
        assertThat(both.begin(0, 0, "madvise", AREA, 2 * HUGE - PAGE, 4)).isTrue();
        u.read(fd);
        assertThat(both.isWaiting(0)).isFalse();
        comparePool();
        assertThat(both.begin(0, 0, "madvise", AREA, HUGE - PAGE, 4)).isFalse();
        both.begin(0, 0, "munmap", AREA + HUGE, HUGE);
        u.read(fd);
        both.isWaiting(0);
        both.call(0, "close", fd);
        comparePool();
    }

    @Test
    void fork_withAndWithoutEvent_keepsOrDropsMarks() {
        for (long features : new long[] {0, Userfaults.FEATURE_FORK}) {
            for (long kind : new long[] {PRIVATE, SHARED}) {
                long fd = u.open(Userfaults.NONBLOCK, features | Userfaults.FEATURE_WP_UNPOPULATED);
                long pagemap = pagemap();
                map(4, kind);
                u.register(fd, AREA, 4 * SMALL, Userfaults.MISSING | Userfaults.WP);
                u.copy(fd, AREA, SOURCE, SMALL, 2);
                u.copy(fd, AREA + HUGE, SOURCE, SMALL, 0);
                u.protect(fd, AREA + 2 * HUGE, SMALL, 1);
                u.poison(fd, AREA + 3 * HUGE, SMALL, 0);
                for (int i = 0; i < 4; i++) {
                    u.marks(pagemap, AREA + i * HUGE, 2);
                }
                if (features == 0) {
                    int child = kind == PRIVATE ? 1 : 2;
                    both.fork(0, child);
                    both.load(child, AREA);
                    both.load(child, AREA + HUGE);
                    both.store(child, AREA + HUGE, 5);
                    both.store(child, AREA, 5);
                    both.load(child, AREA + 3 * HUGE);
                    comparePool();
                    both.exit(child, 0);
                } else {
                    both.begin(0, 0, "fork");
                    assertThat(u.read(fd)).isEqualTo(FORK);
                    long child = both.load(0, BUFFER + 1032);
                    assertThat(both.isWaiting(0)).isFalse();
                    for (int i = 0; i < 4; i++) {
                        u.poison(child, AREA + i * HUGE, SMALL, 0);
                    }
                    both.call(0, "close", child);
                }
                both.call(0, "close", fd);
                both.call(0, "close", pagemap);
                both.call(0, "munmap", AREA, 4 * HUGE);
            }
        }
    }

    @Test
    void move_ofSharedArea_keepsMarksOnlyWhereMovesAreTold() {
        for (long features : new long[] {0, Userfaults.FEATURE_REMAP}) {
            long fd = u.open(Userfaults.NONBLOCK, features | Userfaults.FEATURE_SIGBUS);
            long pagemap = pagemap();
            map(3, SHARED);
            u.register(fd, AREA, 3 * SMALL, Userfaults.MISSING | Userfaults.WP);
            u.copy(fd, AREA, SOURCE, SMALL, 2);
            u.protect(fd, AREA + HUGE, SMALL, 1);
            u.poison(fd, AREA + 2 * HUGE, SMALL, 0);
            if (both.begin(0, 0, "mremap", AREA, 3 * HUGE, 3 * HUGE, 3, AREA + 8 * HUGE)) {
                u.read(fd);
                assertThat(both.isWaiting(0)).isFalse();
            }
            for (int i = 0; i < 3; i++) {
                u.marks(pagemap, AREA + (8 + i) * HUGE, 1);
            }
            both.load(0, AREA + 10 * HUGE);
            both.store(0, AREA + 8 * HUGE, 3);
            both.compareMaps(0);
            both.smaps().compareResidency(0);
            both.call(0, "munmap", AREA + 8 * HUGE, 3 * HUGE);
            both.call(0, "close", fd);
            both.call(0, "close", pagemap);
            comparePool();
        }
    }

    @Test
    void copy_fromPagesThatAreNotThere_needsOnePageMore() {
        long fd = u.open(Userfaults.NONBLOCK, 0);
        both.call(0, "mmap", AREA + 8 * HUGE, 11 * HUGE, 3, PRIVATE, -1, 0);
        map(4, PRIVATE | 0x4000);
        u.register(fd, AREA, 4 * SMALL, Userfaults.MISSING);
        u.copy(fd, AREA, SOURCE + HUGE, SMALL, 0);
        u.copy(fd, AREA, 0x1000, SMALL, 0);
        u.copy(fd, AREA, SOURCE, SMALL, 0);
        u.copy(fd, AREA + HUGE, SOURCE, SMALL, 0);
        comparePool();
        both.call(0, "munmap", AREA + 8 * HUGE, 11 * HUGE);
        u.copy(fd, AREA + HUGE, SOURCE + HUGE, 3 * SMALL, 0);
        comparePool();
    }
}
