package io.pagewalk.lab.run;

import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.lab.machines.MachineSpec;
import io.pagewalk.workload.replay.ReplayMode;
import io.pagewalk.workload.trace.TraceFile;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What shall be run on what.
 *
 * @param name name of the trace for reports
 * @param trace the program; stays open
 * @param machine the machine, changes included
 * @param sysctls settings on top of the machine's own, by their Linux names
 * @param seed seed of everything random
 * @param replay how fine the replay goes; the result is the same
 * @param cache whether the program's files are in memory at the start
 * @param preparationSeconds time that this process spent before on recording, not counted as part of the run
 * @param repeat the command that repeats the run
 */
public record RunRequest(
        String name,
        TraceFile trace,
        MachineSpec machine,
        SortedMap<String, String> sysctls,
        long seed,
        ReplayMode replay,
        PageCacheStart cache,
        double preparationSeconds,
        String repeat) {
    /** Copies the settings. */
    public RunRequest {
        sysctls = new TreeMap<>(sysctls);
    }
}
