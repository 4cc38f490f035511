package io.pagewalk.workload.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.workload.record.MinorFaultProgram;
import io.pagewalk.workload.record.RecordTool;
import io.pagewalk.workload.record.Tools;
import io.pagewalk.workload.trace.TraceFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A small static C program, run natively and replayed from a recording: the kernel of this machine and the model count the same minor faults between
 * the program's two calls of getrusage. What comes before is left out, since the real count has the faults of the process that called execve in it.
 */
class NativeMinorFaultsTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    void replay_staticProgram_countsTheMinorFaultsOfTheRealKernel(RecordTool tool) throws Exception {
        Tools.assumeInstalled(tool);
        MinorFaultProgram program = MinorFaultProgram.runNatively(directory);
        Path recorded = directory.resolve("minorfaults.pwt");
        program.record(tool, recorded);
        for (ReplayMode mode : ReplayMode.values()) {
            assertThat(minorFaultsBetween(recorded, mode)).as("%s", mode).isEqualTo(program.between());
        }
    }

    /*
     * The first getrusage is followed by the program's first mmap, and nothing new is touched in between; the last one by nothing but a write
     * from a page that is there already.
     */
    private static long minorFaultsBetween(Path recorded, ReplayMode mode) {
        LinuxKernel kernel = LinuxKernel.boot(
                Machines.pc("zen4", Size.GIB, Refill.HARDWARE),
                BootOptions.defaults().withPageCache(PageCacheStart.WARM));
        List<Long> atMmap = new ArrayList<>();
        kernel.door().setListener((task, args, result) -> {
            if (args.nr == kernel.syscallNumbers().number("mmap")) {
                atMmap.add(task.minorFaults());
            }
        });
        try (TraceFile trace = TraceFile.open(recorded)) {
            new Replay(kernel, trace, ReplayOptions.of(mode)).run();
        }
        return kernel.vmstat().get(VmEvent.PGFAULT) - kernel.vmstat().get(VmEvent.PGMAJFAULT) - atMmap.getFirst();
    }
}
