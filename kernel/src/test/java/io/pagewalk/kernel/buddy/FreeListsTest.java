package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FreeListsTest {
    private static final int ROUNDS = 60;

    /** Two machines with one history; pages are taken from one in runs, from the other one by one. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void removePages_fragmentedLists_takesWhatRemoveSmallestTakes(long seed) {
        BootMemory inRuns = fragmented(seed);
        BootMemory oneByOne = fragmented(seed);
        SeededRandom random = new SeededRandom(seed);
        for (int round = 0; round < ROUNDS; round++) {
            int wanted = 1 + random.nextInt(1 << random.nextInt(11));
            assertThat(takeInRuns(inRuns, wanted)).as("round %d", round).isEqualTo(takeOneByOne(oneByOne, wanted));
            assertThat(digest(inRuns)).as("state after round %d", round).isEqualTo(digest(oneByOne));
        }
    }

    private static BootMemory fragmented(long seed) {
        BootMemory memory = TestMachines.x8664(96 * Size.MIB, 1);
        SeededRandom random = new SeededRandom(seed);
        List<long[]> blocks = new ArrayList<>();
        for (int i = 0; i < 3000; i++) {
            int order = random.nextInt(5);
            blocks.add(new long[] {memory.allocator().allocPages(Gfp.GFP_HIGHUSER_MOVABLE, order), order});
            if (random.nextBoolean()) {
                long[] freed = blocks.remove(random.nextInt(blocks.size()));
                memory.allocator().freePages(freed[0], (int) freed[1]);
            }
        }
        memory.allocator().drainAllPages();
        return memory;
    }

    private static List<Long> takeInRuns(BootMemory memory, int wanted) {
        PageDeque taken = new PageDeque();
        new FreeLists(memory.allocator().memMap()).removePages(zone(memory), MigrateType.MOVABLE, wanted, taken);
        List<Long> pages = new ArrayList<>();
        while (!taken.isEmpty()) {
            pages.add(taken.removeFirst());
        }
        return pages;
    }

    private static List<Long> takeOneByOne(BootMemory memory, int wanted) {
        FreeLists lists = new FreeLists(memory.allocator().memMap());
        List<Long> pages = new ArrayList<>();
        for (int i = 0; i < wanted; i++) {
            long pfn = lists.removeSmallest(zone(memory), 0, MigrateType.MOVABLE);
            if (pfn == PageAllocator.NO_PAGE) {
                break;
            }
            memory.allocator().memMap().setOwner(pfn, FrameOwner.PCP);
            pages.add(pfn);
        }
        return pages;
    }

    /** The zone that most frames belong to. */
    private static Zone zone(BootMemory memory) {
        return memory.allocator().zoneOf(20_000);
    }

    private static long digest(BootMemory memory) {
        Digest digest = new Digest();
        memory.allocator().addToDigest(digest);
        return digest.value();
    }
}
