package io.pagewalk.bench;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What one access costs: a hit in the first level, a hit in the second, and random loads over 64 MiB of which nine in ten walk. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@State(Scope.Thread)
public class MmuBenchmark {
    private static final int OPERATIONS = 1 << 16;
    private static final long BASE = 0x7f00_0000_0000L;

    /** The CPU model. */
    @Param({"skylake", "zen4", "rva23"})
    public String cpu = "skylake";

    private Mmu mmu = mapped("skylake");
    private final long[] random = addresses(16384);
    private final long[] someHundred = addresses(512);
    private final long[] fewer = addresses(16);

    /** Creates the state; JMH fills it. */
    public MmuBenchmark() {}

    /** Maps 64 MiB. */
    @Setup
    public void setUp() {
        mmu = mapped(cpu);
    }

    private static Mmu mapped(String cpu) {
        PagingMode mode =
                CpuModels.byName(cpu).modes().contains(PagingMode.SV48) ? PagingMode.SV48 : PagingMode.X86_64_4LEVEL;
        PhysicalMemory memory = new PhysicalMemory(1 << 20);
        Mmu mmu = new Mmu(memory, mode, CpuModels.byName(cpu).mmu(), Refill.HARDWARE, new SeededRandom(1));
        long root = 1;
        long nextTable = 2;
        int flags = PteFlags.READ | PteFlags.WRITE | PteFlags.USER | PteFlags.ACCESSED | PteFlags.DIRTY;
        for (long page = 0; page < 16384; page++) {
            long vaddr = BASE + page * 4096;
            long table = root;
            for (int level = mode.levels(); level > 1; level--) {
                long entry = mode.readEntry(memory, table, mode.index(vaddr, level));
                if (entry == 0) {
                    entry = mode.table(nextTable++, level);
                    mode.writeEntry(memory, table, mode.index(vaddr, level), entry);
                }
                table = mode.pfn(entry, level);
            }
            mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(4096 + page, flags, 1));
        }
        mmu.loadRoot(root, 0, false);
        return mmu;
    }

    private static long[] addresses(int pages) {
        SeededRandom random = new SeededRandom(pages);
        long[] addresses = new long[OPERATIONS];
        for (int i = 0; i < OPERATIONS; i++) {
            addresses[i] = BASE + random.nextLong(pages * 4096L);
        }
        return addresses;
    }

    /**
     * Random loads over 16 pages: the first level always hits.
     *
     * @return the sum of all results, 0
     */
    @Benchmark
    @OperationsPerInvocation(OPERATIONS)
    public int hitFirstLevel() {
        return play(fewer);
    }

    /**
     * Random loads over 512 pages: the second level hits most of the time.
     *
     * @return the sum of all results, 0
     */
    @Benchmark
    @OperationsPerInvocation(OPERATIONS)
    public int hitSecondLevel() {
        return play(someHundred);
    }

    /**
     * Random loads over 64 MiB: most of them walk.
     *
     * @return the sum of all results, 0
     */
    @Benchmark
    @OperationsPerInvocation(OPERATIONS)
    public int randomOver64Mib() {
        return play(random);
    }

    private int play(long[] addresses) {
        int faults = 0;
        for (long vaddr : addresses) {
            faults |= mmu.access(vaddr, Access.LOAD);
        }
        KernelBug.on(faults != 0, "a benchmark access faulted");
        return faults;
    }
}
