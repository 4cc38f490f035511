package io.pagewalk.oracle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.host.HostSettings;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.machine.HostHugePages;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import io.pagewalk.oracle.machine.Watchdog;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Histories with transparent huge pages below 2 MiB in which the model once differed, on both kernels. Needs Linux 6.18 on x86-64, gcc, and root, who may switch sizes on. */
class SmallerHugePagesTest {
    private static final Map<Integer, String> OF_16_KIB = Map.of(2, "always");
    private static final Map<Integer, String> OF_64_KIB = Map.of(4, "always");
    private static final long TIMEOUT_NANOS = 20_000_000_000L;

    @TempDir
    Path directory = Path.of(".");

    @BeforeEach
    void needsTheModelledKernel() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(HelperProgram.runsModelledKernel(), "needs Linux " + HelperProgram.modelledVersion());
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
    }

    /** Makes the steps on both, and compares answers, maps, pagemap, smaps and status. */
    private void compare(Map<Integer, String> sizes, String script) {
        try (HostSettings settings = HostSettings.take(HostHugePages.files(sizes));
                Watchdog watchdog = new Watchdog(TIMEOUT_NANOS)) {
            assumeTrue(settings != null, "needs root, and settings that nobody else changes");
            SyscallNumbers numbers = ModelMachine.boot(HelperProfile.standard(directory.resolve("none")))
                    .kernel()
                    .syscallNumbers();
            List<Step> steps = script.lines()
                    .map(line -> StepText.parse(line.strip(), numbers))
                    .toList();
            Judge judge = new Judge(HelperProgram.prepare(directory), directory.resolve("data"), watchdog, settings);
            assertThat(Shrinker.replay(judge, steps, null)).isNull();
        }
    }

    @Test
    void mprotect_ofAFolioOfWhichOnePageIsDirty_makesAllOfItDirty() {
        compare(OF_64_KIB, """
                0 mmap 0x130000000000 0x600000 0x3 0x32 -1 0x0
                0 store 0x130000300c40 0x54ef89fe5af4e81
                0 madvise 0x130000100000 0x400000 0x8
                0 store 0x1300003003f8 0x75c3184ae0d95624
                0 mprotect 0x130000300000 0x10000 0x1""");
    }

    @Test
    void mremap_ofAFolioOfWhichOnePageIsDirty_leavesTheOthersClean() {
        compare(OF_64_KIB, """
                0 mmap 0x130000000000 0x600000 0x3 0x32 -1 0x0
                0 store 0x130000300c40 0x54ef89fe5af4e81
                0 madvise 0x130000100000 0x400000 0x8
                0 store 0x1300003003f8 0x75c3184ae0d95624
                0 mremap 0x130000300000 0x10000 0x10000 0x3 0x130000a01000""");
    }

    @Test
    void lazyFree_ofAFolioThatAChildLockedAndCopied_sharesThePagesThatHoldNothing() {
        compare(OF_16_KIB, """
                0 mmap 0x130000000000 0x400000 0x3 0x32 -1 0x0
                0 store 0x130000000f90 0xcffd68dd176767e6
                0 fork 0xb
                11 mlock 0x130000000000 0x40000
                0 madvise 0x130000000000 0x3000 0x8""");
    }

    @Test
    void lazyFree_ofAFolioThatTheMakerLockedAndCopied_sharesThePagesThatHoldNothing() {
        compare(OF_16_KIB, """
                0 mmap 0x130000200000 0x600000 0x3 0x32 -1 0x0
                0 mlock 0x130000600000 0x40000
                0 madvise 0x130000600000 0xc000 0x17
                0 fork 0x6
                0 mlock 0x130000600000 0x40000
                6 madvise 0x130000600000 0xff7 0x8""");
    }

    @Test
    void cold_ofAFolioThatIsLockedNoLonger_sharesThePagesThatHoldNothing() {
        compare(OF_16_KIB, """
                0 mlockall 0x2
                0 mmap 0x130000000000 0x600000 0x3 0x32 -1 0x0
                0 mremap 0x1300003ff000 0x1000 0x1000 0x7 0x130000800000
                0 madvise 0x13000038b000 0x400000 0x14""");
    }
}
