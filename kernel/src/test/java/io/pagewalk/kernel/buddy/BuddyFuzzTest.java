package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The allocator beside a naive model that knows only free intervals. Replay one seed with {@code -Dtest='BuddyFuzzTest' -Dpagewalk.seed=N}.
 */
class BuddyFuzzTest {
    private static final int STEPS = 4000;
    private static final int VERIFY_EVERY = 200;

    private record Block(long pfn, int order) {}

    /** Free frames as disjoint intervals, start to end. */
    private static final class FreeIntervals {
        private final TreeMap<Long, Long> intervals = new TreeMap<>();

        void free(long start, long end) {
            var before = intervals.floorEntry(start);
            assertThat(before == null || before.getValue() <= start)
                    .as("frame %d freed twice", start)
                    .isTrue();
            var after = intervals.ceilingEntry(start);
            assertThat(after == null || after.getKey() >= end)
                    .as("frame %d freed twice", end)
                    .isTrue();
            long from = start;
            long to = end;
            if (before != null && before.getValue() == start) {
                from = before.getKey();
            }
            if (after != null && after.getKey() == end) {
                to = after.getValue();
                intervals.remove(after.getKey());
            }
            intervals.put(from, to);
        }

        void take(long start, long end) {
            var around = intervals.floorEntry(start);
            assertThat(around != null && around.getValue() >= end)
                    .as("frames [%d, %d) were handed out while in use", start, end)
                    .isTrue();
            if (around == null) {
                return;
            }
            long from = around.getKey();
            long to = around.getValue();
            intervals.remove(from);
            if (from < start) {
                intervals.put(from, start);
            }
            if (end < to) {
                intervals.put(end, to);
            }
        }

        long total() {
            return intervals.entrySet().stream()
                    .mapToLong(e -> e.getValue() - e.getKey())
                    .sum();
        }

        /** Whether some aligned block of the order is free. */
        boolean hasBlock(int order) {
            long size = 1L << order;
            return intervals.entrySet().stream()
                    .anyMatch(e -> ((e.getKey() + size - 1) & -size) + size <= e.getValue());
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void allocator_randomRequests_agreesWithFreeIntervals(long defaultSeed) {
        long seed = Long.getLong("pagewalk.seed", defaultSeed);
        SeededRandom random = new SeededRandom(seed);
        BootMemory memory = TestMachines.x8664((96 + 32 * (seed % 3)) * Size.MIB, 2);
        PageAllocator allocator = memory.allocator();
        FreeIntervals model = freeAtBoot(memory);
        List<Block> held = new ArrayList<>();
        int[] types = {Gfp.GFP_KERNEL, Gfp.GFP_HIGHUSER_MOVABLE, Gfp.GFP_KERNEL | Gfp.RECLAIMABLE, Gfp.GFP_ATOMIC};
        for (int step = 0; step < STEPS; step++) {
            allocator.setCpu(random.nextInt(2));
            // Pressure swings: phases that mostly allocate and phases that mostly free.
            boolean wantsMore = random.nextInt(10) < (step / 500 % 2 == 0 ? 7 : 3);
            if (wantsMore || held.isEmpty()) {
                int order = random.nextInt(4) == 0 ? random.nextInt(11) : random.nextInt(4);
                int gfp = types[random.nextInt(types.length)] | (random.nextBoolean() ? Gfp.COMP : 0);
                long pfn = allocator.allocPages(gfp, order);
                if (pfn != PageAllocator.NO_PAGE) {
                    assertThat(pfn & ((1L << order) - 1))
                            .as("seed %d step %d alignment", seed, step)
                            .isZero();
                    model.take(pfn, pfn + (1L << order));
                    held.add(new Block(pfn, order));
                }
            } else {
                int victim = random.nextInt(held.size());
                Block block = held.get(victim);
                held.set(victim, held.getLast());
                held.removeLast();
                allocator.freePages(block.pfn(), block.order());
                model.free(block.pfn(), block.pfn() + (1L << block.order()));
            }
            assertThat(freePages(memory))
                    .as("seed %d step %d free pages", seed, step)
                    .isEqualTo(model.total());
            if (step % VERIFY_EVERY == 0) {
                TestMachines.verify(memory);
            }
        }
        allocator.drainAllPages();
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            int from = order;
            boolean real = memory.zones().stream()
                    .anyMatch(zone -> java.util.stream.IntStream.rangeClosed(from, MemMap.MAX_PAGE_ORDER)
                            .anyMatch(o -> zone.freeArea(o).free > 0));
            assertThat(real).as("seed %d order %d", seed, order).isEqualTo(model.hasBlock(order));
        }
        for (Block block : held) {
            allocator.freePages(block.pfn(), block.order());
        }
        allocator.drainAllPages();
        TestMachines.verify(memory);
        long managed = memory.totalRamPages();
        assertThat(memory.zones().stream().mapToLong(zone -> zone.freePages).sum())
                .isEqualTo(managed);
    }

    private static FreeIntervals freeAtBoot(BootMemory memory) {
        FreeIntervals model = new FreeIntervals();
        for (long pfn = 0; pfn < memory.memMap().frames(); pfn++) {
            if (memory.memMap().owner(pfn) == io.pagewalk.kernel.page.FrameOwner.FREE) {
                model.free(pfn, pfn + 1);
            }
        }
        return model;
    }

    private static long freePages(BootMemory memory) {
        long sum = 0;
        for (Zone zone : memory.zones()) {
            sum += zone.freePages + zone.pcpPages();
        }
        return sum;
    }
}
