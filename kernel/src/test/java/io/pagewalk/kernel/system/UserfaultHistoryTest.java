package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random histories with userfaultfds, on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class UserfaultHistoryTest {
    private static final int OPERATIONS = Integer.getInteger("pagewalk.userfault.operations", 1200);

    @TempDir
    Path directory = Path.of(".");

    UserfaultHistoryTest() {}

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void withoutWaiting_equalsThisKernel(long seed) throws IOException, InterruptedException {
        run(seed, false);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {101, 102, 103, 104, 105, 106})
    void withThreadsThatWait_equalsThisKernel(long seed) throws IOException, InterruptedException {
        run(seed, true);
    }

    private void run(long seed, boolean withThreads) throws IOException, InterruptedException {
        SeededRandom random = new SeededRandom(seed + Long.getLong("pagewalk.userfault.seed", 0));
        Optional<TwoKernels> started = TwoKernels.start(directory, 64, 16);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        try (TwoKernels both = started.orElseThrow()) {
            new UserfaultHistory(both, random, withThreads).run(OPERATIONS);
        }
    }
}
