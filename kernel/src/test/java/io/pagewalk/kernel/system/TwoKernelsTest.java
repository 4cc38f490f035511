package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** What tests share that make every call on the model and on the kernel of this machine. They need Linux 6.18, root and gcc. */
abstract class TwoKernelsTest {
    private final long blocks;
    private final long inodes;
    private final ShmemUse huge;

    @TempDir
    Path directory = Path.of(".");

    private Optional<TwoKernels> started = Optional.empty();

    /**
     * Says how large {@code /dev/shm} is.
     *
     * @param blocks its pages
     * @param inodes its files
     */
    TwoKernelsTest(long blocks, long inodes) {
        this(blocks, inodes, ShmemUse.NEVER);
    }

    /**
     * Says how large {@code /dev/shm} is.
     *
     * @param blocks its pages
     * @param inodes its files
     * @param huge its option {@code huge=}
     */
    TwoKernelsTest(long blocks, long inodes, ShmemUse huge) {
        this.blocks = blocks;
        this.inodes = inodes;
        this.huge = huge;
    }

    @BeforeEach
    final void start() throws IOException, InterruptedException {
        started = TwoKernels.start(directory, blocks, inodes, huge);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
    }

    @AfterEach
    final void stop() {
        started.ifPresent(both -> {
            both.model.verify();
            both.close();
        });
    }

    final TwoKernels both() {
        return started.orElseThrow();
    }

    /** Makes a call as process 0. */
    final long call(String name, long... args) {
        return both().call(0, name, args);
    }
}
