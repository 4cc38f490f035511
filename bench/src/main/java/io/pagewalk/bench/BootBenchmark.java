package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.LinuxKernel;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What a machine costs before its first process: hardware, memblock, zones, page allocator and kernel. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BootBenchmark {
    /** The machine's memory. */
    @Param({"4", "1024"})
    public long gibibytes = 1024;

    /** Creates the state; JMH fills it. */
    public BootBenchmark() {}

    /** From a description to a booted kernel. */
    @Benchmark
    public LinuxKernel boot() {
        return LinuxKernel.boot(new Machine(BenchMachines.withMemory(gibibytes * Size.GIB), 1), BootOptions.defaults());
    }
}
