package io.pagewalk.workload.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.RandomStream;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import io.pagewalk.workload.trace.TracedFile;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The three modes leave the same machine behind, to the last counter. */
class ReplayModesTest {
    @TempDir
    Path directory;

    static Stream<String> cpusOfX86() {
        return CpuModels.all().stream()
                .filter(cpu -> cpu.modes().contains(PagingMode.X86_64_4LEVEL))
                .map(CpuModel::name);
    }

    @ParameterizedTest
    @MethodSource("cpusOfX86")
    void run_randomProgram_isTheSameInEachMode(String cpu) {
        for (int pages : new int[] {5, 60, 700, 6000}) {
            Path file = write(pages, 60_000);
            ReplayResult result = expectSame(file, cpu, 256 * Size.MIB, Refill.HARDWARE);
            assertThat(result.accesses()).isEqualTo(60_000);
            assertThat(result.segvFaults()).isPositive();
            assertThat(result.busFaults() > 0).isEqualTo(pages > 4 * 5 * 256);
        }
    }

    @Test
    void run_softwareRefill_isTheSameInEachModeAndAsWithTheHardwareWalker() {
        Path file = write(300, 60_000);
        ReplayResult hardware = expectSame(file, "skylake", 256 * Size.MIB, Refill.HARDWARE);
        ReplayResult software = expectSame(file, "skylake", 256 * Size.MIB, Refill.SOFTWARE);
        assertThat(software).isEqualTo(hardware);
    }

    /** A third of the data may not be written to, a third not be used at all; the threads that the program makes have the same rights. */
    @ParameterizedTest
    @EnumSource(Refill.class)
    void run_pagesWithProtectionKeys_isTheSameInEachMode(Refill refill) {
        Path file = write(60, 60_000);
        long third = 20 * 4096L;
        for (String cpu : List.of("icelake", "zen4")) {
            ReplayResult free = expectSame(file, cpu, 256 * Size.MIB, refill);
            ReplayResult refused = expectSame(file, cpu, 256 * Size.MIB, refill, (kernel, task) -> {
                for (int rights = Pkru.NO_ACCESS; rights <= Pkru.NO_WRITE; rights++) {
                    long key = call(kernel, task, "pkey_alloc", 0, rights);
                    assertThat(call(kernel, task, "pkey_mprotect", 0x10000 + rights * third - third, third, 3, key))
                            .isZero();
                }
            });
            assertThat(refused.segvFaults()).isGreaterThan(2 * free.segvFaults());
        }
    }

    private static long call(LinuxKernel kernel, Task task, String name, long... arguments) {
        return kernel.syscall(
                task, new SyscallArgs().set(kernel.syscallNumbers().number(name), arguments));
    }

    @Test
    void run_memoryRunsOut_isKilledAtTheSameAccessInEachMode() {
        Path file = directory.resolve("hog.pwt");
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            for (long i = 0; i < 60_000; i++) {
                writer.sink().access(Access.FETCH, 0x400000 + i % 5 * 4096, 4);
                writer.sink().access(Access.LOAD, 0x10000000 + i / 3 * 4096, 8);
                writer.sink().access(Access.STORE, 0x10000000 + i / 2 * 4096 + 4092, 8);
            }
            writer.finish(header(0x10000000, 0x10000000L + 70_000L * 4096));
        }
        ReplayResult result = expectSame(file, "skylake", 64 * Size.MIB, Refill.HARDWARE);
        assertThat(result.killedByOom()).isTrue();
        assertThat(result.accesses()).isLessThan(180_000);
    }

    private Path write(int pages, int accesses) {
        Path file = directory.resolve("t" + pages + ".pwt");
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            new RandomStream(pages).tell(accesses, pages, List.of(writer.sink()));
            writer.finish(header(0x10000, 0x10000 + (pages - 2) * 4096L));
        }
        return file;
    }

    /* The last pages of the data are not mapped, the first part of the code is a file that is too short. */
    private static TraceHeader header(long dataStart, long dataEnd) {
        return new TraceHeader(
                List.of("random"),
                "2026-11-21",
                "6.18",
                "test",
                -1,
                List.of(
                        new InitialMap(dataStart, dataEnd, "rw-p", 0, null, null),
                        new InitialMap(0x400000, 0xb00000, "r-xp", 0, "/bin/random", null),
                        new InitialMap(0x7ffffffde000L, 0x7ffffffff000L, "rw-p", 0, null, "[stack]")),
                0x50000000,
                0x400000,
                0x7fffffffe000L,
                List.of(new TracedFile("/bin/random", 5 << 20, 77, 8, 1)));
    }

    private static ReplayResult expectSame(Path file, String cpu, long ramBytes, Refill refill) {
        return expectSame(file, cpu, ramBytes, refill, (kernel, task) -> {});
    }

    private static ReplayResult expectSame(
            Path file, String cpu, long ramBytes, Refill refill, BiConsumer<LinuxKernel, Task> before) {
        Map<ReplayMode, ReplayResult> results = new EnumMap<>(ReplayMode.class);
        Map<ReplayMode, String> digests = new EnumMap<>(ReplayMode.class);
        for (ReplayMode mode : ReplayMode.values()) {
            LinuxKernel kernel = LinuxKernel.boot(
                    Machines.pc(cpu, ramBytes, refill),
                    BootOptions.defaults().withSysctls(Map.of("vm.overcommit_memory", "1")));
            try (TraceFile trace = TraceFile.open(file)) {
                Replay replay = new Replay(kernel, trace, ReplayOptions.of(mode));
                before.accept(kernel, replay.program());
                results.put(mode, replay.run());
            }
            Digest digest = new Digest();
            kernel.addToDigest(digest);
            digests.put(mode, digest.hex());
            Violations violations = new Violations();
            kernel.verify(violations);
            violations.throwIfAny();
        }
        ReplayResult byAccess = Objects.requireNonNull(results.get(ReplayMode.ACCESSES));
        for (ReplayMode mode : ReplayMode.values()) {
            assertThat(results.get(mode))
                    .as("%s on %s", mode, cpu)
                    .usingRecursiveComparison()
                    .ignoringFields("episodesByTouch")
                    .isEqualTo(byAccess);
            assertThat(digests.get(mode)).as("%s on %s", mode, cpu).isEqualTo(digests.get(ReplayMode.ACCESSES));
        }
        return byAccess;
    }
}
