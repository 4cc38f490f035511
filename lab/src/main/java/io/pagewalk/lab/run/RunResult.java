package io.pagewalk.lab.run;

import io.pagewalk.observe.ledger.Ledger;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What one run has shown, in plain values.
 *
 * @param program what the program did; the same on every machine
 * @param machine what it ran on
 * @param translation what the TLBs and the walker did
 * @param faults how often the kernel had to help
 * @param memory the program's address space
 * @param zones physical memory at the end
 * @param ledger every frame by owner, while the program still had its memory
 * @param time where the simulated time went
 * @param speed how long the run itself took
 * @param oomReports what the OOM killer printed, one text for each kill
 * @param digest hash over the final state and all counters
 * @param seed seed of the run
 * @param linuxVersion the modelled version
 * @param repeat the command that repeats this run
 */
public record RunResult(
        Program program,
        Machine machine,
        Translation translation,
        Faults faults,
        Memory memory,
        List<ZoneRow> zones,
        Ledger ledger,
        Time time,
        Speed speed,
        List<String> oomReports,
        String digest,
        long seed,
        String linuxVersion,
        String repeat) {
    /** Copies the lists. */
    public RunResult {
        zones = List.copyOf(zones);
        oomReports = List.copyOf(oomReports);
    }

    /**
     * The program's side.
     *
     * @param name name of the trace
     * @param command the command that was recorded
     * @param recordedAt date of the recording
     * @param recorder tool that recorded it
     * @param fetches instruction fetches
     * @param loads data reads
     * @param stores data writes
     * @param syscalls system calls
     * @param threads threads that ran
     * @param nativeSeconds CPU seconds of the program itself, negative when not known
     * @param end how it ended, such as {@code exited with 0}
     */
    public record Program(
            String name,
            List<String> command,
            String recordedAt,
            String recorder,
            long fetches,
            long loads,
            long stores,
            long syscalls,
            int threads,
            double nativeSeconds,
            String end) {
        /** Copies the command. */
        public Program {
            command = List.copyOf(command);
        }

        /** Returns fetches, loads and stores together. */
        public long accesses() {
            return fetches + loads + stores;
        }
    }

    /**
     * The machine of the run.
     *
     * @param name its name
     * @param summary one line about it
     * @param cpuModel its CPU model
     * @param paging its paging mode
     * @param ramBytes memory that the kernel manages
     * @param cpus CPUs
     * @param nodes NUMA nodes
     * @param sysctls settings that were given
     */
    public record Machine(
            String name,
            String summary,
            String cpuModel,
            String paging,
            long ramBytes,
            int cpus,
            int nodes,
            SortedMap<String, String> sysctls) {
        /** Copies the settings. */
        public Machine {
            sysctls = new TreeMap<>(sysctls);
        }
    }

    /**
     * One TLB level.
     *
     * @param hits lookups that found their page
     * @param misses lookups that did not
     */
    public record Level(long hits, long misses) {
        /** Returns all lookups. */
        public long lookups() {
            return hits + misses;
        }
    }

    /**
     * Address translation.
     *
     * @param l1i first level for instructions
     * @param l1d first level for data
     * @param l2 second level
     * @param walks page-table walks
     * @param walkMemoryRefs entries that walks read from memory
     * @param nanos simulated time that second-level hits and walks took
     */
    public record Translation(Level l1i, Level l1d, Level l2, long walks, long walkMemoryRefs, long nanos) {}

    /**
     * Page faults of all processes.
     *
     * @param minor served without input
     * @param major served by reading a device
     * @param segv answered with SIGSEGV
     * @param bus answered with SIGBUS
     * @param kinds minor and major faults by kind, in the order to print
     */
    public record Faults(long minor, long major, long segv, long bus, List<Count> kinds) {
        /** Copies the kinds. */
        public Faults {
            kinds = List.copyOf(kinds);
        }
    }

    /**
     * A number with a name.
     *
     * @param name what is counted
     * @param value how often
     */
    public record Count(String name, long value) {}

    /**
     * The program's address space when it ended.
     *
     * @param areas areas of {@code maps}
     * @param virtualPeakKb {@code VmPeak}
     * @param rssPeakKb {@code VmHWM}
     * @param anonKb anonymous memory at the end
     * @param fileKb file pages at the end
     * @param pageTableKb {@code VmPTE}, the most it had
     * @param pageCacheKb file pages that the machine caches
     */
    public record Memory(
            long areas,
            long virtualPeakKb,
            long rssPeakKb,
            long anonKb,
            long fileKb,
            long pageTableKb,
            long pageCacheKb) {}

    /**
     * One zone at the end.
     *
     * @param node its node
     * @param name its name
     * @param presentPages frames that exist
     * @param managedPages frames that the allocator has
     * @param freePages free frames
     * @param min watermark
     * @param low watermark
     * @param high watermark
     */
    public record ZoneRow(
            int node,
            String name,
            long presentPages,
            long managedPages,
            long freePages,
            long min,
            long low,
            long high) {}

    /**
     * Simulated time.
     *
     * @param totalNanos from the program's start to its end
     * @param causes nanoseconds by cause, in the order to print
     */
    public record Time(long totalNanos, List<Count> causes) {
        /** Copies the causes. */
        public Time {
            causes = List.copyOf(causes);
        }
    }

    /**
     * The run itself.
     *
     * @param wallSeconds from the start of the process to the report
     * @param replaySeconds of these, the replay alone
     * @param accessesPerSecond accesses over {@code wallSeconds}
     */
    public record Speed(double wallSeconds, double replaySeconds, double accessesPerSecond) {}
}
