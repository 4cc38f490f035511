package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.host.HostSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random histories with userfaultfds on huge pages of a pool, on the model and on the kernel of this machine. Needs Linux 6.18, root, gcc and a machine where nobody has a pool. */
class HugetlbUserfaultHistoryTest {
    private static final int OPERATIONS = Integer.getInteger("pagewalk.userfault.operations", 600);
    private static final int POOL_PAGES = 12;

    @TempDir
    Path directory = Path.of(".");

    HugetlbUserfaultHistoryTest() {}

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4})
    void withoutWaiting_equalsThisKernel(long seed) throws IOException, InterruptedException {
        run(seed, false);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {101, 102, 103, 104})
    void withThreadThatWaits_equalsThisKernel(long seed) throws IOException, InterruptedException {
        run(seed, true);
    }

    private void run(long seed, boolean withThread) throws IOException, InterruptedException {
        SeededRandom random = new SeededRandom(seed + Long.getLong("pagewalk.userfault.seed", 0));
        HostSettings pool = HostHugePages.takePool(POOL_PAGES);
        try (pool) {
            Optional<TwoKernels> started = TwoKernels.start(directory, 64, 16);
            assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
            try (TwoKernels both = started.orElseThrow()) {
                both.model.kernel.hugetlb().pools().resize(POOL_PAGES);
                new HugetlbUserfaultHistory(both, random, withThread).run(OPERATIONS);
            }
        }
    }
}
