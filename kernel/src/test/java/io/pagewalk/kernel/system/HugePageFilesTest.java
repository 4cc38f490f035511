package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.huge.HugePageFiles;
import io.pagewalk.kernel.syscall.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code /sys/kernel/mm/transparent_hugepage}. What a written value changes was seen on Linux 6.18; the rest is read from this machine's kernel now. */
class HugePageFilesTest {
    private static final Path SYSFS = Path.of("/sys/kernel/mm/transparent_hugepage");

    /** Files that kernels have whose makers added them. */
    private static final Set<String> NOT_UPSTREAM = Set.of("anon_beside_full", "anon_fault_declined");

    private final TestKernel k = TestKernel.boot();
    private final HugePageFiles files = k.kernel.hugePageFiles();

    @Test
    void texts_asBooted_haveTheFilesAndWordsOfThisKernel() throws IOException {
        assumeTrue(Files.isReadable(SYSFS.resolve("shrink_underused")), "needs Linux 6.18 with huge pages");
        Map<String, String> real = new TreeMap<>();
        try (Stream<Path> tree = Files.walk(SYSFS)) {
            for (Path file : tree.filter(Files::isRegularFile).toList()) {
                if (!NOT_UPSTREAM.contains(file.getFileName().toString())) {
                    real.put(SYSFS.relativize(file).toString(), Files.readString(file));
                }
            }
        }
        assertThat(files.texts().keySet()).isEqualTo(real.keySet());
        assertThat(words(files.texts())).isEqualTo(words(real));
    }

    /** What does not depend on how this machine is set and on what it has done: the choices of each file. */
    private static Map<String, Set<String>> words(Map<String, String> texts) {
        Map<String, Set<String>> words = new TreeMap<>();
        texts.forEach((name, text) -> words.put(
                name,
                Stream.of(text.split("[ \\[\\]]", -1))
                        .map(word -> word.matches("[0-9]+\n") ? "number" : word.strip())
                        .filter(word -> !word.isEmpty())
                        .collect(Collectors.toSet())));
        return words;
    }

    @ParameterizedTest
    @CsvSource({
        "enabled, 'always', '[always] madvise never'",
        "enabled, 'never\n', 'always madvise [never]'",
        "shmem_enabled, deny, 'always within_size advise never [deny] force'",
        "shmem_enabled, 'force\n', 'always within_size advise never deny [force]'",
        "defrag, defer+madvise, 'always defer [defer+madvise] madvise never'",
        "defrag, defer, 'always [defer] defer+madvise madvise never'",
        "use_zero_page, 0, 0",
        "use_zero_page, +1, 1",
        "use_zero_page, 01, 1",
        "shrink_underused, off, 0",
        "shrink_underused, of, 0",
        "shrink_underused, no, 0",
        "shrink_underused, t, 1",
        "hugepages-64kB/enabled, inherit, 'always [inherit] madvise never'",
        "hugepages-64kB/shmem_enabled, within_size, 'always inherit [within_size] advise never'",
        "hugepages-8kB/shmem_enabled, advise, 'always inherit within_size [advise] never'",
        "khugepaged/max_ptes_none, 0, 0",
        "khugepaged/max_ptes_swap, 511, 511",
        "khugepaged/pages_to_scan, 511, 511",
        "khugepaged/scan_sleep_millisecs, 0, 0",
        "khugepaged/defrag, 0, 0"
    })
    void write_ofAValue_showsIt(String name, String value, String text) {
        assertThat(files.write(name, value)).isZero();
        assertThat(files.text(name)).isEqualTo(text + "\n");
    }

    @Test
    void writeForce_whereOtherSizesInherit_isRefused_andTheOtherWayRound() {
        assertThat(files.write("shmem_enabled", "force")).isZero();
        assertThat(files.write("hugepages-64kB/shmem_enabled", "inherit")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("hugepages-2048kB/shmem_enabled", "inherit")).isZero();
        files.write("shmem_enabled", "never");
        assertThat(files.write("hugepages-64kB/shmem_enabled", "inherit")).isZero();
        assertThat(files.write("shmem_enabled", "force")).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void enabled_switchedOffAndOn_movesMinFreeKbytes() {
        long small = k.kernel.sysctls().get("min_free_kbytes");
        files.write("enabled", "always");
        assertThat(k.kernel.sysctls().get("min_free_kbytes")).isGreaterThan(small);
        files.write("enabled", "never");
        // Less than at first, because the watermarks that were raised count as used.
        assertThat(k.kernel.sysctls().get("min_free_kbytes")).isLessThanOrEqualTo(small);
        k.verify();
    }

    @Test
    void stats_ofPagesFaultedSplitAndDropped_followTheFolios() {
        files.write("enabled", "always");
        files.write("hugepages-64kB/enabled", "always");
        long area = 1L << 32;
        k.call(k.task, "mmap", area, 4L << 20, 3, 0x32, -1, 0);
        assertThat(k.kernel.access(k.task, area, Access.STORE)).isEqualTo(UserAccess.OK);
        assertThat(stat("2048kB", "anon_fault_alloc")).isEqualTo(1);
        assertThat(stat("2048kB", "nr_anon")).isEqualTo(1);
        k.call(k.task, "madvise", area, 4096, 4);
        assertThat(stat("2048kB", "nr_anon_partially_mapped")).isEqualTo(1);
        assertThat(stat("2048kB", "split_deferred")).isEqualTo(1);
        k.call(k.task, "madvise", area + (1 << 20), 4096, 20);
        assertThat(stat("2048kB", "split")).isEqualTo(1);
        assertThat(stat("2048kB", "nr_anon")).isZero();
        assertThat(stat("2048kB", "nr_anon_partially_mapped")).isZero();
        files.write("hugepages-2048kB/enabled", "never");
        assertThat(k.kernel.access(k.task, area + (3 << 20), Access.STORE)).isEqualTo(UserAccess.OK);
        assertThat(stat("64kB", "nr_anon")).isEqualTo(1);
        k.verify();
        k.call(k.task, "munmap", area, 4L << 20);
        assertThat(stat("64kB", "nr_anon")).isZero();
        assertThat(stat("64kB", "split_deferred")).isZero();
    }

    private long stat(String size, String name) {
        return files.value("hugepages-" + size + "/stats/" + name);
    }
}
