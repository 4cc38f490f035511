package io.pagewalk.lab.run;

import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.observe.proc.ProcTree;
import java.util.Map;

/**
 * A run that has come to its end, with the machine as it stands.
 *
 * @param result what the run has shown
 * @param kernel the kernel, for whoever wants to look further
 */
public record FinishedRun(RunResult result, LinuxKernel kernel) {
    /** Returns the final {@code /proc}. */
    public Map<String, String> procFiles() {
        return ProcTree.files(kernel);
    }
}
