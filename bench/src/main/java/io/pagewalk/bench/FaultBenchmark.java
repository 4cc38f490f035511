package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What a minor fault costs end to end: TLB miss, walk, fault, handler, frame, entry, and the access made again. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
public class FaultBenchmark {
    private static final int PAGES = 1 << 18;
    private static final long BASE = 0x1000_0000_0000L;
    private static final int MMAP = 9;
    private static final int MUNMAP = 11;

    private final SyscallArgs args = new SyscallArgs();
    private LinuxKernel kernel = boot();
    private Task task = start(kernel);

    private static LinuxKernel boot() {
        return LinuxKernel.boot(new Machine(BenchMachines.withMemory(4 * Size.GIB), 1), BootOptions.defaults());
    }

    private static Task start(LinuxKernel kernel) {
        return kernel.exec(ExecImage.bare("bench", 0x7fff_ffff_f000L));
    }

    /** Boots a fresh machine. */
    @Setup(Level.Iteration)
    public void bootMachine() {
        kernel = boot();
        task = start(kernel);
    }

    /** Maps 1 GiB of private anonymous memory. */
    @Setup(Level.Invocation)
    public void map() {
        kernel.syscall(task, args.set(MMAP, BASE, PAGES * 4096L, 3, 0x32, -1, 0));
    }

    /** Unmaps it, which is not measured. */
    @TearDown(Level.Invocation)
    public void unmap() {
        kernel.syscall(task, args.set(MUNMAP, BASE, PAGES * 4096L));
    }

    /** The first store to each of 262,144 pages in order. One page is one operation. */
    @Benchmark
    @OperationsPerInvocation(PAGES)
    public int anonymousMinorFault() {
        int outcome = 0;
        for (long i = 0; i < PAGES; i++) {
            outcome |= kernel.access(task, BASE + (i << 12), Access.STORE);
        }
        return outcome;
    }
}
