package io.pagewalk.kernel.system;

import io.pagewalk.kernel.oom.OomHost;
import io.pagewalk.kernel.oom.OomTask;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The OOM killer's view of the kernel. */
final class KernelOomHost implements OomHost {
    private final LinuxKernel kernel;

    KernelOomHost(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public List<? extends OomTask> processes() {
        return kernel.taskTable().processes();
    }

    @Override
    public @Nullable OomTask currentTask() {
        return kernel.currentTask();
    }

    @Override
    public int currentCpu() {
        return kernel.addressSpaces().currentCpu();
    }

    @Override
    public long totalPages() {
        return kernel.bootMemory().totalRamPages();
    }

    @Override
    public String machineName() {
        return kernel.machine().description().name();
    }

    @Override
    public void kill(OomTask victim) {
        kernel.processes().oomKill((Task) victim);
    }

    @Override
    public void panic(String message) {
        kernel.panic(message);
    }

    @Override
    public void print(String line) {
        kernel.log().print(line);
    }
}
