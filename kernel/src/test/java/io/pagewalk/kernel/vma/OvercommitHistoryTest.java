package io.pagewalk.kernel.vma;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.system.EmulatedKernel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The policies of overcommit beside those of a real kernel in an emulated machine, since no running computer should be set to them: the same script, each call's outcome and
 * {@code Committed_AS} after it.
 *
 * <p>What the real kernel printed is recorded in {@code overcommit-6.12.txt} (Linux 6.12.117 of Debian under qemu 7.2 with 512 MiB and one CPU). Where qemu and a kernel image are
 * installed, a new random script is run on both; {@code -Dpagewalk.seed=N} chooses another, {@code -Dpagewalk.record=FILE} writes the record.
 */
class OvercommitHistoryTest {
    private static final long SEED = Long.getLong("pagewalk.seed", 1);
    private static final int OPERATIONS = Integer.getInteger("pagewalk.operations", 3000);

    @TempDir
    Path directory = Path.of(".");

    OvercommitHistoryTest() {}

    @Test
    void script_asRecorded_equalsRealKernel() throws IOException {
        try (InputStream stream = requireNonNull(EmulatedKernel.class.getResourceAsStream("overcommit-6.12.txt"))) {
            assertSame(new String(stream.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .toList());
        }
    }

    @Test
    void script_random_equalsRealKernel() throws IOException, InterruptedException {
        Optional<EmulatedKernel> real = EmulatedKernel.prepare(directory, "overcommit.c");
        assumeTrue(real.isPresent(), "needs qemu-system-x86_64, /boot/vmlinuz-* and gcc");
        List<String> printed =
                real.orElseThrow().run(OvercommitScript.random(new SeededRandom(SEED).fork("overcommit"), OPERATIONS));
        String record = System.getProperty("pagewalk.record");
        if (record != null) {
            Files.write(Path.of(record), printed);
        }
        assertSame(printed);
    }

    private static void assertSame(List<String> record) {
        assertThat(record).as("what the emulated machine printed").hasSizeGreaterThan(1000);
        List<String> real = record.subList(1, record.size());
        List<String> script =
                real.stream().map(line -> line.substring(0, line.indexOf(':'))).toList();
        List<String> model = OvercommitScript.run(record.getFirst(), script);
        List<String> refused = new ArrayList<>();
        for (int i = 0; i < real.size(); i++) {
            assertThat(model.get(i))
                    .as("line %d, after %s", i, real.subList(Math.max(0, i - 20), i))
                    .isEqualTo(real.get(i));
            if (real.get(i).contains(": -12 ")) {
                refused.add(real.get(i));
            }
        }
        assertThat(refused).as("calls that were refused").hasSizeGreaterThan(20);
    }
}
