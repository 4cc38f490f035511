package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
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

/** What the page allocator costs: a page from the per-CPU lists and back, many pages first and then back, and a large block. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BuddyBenchmark {
    private static final int MANY = 65536;

    private final long[] pages = new long[MANY];
    private PageAllocator allocator = boot(4 * Size.GIB).allocator();

    /** Boots a fresh machine of 4 GiB. */
    @Setup(Level.Iteration)
    public void bootMachine() {
        allocator = boot(4 * Size.GIB).allocator();
    }

    /** One movable page and back: the hottest path. */
    @Benchmark
    public long pageAndBack() {
        long pfn = allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
        allocator.freePages(pfn, 0);
        return pfn;
    }

    /** 256 MiB of single pages, then all back: refills, splits, merges and cold memory. One pair is one operation. */
    @Benchmark
    @OperationsPerInvocation(MANY)
    public long manyAndBack() {
        for (int i = 0; i < MANY; i++) {
            pages[i] = allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
            allocator.memMap().setOwner(pages[i], FrameOwner.ANON);
        }
        for (int i = 0; i < MANY; i++) {
            allocator.putPage(pages[i]);
        }
        return pages[0];
    }

    /** A block of 4 MiB and back, past the per-CPU lists. */
    @Benchmark
    public long largestBlockAndBack() {
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL, 10);
        allocator.freePages(pfn, 10);
        return pfn;
    }

    private static BootMemory boot(long ramBytes) {
        AddressConversion conversion = AddressConversion.x8664FourLevel(ramBytes >>> 12);
        return BootMemory.boot(BootPlan.simple(ZoneLayout.x8664(), ramBytes, 1, conversion), new Sysctls(), pfn -> {});
    }
}
