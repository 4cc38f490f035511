package io.pagewalk.oracle.programs;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.observe.proc.PidMaps;
import io.pagewalk.observe.proc.ProcessState;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.ProcText;
import io.pagewalk.workload.record.Observation;
import io.pagewalk.workload.record.Programs;
import io.pagewalk.workload.record.RecordOptions;
import io.pagewalk.workload.record.RecordTool;
import io.pagewalk.workload.record.Recorder;
import io.pagewalk.workload.replay.Replay;
import io.pagewalk.workload.replay.ReplayMode;
import io.pagewalk.workload.replay.ReplayOptions;
import io.pagewalk.workload.replay.ReplayResult;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/** Compares a program's last address space and its minor faults. */
public final class ProgramCheck {
    /* Read-ahead marks in the page cache and write-back add a fault now and then; the least count has none of it. */
    private static final int RUNS = 5;

    private static final long RAM_BYTES = 4 * Size.GIB;

    private ProgramCheck() {}

    /**
     * Runs a program natively several times, records it once, and replays it.
     *
     * @param command the program and its arguments; it must do the same each time
     * @param trace file for the recording
     * @param progress told the number of accesses recorded so far from time to time
     * @return what came of it
     * @throws BadInput when the program does not start, or the recorder is missing
     */
    public static ProgramResult live(List<String> command, Path trace, LongConsumer progress) {
        Native observed = observe(command);
        new Recorder(InputStream.nullInputStream(), ProcessBuilder.Redirect.DISCARD, OutputStream.nullOutputStream())
                .record(
                        RecordOptions.with(RecordTool.STEP).withoutNative().withProgress(progress),
                        command,
                        trace,
                        TraceWriter.FAST_LEVEL);
        List<String> environment = new ArrayList<>();
        System.getenv().forEach((name, value) -> environment.add(name + "=" + value));
        return replay(trace, observed, ElfProgram.read(Programs.resolve(command), command, environment));
    }

    /**
     * What the real kernel has said of a program.
     *
     * @param first how it was at its first instruction
     * @param maps its last {@code maps}
     * @param minorFaults minor faults between first instruction and end, the least of several runs
     */
    private record Native(Observation first, String maps, long minorFaults) {}

    /**
     * Runs a program natively.
     *
     * @param command the program and its arguments
     * @throws BadInput when it does not start
     */
    private static Native observe(List<String> command) {
        long least = Long.MAX_VALUE;
        List<Observation> last = List.of();
        for (int run = 0; run < RUNS; run++) {
            List<Observation> seen = Observation.watch(command);
            if (seen.size() < 2) {
                throw new BadInput("'" + command.getFirst() + "' was not seen at its end");
            }
            least = Math.min(least, seen.get(1).minorFaults() - seen.get(0).minorFaults());
            last = seen;
        }
        return new Native(last.get(0), last.get(1).maps(), least);
    }

    /**
     * Loads a program on both sides and compares the address space and the stack pointer at its first instruction.
     *
     * @param command the program, as a path, and its arguments
     * @param environment its environment, each {@code NAME=VALUE}
     * @return what differs, in the form of {@link ProgramResult#startDifferences}
     * @throws BadInput when it does not start
     */
    public static List<String> start(List<String> command, List<String> environment) {
        Map<String, String> variables = new LinkedHashMap<>();
        for (String entry : environment) {
            int equals = entry.indexOf('=');
            variables.put(entry.substring(0, equals), entry.substring(equals + 1));
        }
        Observation real = Observation.watch(command, variables).getFirst();
        LinuxKernel kernel = boot();
        for (ProcText.MapsLine area : ProcText.parseMaps(real.maps())) {
            if (area.name().startsWith("/")) {
                kernel.files().register(area.name(), sizeOf(area.name()), area.inode(), area.major(), area.minor());
            }
        }
        Task task = kernel.exec(ElfProgram.read(Path.of(command.getFirst()), command, environment));
        return start(
                real,
                PidMaps.print(ProcessState.of(kernel, task, task.mm())),
                task.mm().startStack());
    }

    private static long sizeOf(String path) {
        try {
            return Files.size(Path.of(path));
        } catch (IOException e) {
            throw new BadInput("cannot read " + path + ": " + e.getMessage(), e);
        }
    }

    private static LinuxKernel boot() {
        LinuxKernel kernel = LinuxKernel.boot(
                new Machine(ModelMachine.description(RAM_BYTES), 1),
                BootOptions.defaults().withPageCache(PageCacheStart.WARM));
        kernel.files().setWarmFolios(new HostFolios());
        return kernel;
    }

    /**
     * Replays a recording by single steps and compares.
     *
     * @param trace the recording
     * @param observed what the real kernel has said
     * @param program what was executed
     */
    private static ProgramResult replay(Path trace, Native observed, ElfProgram program) {
        LinuxKernel kernel = boot();
        try (TraceFile file = TraceFile.open(trace)) {
            Replay replay =
                    new Replay(kernel, file, ReplayOptions.of(ReplayMode.RUNS).withChosenAddresses(), program);
            Task task = replay.program();
            String firstMaps = PidMaps.print(ProcessState.of(kernel, task, task.mm()));
            long stackPointer = task.mm().startStack();
            long before = task.minorFaults();
            ReplayResult replayed = replay.run();
            long minor = task.group().minorFaults() - before;
            String maps = PidMaps.print(ProcessState.of(kernel, task, task.mm()));
            return new ProgramResult(
                    file.header().command(),
                    replayed.accesses(),
                    replayed.syscalls(),
                    (int) observed.maps().lines().count(),
                    start(observed.first(), firstMaps, stackPointer),
                    differences(observed.maps(), maps),
                    replayed.firstDivergences(),
                    observed.minorFaults(),
                    minor);
        }
    }

    private static List<String> start(Observation real, String maps, long stackPointer) {
        List<String> result = new ArrayList<>(differences(real.maps(), maps));
        if (real.stackPointer() != stackPointer) {
            result.add("- stack pointer " + Long.toHexString(real.stackPointer()));
            result.add("+ stack pointer " + Long.toHexString(stackPointer));
        }
        return result;
    }

    private static List<String> differences(String real, String model) {
        List<String> expected = real.lines().map(ProgramCheck::withoutSpaces).toList();
        List<String> actual = model.lines().map(ProgramCheck::withoutSpaces).toList();
        List<String> result = new ArrayList<>();
        expected.stream().filter(line -> !actual.contains(line)).forEach(line -> result.add("- " + line));
        actual.stream().filter(line -> !expected.contains(line)).forEach(line -> result.add("+ " + line));
        return result;
    }

    private static String withoutSpaces(String line) {
        return line.stripTrailing().replaceAll(" +", " ");
    }
}
