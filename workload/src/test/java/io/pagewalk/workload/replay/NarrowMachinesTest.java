package io.pagewalk.workload.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.RandomStream;
import io.pagewalk.workload.trace.SyscallEvent;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import io.pagewalk.workload.trace.TracedFile;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs of x86-64 on machines whose user half is too narrow for their addresses. */
class NarrowMachinesTest {
    private static final long HIGH = 0x7f12_3400_0000L;
    private static final int MMAP = 9;
    private static final int MPROTECT = 10;
    private static final int MUNMAP = 11;
    private static final int BRK = 12;
    private static final int MREMAP = 25;
    private static final int MAYMOVE = 1;

    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource(Narrow.class)
    void run_randomProgramInHighAddresses_isTheSameInEachMode(Narrow narrow) {
        int pages = 700;
        Path file = directory.resolve("random.pwt");
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            new RandomStream(pages, HIGH).tell(60_000, pages, List.of(writer.sink()));
            writer.finish(header(HIGH + 0x10000, HIGH + 0x10000 + (pages - 2) * 4096L, HIGH + 0x400000));
        }
        Run wide = run(file, Machines.pc("skylake", 256 * Size.MIB, Refill.HARDWARE), ReplayMode.ACCESSES);
        Run byAccess = run(file, narrow.boot(), ReplayMode.ACCESSES);
        for (ReplayMode mode : ReplayMode.values()) {
            Run run = run(file, narrow.boot(), mode);
            assertThat(run.digest).as("%s", mode).isEqualTo(byAccess.digest);
            assertThat(run.result)
                    .as("%s", mode)
                    .usingRecursiveComparison()
                    .ignoringFields("episodesByTouch")
                    .isEqualTo(byAccess.result);
        }
        assertThat(byAccess.result.segvFaults()).isPositive();
        expectSameProgram(byAccess.result, wide.result);
    }

    @ParameterizedTest
    @EnumSource(Narrow.class)
    void run_callsThatMap_giveMovedResultsWithoutDivergence(Narrow narrow) {
        Path file = directory.resolve("calls.pwt");
        long heap = HIGH + 0x2000000;
        long area = 0x7fab_0000_0000L;
        long other = 0x7fbc_0040_0000L;
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            call(writer, BRK, 0, 0, 0, 0, heap);
            call(writer, BRK, heap + 0x21000, 0, 0, 0, heap + 0x21000);
            store(writer, heap, 0x21);
            call(writer, MMAP, 0, 0x20000, 3, 0x22, area);
            store(writer, area, 0x20);
            call(writer, MPROTECT, area + 0x4000, 0x1000, 1, 0, 0);
            store(writer, area + 0x4000, 1);
            call(writer, MREMAP, area + 0x8000, 0x18000, 0x30000, MAYMOVE, other);
            store(writer, other, 0x30);
            store(writer, area + 0x8000, 1);
            /* From one region into the other, over a gap that is shorter on the machine. */
            call(writer, MUNMAP, area + 0x1000, other + 0x1000 - area - 0x1000, 0, 0, 0);
            store(writer, area, 1);
            store(writer, area + 0x1000, 1);
            store(writer, other, 1);
            store(writer, other + 0x1000, 1);
            /* Where nothing ever was, and a null pointer. */
            store(writer, 0x1234_5678_9000L, 1);
            store(writer, 0, 1);
            call(writer, BRK, heap + 0x1000, 0, 0, 0, heap + 0x1000);
            store(writer, heap, 2);
            writer.finish(header(HIGH + 0x10000, HIGH + 0x20000, HIGH + 0x400000));
        }
        Run wide = run(file, Machines.pc("skylake", 256 * Size.MIB, Refill.HARDWARE), ReplayMode.EPISODES);
        Run run = run(file, narrow.boot(), ReplayMode.EPISODES);
        assertThat(run.result.firstDivergences()).isEmpty();
        assertThat(run.result.segvFaults()).isEqualTo(7);
        expectSameProgram(run.result, wide.result);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "perl", "sqlite", "xz"})
    void run_sliceOfABundledTrace_isTheSameProgramEverywhere(String name) throws URISyntaxException {
        URL resource =
                Objects.requireNonNull(AddressMap.class.getResource("/io/pagewalk/workload/traces/" + name + ".pwt"));
        Path file = Path.of(resource.toURI());
        Run wide = run(file, Machines.pc("skylake", 256 * Size.MIB, Refill.HARDWARE), ReplayMode.EPISODES);
        assertThat(wide.result.syscalls()).isPositive();
        for (Narrow narrow : Narrow.values()) {
            Run run = run(file, narrow.boot(), ReplayMode.EPISODES);
            expectSameProgram(run.result, wide.result);
            assertThat(run(file, narrow.boot(), ReplayMode.RUNS).digest).isEqualTo(run.digest);
        }
    }

    @Test
    void of_traceOnAWideMachine_isIdentity() throws URISyntaxException {
        URL resource = Objects.requireNonNull(AddressMap.class.getResource("/io/pagewalk/workload/traces/gzip.pwt"));
        Machine machine = Machines.pc("skylake", 256 * Size.MIB, Refill.HARDWARE);
        LinuxKernel kernel = LinuxKernel.boot(machine, BootOptions.defaults());
        try (TraceFile trace = TraceFile.open(Path.of(resource.toURI()))) {
            assertThat(AddressMap.of(
                                    trace,
                                    kernel.syscallNumbers(),
                                    machine.description().mode(),
                                    kernel.taskSize())
                            .isIdentity())
                    .isTrue();
        }
    }

    private static void expectSameProgram(ReplayResult actual, ReplayResult expected) {
        assertThat(actual.loads()).isEqualTo(expected.loads());
        assertThat(actual.stores()).isEqualTo(expected.stores());
        assertThat(actual.fetches()).isEqualTo(expected.fetches());
        assertThat(actual.syscalls()).isEqualTo(expected.syscalls());
        assertThat(actual.segvFaults()).isEqualTo(expected.segvFaults());
        assertThat(actual.busFaults()).isEqualTo(expected.busFaults());
        assertThat(actual.divergences()).isEqualTo(expected.divergences());
        assertThat(actual.notModelled()).isEqualTo(expected.notModelled());
    }

    private static void call(TraceWriter writer, int number, long a0, long a1, long a2, long a3, long result) {
        writer.sink().syscall(new SyscallEvent(number, a0, a1, a2, a3, -1, 0, result, null));
    }

    private static void store(TraceWriter writer, long vaddr, int pages) {
        for (int i = 0; i < pages; i++) {
            writer.sink().access(Access.STORE, vaddr + i * 4096L, 8);
        }
    }

    private static TraceHeader header(long dataStart, long dataEnd, long codeStart) {
        return new TraceHeader(
                List.of("random"),
                "2026-11-21",
                "6.18",
                "test",
                -1,
                List.of(
                        new InitialMap(dataStart, dataEnd, "rw-p", 0, null, null),
                        new InitialMap(codeStart, codeStart + 0x700000, "r-xp", 0, "/bin/random", null),
                        new InitialMap(0x7ffffffde000L, 0x7ffffffff000L, "rw-p", 0, null, "[stack]"),
                        new InitialMap(0xffffffffff600000L, 0xffffffffff601000L, "--xp", 0, null, "[vsyscall]")),
                HIGH + 0x2000000,
                codeStart,
                0x7fffffffe000L,
                List.of(new TracedFile("/bin/random", 5 << 20, 77, 8, 1)));
    }

    private static Run run(Path file, Machine machine, ReplayMode mode) {
        LinuxKernel kernel =
                LinuxKernel.boot(machine, BootOptions.defaults().withSysctls(Map.of("vm.overcommit_memory", "1")));
        ReplayResult result;
        try (TraceFile trace = TraceFile.open(file)) {
            result = new Replay(
                            kernel,
                            trace,
                            new ReplayOptions(mode, 3_000_000, ReplayProgress.NONE, ReplayOptions.Placement.RECORDED))
                    .run();
        }
        Violations violations = new Violations();
        kernel.verify(violations);
        violations.throwIfAny();
        Digest digest = new Digest();
        kernel.addToDigest(digest);
        return new Run(result, digest.hex());
    }

    private enum Narrow {
        SV39,
        I386;

        Machine boot() {
            return switch (this) {
                case SV39 -> Machines.sv39(256 * Size.MIB);
                case I386 -> Machines.i386(256 * Size.MIB);
            };
        }
    }

    private record Run(ReplayResult result, String digest) {}
}
