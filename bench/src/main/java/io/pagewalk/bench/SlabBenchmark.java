package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.BootCaches;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.slub.SlabOptions;
import io.pagewalk.kernel.slub.SlabParameters;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.Objects;
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
import org.openjdk.jmh.annotations.Warmup;

/** What slab caches cost: one object and back, many objects first and then back, and an object through a CPU's sheaf. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SlabBenchmark {
    private static final int MANY = 65536;

    private final long[] objects = new long[MANY];
    private SlabAllocator slabs = boot();
    private KmemCache areas = Objects.requireNonNull(slabs.find("vm_area_struct"));

    /** Boots a fresh machine of 1 GiB. */
    @Setup(Level.Iteration)
    public void bootMachine() {
        slabs = boot();
        areas = Objects.requireNonNull(slabs.find("vm_area_struct"));
    }

    /** 64 bytes and back: the hottest path of {@code kmalloc()} and {@code kfree()}. */
    @Benchmark
    public long kmallocAndBack() {
        long object = slabs.kmalloc(64, Gfp.GFP_KERNEL);
        slabs.kfree(object);
        return object;
    }

    /** A {@code vm_area_struct} and back, through the CPU's sheaf. */
    @Benchmark
    public long sheafAndBack() {
        long object = areas.alloc(Gfp.GFP_KERNEL);
        areas.free(object);
        return object;
    }

    /** 4 MiB of 64-byte objects, then all back: new slabs, lists of partial slabs, cold memory. One pair is one operation. */
    @Benchmark
    @OperationsPerInvocation(MANY)
    public long manyAndBack() {
        for (int i = 0; i < MANY; i++) {
            objects[i] = slabs.kmalloc(64, Gfp.GFP_KERNEL);
        }
        for (int i = 0; i < MANY; i++) {
            slabs.kfree(objects[i]);
        }
        return objects[0];
    }

    private static SlabAllocator boot() {
        long frames = Size.GIB >>> 12;
        PhysicalMemory memory = new PhysicalMemory(frames);
        BootPlan plan = BootPlan.simple(ZoneLayout.x8664(), Size.GIB, 1, AddressConversion.x8664FourLevel(frames));
        PageAllocator pages =
                BootMemory.boot(plan, new Sysctls(), memory::clearFrame).allocator();
        SlabAllocator made = new SlabAllocator(memory, pages, SlabParameters.wide(1), SlabOptions.DEFAULT);
        BootCaches.create(made);
        return made;
    }
}
