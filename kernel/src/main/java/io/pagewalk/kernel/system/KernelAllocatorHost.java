package io.pagewalk.kernel.system;

import io.pagewalk.kernel.buddy.AllocatorHost;
import io.pagewalk.kernel.oom.MemoryReport;

/** The page allocator's view of the kernel: who runs, and the kernel log. */
final class KernelAllocatorHost implements AllocatorHost {
    private final LinuxKernel kernel;
    private final MemoryReport report;

    KernelAllocatorHost(LinuxKernel kernel) {
        this.kernel = kernel;
        this.report = new MemoryReport(
                kernel.allocator(), kernel.machine().description().mode(), this::print);
    }

    @Override
    public String comm() {
        Task task = kernel.currentTask();
        return task == null ? "swapper/0" : task.comm();
    }

    @Override
    public int pid() {
        Task task = kernel.currentTask();
        return task == null ? 0 : task.tid();
    }

    @Override
    public long nowNanos() {
        return kernel.clock().nanos();
    }

    @Override
    public void print(String line) {
        kernel.log().print(line);
    }

    @Override
    public void dumpStack() {
        Task task = kernel.currentTask();
        print("CPU: " + kernel.addressSpaces().currentCpu() + " UID: " + (task == null ? 0 : task.uid()) + " PID: "
                + pid() + " Comm: " + comm() + " Not tainted 6.18.0 #1 PREEMPT(voluntary) ");
        print("Hardware name: Pagewalk " + kernel.machine().description().name());
    }

    @Override
    public void showMem(int gfp) {
        report.showMem(gfp);
    }
}
