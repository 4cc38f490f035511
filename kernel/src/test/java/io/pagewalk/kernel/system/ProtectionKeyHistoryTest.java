package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Protection keys on the model beside a real kernel on an emulated CPU that has them: the same script, each line's outcome and the register after it.
 *
 * <p>What the real kernel printed is recorded in {@code pkeys-6.12.txt} (Linux 6.12.117 of Debian under qemu 7.2, {@code -cpu max}): first a script that asks
 * one thing after the other, then a random one. Where qemu and a kernel image are installed, new random scripts are run on both. One more seed: {@code mvn test -pl
 * kernel -am -Dtest=ProtectionKeyHistoryTest -Dpagewalk.seed=N -Dsurefire.failIfNoSpecifiedTests=false}.
 */
class ProtectionKeyHistoryTest {
    private static final long SEED = Long.getLong("pagewalk.seed", 1);
    private static final int OPERATIONS = Integer.getInteger("pagewalk.operations", 4000);

    @TempDir
    Path directory = Path.of(".");

    ProtectionKeyHistoryTest() {}

    @Test
    void script_asRecorded_equalsRealKernel() throws IOException {
        List<String> recorded;
        try (InputStream stream =
                requireNonNull(ProtectionKeyHistoryTest.class.getResourceAsStream("pkeys-6.12.txt"))) {
            recorded = new String(stream.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .toList();
        }
        // The lines of the areas are indented; all others begin with the operation.
        List<String> script = recorded.stream()
                .filter(line -> !line.startsWith(" "))
                .map(line -> line.substring(0, line.indexOf(':')))
                .toList();
        assertThat(recorded).hasSizeGreaterThan(1000);
        assertSame(ProtectionKeyScript.run(script), recorded, "the recorded script");
    }

    @Test
    void script_random_equalsRealKernel() throws IOException, InterruptedException {
        Optional<EmulatedKernel> real = EmulatedKernel.prepare(directory, "pkeys.c");
        assumeTrue(real.isPresent(), "needs qemu-system-x86_64, /boot/vmlinuz-* and gcc");
        List<String> script = ProtectionKeyScript.random(new SeededRandom(SEED).fork("protection keys"), OPERATIONS);
        List<String> printed = real.orElseThrow().run(script);
        assertThat(printed).as("what the emulated machine printed").isNotEmpty();
        assertSame(ProtectionKeyScript.run(script), printed, "seed " + SEED);
    }

    /** Tells the first difference with what led to it. */
    private static void assertSame(List<String> model, List<String> real, String where) {
        for (int i = 0; i < Math.min(model.size(), real.size()); i++) {
            assertThat(model.get(i))
                    .as("line %d of %s, after %s", i, where, real.subList(Math.max(0, i - 30), i))
                    .isEqualTo(real.get(i));
        }
        assertThat(model).hasSameSizeAs(real);
    }
}
