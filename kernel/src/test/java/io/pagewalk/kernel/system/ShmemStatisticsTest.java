package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.rmap.Folios;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What {@code hugepages-SIZEkB/stats/shmem_*} count of files in memory, in the model and in the kernel of this machine. Needs Linux 6.18, root and gcc. Other programs of this machine hardly use
 * files in memory with huge pages.
 */
class ShmemStatisticsTest extends TwoKernelsTest {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/transparent_hugepage");
    private static final String[] COUNTED = {"shmem_alloc", "shmem_fallback", "shmem_fallback_charge"};
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final int SHARED_ANON = 0x31;
    private static final int SHARED = 0x11;
    private static final int MADV_HUGEPAGE = 14;

    ShmemStatisticsTest() {
        super(4096, 16, ShmemUse.ALWAYS);
    }

    @BeforeEach
    void needCounts() throws IOException {
        assumeTrue(PageCacheComparison.hasHugePages(), "skipped: this kernel uses no huge pages where programs ask");
        call("mmap", TEXT, 64 * PAGE, 3, 0x32, -1, 0);
    }

    private static Map<String, Long> realCounts() throws IOException {
        Map<String, Long> counts = new TreeMap<>();
        for (int order = HugePageSettings.LOWEST_SHMEM_ORDER; order <= Folios.HUGE_ORDER; order++) {
            for (String name : COUNTED) {
                String file = "hugepages-" + (4 << order) + "kB/stats/" + name;
                counts.put(
                        file,
                        Long.parseLong(Files.readString(DIRECTORY.resolve(file)).strip()));
            }
        }
        return counts;
    }

    /** Does something and compares what it has added to each count; returns how many folios of several pages came. */
    private long compare(HostHugePages.Action action) throws IOException, InterruptedException {
        Map<String, Long> before = realCounts();
        Map<String, Long> modelled = modelCounts(before);
        action.run();
        Map<String, Long> real = realCounts();
        Map<String, Long> after = modelCounts(before);
        real.replaceAll((name, count) -> count - before.getOrDefault(name, 0L));
        after.replaceAll((name, count) -> count - modelled.getOrDefault(name, 0L));
        both().expectEqual("counts of files in memory", after, real);
        return real.values().stream().mapToLong(Long::longValue).sum();
    }

    private Map<String, Long> modelCounts(Map<String, Long> names) {
        Map<String, Long> counts = new TreeMap<>();
        for (String name : names.keySet()) {
            counts.put(name, both().model.kernel.hugePageFiles().value(name));
        }
        return counts;
    }

    private void setModel(String name, String value) {
        assertThat(both().model.kernel.hugePageFiles().write(name, value)).isZero();
    }

    private long write(long fd, long bytes, long at) {
        return call("pwrite64", fd, TEXT, bytes, at);
    }

    @Test
    void writes_toAMountThatIsAlwaysHuge_countFoliosOfEachSize() throws IOException, InterruptedException {
        HostHugePages.alone(() -> {
            long fd = call("open", both().text(0, TEXT, "/dev/shm/sizes"), 0102, 0600);
            assertThat(compare(() -> write(fd, 5 * PAGE, 0))).isPositive();
            compare(() -> write(fd, 64 * PAGE, 8 * PAGE));
            compare(() -> write(fd, 33 * PAGE, 300 * PAGE + 5));
            compare(() -> write(fd, 2 * PAGE, HUGE - PAGE));
            compare(() -> call("fallocate", fd, 0, 2 * HUGE, HUGE + 100 * PAGE));
            compare(() -> call("ftruncate", fd, 8 * HUGE));
            call("mmap", AREA, 8 * HUGE, 3, SHARED, fd, 0);
            compare(() -> both().store(0, AREA + 4 * HUGE, 1));
            compare(() -> both().load(0, AREA + 5 * HUGE + 7 * PAGE));
            compare(() -> call("fallocate", fd, 3, 4 * HUGE, PAGE));
            compare(() -> both().store(0, AREA + 4 * HUGE, 1));
        });
    }

    @Test
    void stores_toAMountThatIsNearlyFull_countNoFallback() throws IOException, InterruptedException {
        HostHugePages.alone(() -> {
            long fd = call("open", both().text(0, TEXT, "/dev/shm/full"), 0102, 0600);
            call("fallocate", fd, 0, 0, (4096 - 300) * PAGE);
            call("ftruncate", fd, 12 * HUGE);
            call("mmap", AREA, 12 * HUGE, 3, SHARED, fd, 0);
            assertThat(compare(() -> both().store(0, AREA + 9 * HUGE, 1))).isZero();
            compare(() -> write(fd, 40 * PAGE, 10 * HUGE));
            compare(() -> write(fd, 64 * PAGE, 11 * HUGE));
            compare(() -> both().callAnyResult(0, "fallocate", fd, 0, 11 * HUGE, HUGE));
        });
    }

    @Test
    void faults_inSharedMemory_countTheSizeThatIsAllowed() throws IOException, InterruptedException {
        HostHugePages.during("hugepages-64kB/shmem_enabled", "advise", () -> {
            setModel("hugepages-64kB/shmem_enabled", "advise");
            call("mmap", AREA, HUGE + 7 * PAGE, 3, SHARED_ANON, -1, 0);
            assertThat(compare(() -> both().store(0, AREA, 1))).isZero();
            call("madvise", AREA, HUGE + 7 * PAGE, MADV_HUGEPAGE);
            assertThat(compare(() -> both().store(0, AREA + 5 * PAGE, 1))).isZero();
            assertThat(compare(() -> both().store(0, AREA + 20 * PAGE, 1))).isEqualTo(1);
            assertThat(compare(() -> both().load(0, AREA + 40 * PAGE))).isEqualTo(1);
            assertThat(compare(() -> both().store(0, AREA + HUGE + PAGE, 1))).isZero();
        });
    }

    @Test
    void faults_inSharedMemory_countHugePages() throws IOException, InterruptedException {
        HostHugePages.during("shmem_enabled", "advise", () -> {
            setModel("shmem_enabled", "advise");
            call("mmap", AREA, 3 * HUGE, 3, SHARED_ANON, -1, 0);
            call("madvise", AREA, 3 * HUGE, MADV_HUGEPAGE);
            assertThat(compare(() -> both().store(0, AREA + 5 * PAGE, 1))).isEqualTo(1);
            assertThat(compare(() -> both().store(0, AREA + HUGE + 5 * PAGE, 1)))
                    .isEqualTo(1);
            compare(() -> call("madvise", AREA, PAGE, 9));
            compare(() -> both().store(0, AREA, 1));
        });
    }
}
