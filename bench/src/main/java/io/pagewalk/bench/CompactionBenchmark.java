package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.compaction.Compaction;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.MachineBoot;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.sysctl.Sysctls;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Compaction of 4 GiB of which every second page is in use and can be moved: both scanners, taking and freeing of frames, without the copying. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3)
@Measurement(iterations = 5)
public class CompactionBenchmark {
    private Compaction compaction =
            compaction(machine().allocator(), new Mover(machine().allocator()));
    private Mover mover = new Mover(machine().allocator());

    /** How many pages a run moved. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    public static class Moved {
        /** Pages. */
        public long pages;
    }

    /** Moves nothing but the page's place: what compaction itself costs. */
    private static final class Mover implements PageMover {
        private final PageAllocator allocator;
        private long moved;

        private Mover(PageAllocator allocator) {
            this.allocator = allocator;
        }

        @Override
        public boolean isolate(long pfn, int flags) {
            allocator.memMap().clearFlags(pfn, PageFlags.LRU);
            return true;
        }

        @Override
        public void putBack(long pfn) {
            allocator.memMap().setFlags(pfn, PageFlags.LRU);
        }

        @Override
        public int migrate(PageList pages, Target target, MigrateMode mode) {
            while (!pages.isEmpty()) {
                long from = pages.removeFirst();
                long to = target.allocate(from);
                if (to == PageAllocator.NO_PAGE) {
                    pages.add(from);
                    return NO_MEMORY;
                }
                allocator.memMap().setOwner(to, FrameOwner.ANON);
                putBack(to);
                allocator.freePages(from, 0);
                moved++;
            }
            return 0;
        }
    }

    /** Fills a fresh machine and frees every second page. */
    @Setup(Level.Invocation)
    public void fragment() {
        PageAllocator allocator = machine().allocator();
        mover = new Mover(allocator);
        compaction = compaction(allocator, mover);
        long pages = allocator.zoneOf(1 << 19).freePages * 19 / 20;
        long[] pfns = new long[(int) pages];
        for (int i = 0; i < pages; i++) {
            pfns[i] = allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
            allocator.memMap().setOwner(pfns[i], FrameOwner.ANON);
            allocator.memMap().setFlags(pfns[i], PageFlags.LRU);
        }
        for (int i = 0; i < pages; i++) {
            if ((pfns[i] & 1) == 0) {
                allocator.memMap().clearFlags(pfns[i], PageFlags.LRU);
                allocator.freePages(pfns[i], 0);
            }
        }
        allocator.drainAllPages();
    }

    /**
     * What writing to {@code /proc/sys/vm/compact_memory} does.
     *
     * @param moved receives the pages that moved
     */
    @Benchmark
    public long compactMemory(Moved moved) {
        compaction.compactNodes();
        moved.pages += mover.moved;
        return mover.moved;
    }

    private static Compaction compaction(PageAllocator allocator, PageMover mover) {
        Compaction compaction = new Compaction(allocator);
        compaction.setMover(mover);
        return compaction;
    }

    private static BootMemory machine() {
        return MachineBoot.boot(new Machine(BenchMachines.withMemory(4 * Size.GIB), 1), new Sysctls());
    }
}
