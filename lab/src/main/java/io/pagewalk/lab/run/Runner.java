package io.pagewalk.lab.run;

import io.pagewalk.base.Digest;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.mmu.TlbStats;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.lab.LinuxVersion;
import io.pagewalk.observe.ledger.Ledger;
import io.pagewalk.workload.replay.Replay;
import io.pagewalk.workload.replay.ReplayOptions;
import io.pagewalk.workload.replay.ReplayResult;
import io.pagewalk.workload.trace.TraceHeader;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Boots a machine, replays a trace on it, and gathers what there is to tell. */
public final class Runner {
    private static final double NANOS_PER_SECOND = 1e9;

    private Runner() {}

    /**
     * Runs a request.
     *
     * @param request what on what
     * @param progress told now and then how far it is
     * @return the result and the machine as it stands
     */
    public static FinishedRun run(RunRequest request, RunProgress progress) {
        long start = System.nanoTime();
        LinuxKernel kernel = Boot.boot(request.machine(), request.sysctls(), request.seed(), request.cache());
        long bootNanos = kernel.clock().nanos();
        MemoryWatch watch = new MemoryWatch(kernel);
        Replay replay = new Replay(
                kernel, request.trace(), ReplayOptions.of(request.replay()).withProgress((done, all) -> {
                    watch.look();
                    progress.update(done, all);
                }));
        watch.follow(replay.program());
        long replayStart = System.nanoTime();
        ReplayResult replayed = replay.run();
        kernel.chargeTranslation();
        double replaySeconds = (System.nanoTime() - replayStart) / NANOS_PER_SECOND;
        RunResult.Program programSide = program(request, replayed, watch.threads());
        RunResult.Memory memory = watch.result();
        RunResult.Time time = time(kernel, bootNanos);
        Ledger ledger = Ledger.of(kernel.memmap(), kernel.bootMemory().zones());
        Digest digest = new Digest();
        kernel.addToDigest(digest);
        digest.add(replayed.accesses());
        digest.add(replayed.loads());
        digest.add(replayed.stores());
        digest.add(replayed.syscalls());
        digest.add(request.seed());
        double ownSeconds = (System.nanoTime() - start) / NANOS_PER_SECOND;
        double wallSeconds =
                Math.max(ownSeconds, ProcessTime.secondsSinceStart(ownSeconds) - request.preparationSeconds());
        RunResult result = new RunResult(
                programSide,
                machine(request, kernel),
                translation(kernel),
                faults(kernel, replayed),
                memory,
                zones(kernel),
                ledger,
                time,
                new RunResult.Speed(wallSeconds, replaySeconds, replayed.accesses() / Math.max(wallSeconds, 1e-3)),
                oomReports(kernel),
                digest.hex(),
                request.seed(),
                LinuxVersion.modelled(),
                request.repeat());
        return new FinishedRun(result, kernel);
    }

    private static RunResult.Program program(RunRequest request, ReplayResult replayed, int threads) {
        TraceHeader header = request.trace().header();
        String end = replayed.killedByOom() ? "killed by the OOM killer" : "ran to the end of its trace";
        if (replayed.divergences() > 0) {
            end += "; " + replayed.divergences() + " system calls gave another result than when recorded";
        }
        return new RunResult.Program(
                request.name(),
                header.command(),
                header.recordedAt(),
                header.recorder(),
                replayed.fetches(),
                replayed.loads(),
                replayed.stores(),
                replayed.syscalls(),
                threads,
                header.nativeSeconds(),
                end);
    }

    private static RunResult.Machine machine(RunRequest request, LinuxKernel kernel) {
        MachineDescription description = kernel.machine().description();
        return new RunResult.Machine(
                description.name(),
                description.description(),
                description.cpu().name(),
                description.mode().modeName(),
                kernel.bootMemory().totalRamPages() << 12,
                description.cpus(),
                description.nodes().size(),
                request.sysctls());
    }

    private static RunResult.Translation translation(LinuxKernel kernel) {
        long[] sums = new long[8];
        for (Cpu cpu : kernel.machine().cpus()) {
            TlbStats stats = cpu.mmu().stats();
            sums[0] += stats.l1iHits();
            sums[1] += stats.l1iMisses();
            sums[2] += stats.l1dHits();
            sums[3] += stats.l1dMisses();
            sums[4] += stats.l2Hits();
            sums[5] += stats.l2Misses();
            sums[6] += stats.walks();
            sums[7] += stats.walkMemoryReferences();
        }
        return new RunResult.Translation(
                new RunResult.Level(sums[0], sums[1]),
                new RunResult.Level(sums[2], sums[3]),
                new RunResult.Level(sums[4], sums[5]),
                sums[6],
                sums[7],
                kernel.time().nanos(Cause.TRANSLATION));
    }

    private static RunResult.Faults faults(LinuxKernel kernel, ReplayResult replayed) {
        long major = kernel.vmstat().get(VmEvent.PGMAJFAULT);
        long minor = kernel.vmstat().get(VmEvent.PGFAULT) - major;
        return new RunResult.Faults(minor, major, replayed.segvFaults(), replayed.busFaults(), List.of());
    }

    private static List<RunResult.ZoneRow> zones(LinuxKernel kernel) {
        List<RunResult.ZoneRow> rows = new ArrayList<>();
        for (Zone zone : kernel.bootMemory().zones()) {
            if (zone.isPopulated()) {
                rows.add(new RunResult.ZoneRow(
                        zone.node(),
                        zone.name(),
                        zone.presentPages(),
                        zone.managedPages(),
                        kernel.vmstat().get(zone, ZoneStat.NR_FREE_PAGES),
                        zone.watermarks().min(),
                        zone.watermarks().low(),
                        zone.watermarks().high()));
            }
        }
        return rows;
    }

    private static RunResult.Time time(LinuxKernel kernel, long bootNanos) {
        List<RunResult.Count> causes = new ArrayList<>();
        for (Cause cause : Cause.values()) {
            causes.add(new RunResult.Count(cause.label(), kernel.time().nanos(cause)));
        }
        return new RunResult.Time(kernel.clock().nanos() - bootNanos, causes);
    }

    /** The log's lines from the one that tells who asked for memory to the one that tells who was killed, a text for each kill. */
    private static List<String> oomReports(LinuxKernel kernel) {
        List<String> reports = new ArrayList<>();
        @Nullable StringBuilder report = null;
        for (String line : kernel.log().lines()) {
            if (line.contains("invoked oom-killer")) {
                report = new StringBuilder();
            }
            if (report != null) {
                report.append(line).append('\n');
                if (line.contains("Killed process")) {
                    reports.add(report.toString());
                    report = null;
                }
            }
        }
        return reports;
    }
}
