package io.pagewalk.workload.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.workload.trace.TraceFile;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The traces that are shipped: what is in them, and that each mode replays them to the same machine. */
class BundledTracesTest {
    private static final List<String> NAMES = List.of("gzip", "perl", "sqlite", "xz");

    /* Long enough to reach the program's main loop behind the dynamic linker. */
    private static final long SLICE_ACCESSES = 3_000_000;

    static Stream<Arguments> tracesAndCpus() {
        return NAMES.stream()
                .flatMap(name -> CpuModels.all().stream()
                        .filter(cpu -> cpu.modes().contains(PagingMode.X86_64_4LEVEL))
                        .map(CpuModel::name)
                        .map(cpu -> Arguments.of(name, cpu)));
    }

    @ParameterizedTest
    @MethodSource("tracesAndCpus")
    void run_slice_isTheSameInEachMode(String name, String cpu) throws URISyntaxException {
        Outcome byAccess = replay(name, cpu, ReplayMode.ACCESSES, SLICE_ACCESSES);
        assertThat(replay(name, cpu, ReplayMode.RUNS, SLICE_ACCESSES)).isEqualTo(byAccess);
        assertThat(replay(name, cpu, ReplayMode.EPISODES, SLICE_ACCESSES)).isEqualTo(byAccess);
        assertThat(byAccess.accesses).isBetween(SLICE_ACCESSES, SLICE_ACCESSES + 1_000_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "perl", "sqlite", "xz"})
    void run_whole_endsWithoutSignalsAndAsRecorded(String name) throws URISyntaxException {
        try (TraceFile trace = open(name)) {
            LinuxKernel kernel = boot("zen4");
            ReplayResult result = new Replay(kernel, trace, ReplayOptions.of(ReplayMode.EPISODES)).run();
            assertThat(result.accesses()).isEqualTo(trace.counts().accesses());
            assertThat(result.syscalls()).isEqualTo(trace.counts().syscalls);
            assertThat(result.segvFaults() + result.busFaults()).isZero();
            assertThat(result.firstDivergences()).isEmpty();
            assertThat(result.notModelled()).isEmpty();
            assertThat(result.killedByOom()).isFalse();
            verify(kernel);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "perl", "sqlite", "xz"})
    void size_each_isTwoBytesPerHundredAccessesOrLess(String name) throws URISyntaxException {
        try (TraceFile trace = open(name)) {
            assertThat(trace.sizeBytes() * 100)
                    .isLessThanOrEqualTo(2 * trace.counts().accesses());
        }
    }

    private static Outcome replay(String name, String cpu, ReplayMode mode, long maxAccesses)
            throws URISyntaxException {
        try (TraceFile trace = open(name)) {
            LinuxKernel kernel = boot(cpu);
            Replay replay = new Replay(
                    kernel,
                    trace,
                    new ReplayOptions(mode, maxAccesses, ReplayProgress.NONE, ReplayOptions.Placement.RECORDED));
            ReplayResult result = replay.run();
            assertThat(replay.mode()).isEqualTo(mode);
            verify(kernel);
            Digest digest = new Digest();
            kernel.addToDigest(digest);
            return new Outcome(result.accesses(), result.loads(), result.stores(), result.syscalls(), digest.hex());
        }
    }

    private static LinuxKernel boot(String cpu) {
        return LinuxKernel.boot(Machines.pc(cpu, Size.GIB, Refill.HARDWARE), BootOptions.defaults());
    }

    private static void verify(LinuxKernel kernel) {
        Violations violations = new Violations();
        kernel.verify(violations);
        violations.throwIfAny();
    }

    private static TraceFile open(String name) throws URISyntaxException {
        URL resource = Objects.requireNonNull(
                BundledTracesTest.class.getResource("/io/pagewalk/workload/traces/" + name + ".pwt"));
        return TraceFile.open(Path.of(resource.toURI()));
    }

    private record Outcome(long accesses, long loads, long stores, long syscalls, String digest) {}
}
