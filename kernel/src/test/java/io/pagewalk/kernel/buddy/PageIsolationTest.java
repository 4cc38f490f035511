package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.buddy.PageIsolation.Purpose;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pageblocks out of use, as {@code mm/page_isolation.c} and {@code free_frozen_pages()} of Linux treat them: what is freed there is at once where the isolating caller looks for it. */
class PageIsolationTest {
    private static final int BLOCK = 512;

    private final BootMemory memory = TestMachines.x8664(256 * Size.MIB, 2);
    private final PageAllocator allocator = memory.allocator();

    @AfterEach
    void verify() {
        TestMachines.verify(memory);
    }

    /** Each order that the per-CPU lists hold, and one that they do not: all go to the free list of type ISOLATE. */
    @Test
    void free_inIsolatedBlock_goesToTheBuddyListsAtOnce() {
        long block = block();
        Zone zone = allocator.zoneOf(block);
        assertThat(allocator.isolation().isolate(block, block + BLOCK, Purpose.RANGE))
                .isTrue();
        long freeBefore = zone.freePages;
        long cachedBefore = zone.pcpPages();
        long freed = 0;
        for (int order : new int[] {0, 1, 3, 4}) {
            long pfn = block + 2L * (1 << order);
            free(pfn, order);
            freed += 1L << order;
            assertThat(memory.memMap().owner(pfn)).as("order %d", order).isEqualTo(FrameOwner.FREE);
            assertThat(memory.memMap().hasFlags(pfn & -(1L << order), PageFlags.BUDDY))
                    .as("order %d", order)
                    .isTrue();
            assertThat(zone.pcpPages()).as("order %d", order).isEqualTo(cachedBefore);
        }
        // Free, but neither counted nor handed out.
        assertThat(zone.freeIsolated).isEqualTo(freed);
        assertThat(zone.freePages).isEqualTo(freeBefore);
        long isolated = 0;
        for (int order = 0; order <= 10; order++) {
            isolated += zone.freeArea(order).blocks[MigrateType.ISOLATE] << order;
        }
        assertThat(isolated).isEqualTo(freed);
        assertThat(takeAll()).noneMatch(pfn -> pfn >= block && pfn < block + BLOCK);
    }

    /** What lay in a per-CPU list before the block was isolated goes to the right list when the list is drained: {@code free_pcppages_bulk()} reads the type anew. */
    @Test
    void drain_pagesCachedBeforeIsolation_endInTheIsolatedList() {
        long block = block();
        Zone zone = allocator.zoneOf(block);
        free(block + 9, 0);
        assertThat(memory.memMap().owner(block + 9)).isEqualTo(FrameOwner.PCP);
        assertThat(allocator.isolation().isolate(block, block + BLOCK, Purpose.RANGE))
                .isTrue();
        allocator.drainAllPages();
        assertThat(memory.memMap().owner(block + 9)).isEqualTo(FrameOwner.FREE);
        assertThat(zone.freeIsolated).isEqualTo(1);
    }

    /** When all pages are freed, the range is one that {@code test_pages_isolated()} accepts, and undoing gives the memory back. */
    @Test
    void undo_afterAllPagesAreFreed_countsThemAgain() {
        long block = block();
        Zone zone = allocator.zoneOf(block);
        assertThat(allocator.isolation().isolate(block, block + BLOCK, Purpose.RANGE))
                .isTrue();
        long before = zone.freePages;
        for (long pfn = block; pfn < block + BLOCK; pfn++) {
            assertThat(allocator.isolation().isAllFree(block, block + BLOCK)).isFalse();
            free(pfn, 0);
        }
        assertThat(allocator.isolation().isAllFree(block, block + BLOCK)).isTrue();
        allocator.isolation().undo(block, block + BLOCK);
        assertThat(zone.freeIsolated).isZero();
        assertThat(zone.freePages).isEqualTo(before + BLOCK);
    }

    /** Takes a pageblock that can be isolated, split into pages. */
    private long block() {
        long pfn = allocator.allocPages(Gfp.GFP_HIGHUSER_MOVABLE, 9);
        allocator.splitPage(pfn, 9);
        // What the refill took beside it would fill the CPU's list over its limit.
        allocator.drainAllPages();
        for (long page = pfn; page < pfn + BLOCK; page++) {
            memory.memMap().setFlags(page, PageFlags.LRU);
        }
        return pfn;
    }

    /** Frees pages of {@link #block} as the one block that they were. */
    private void free(long pfn, int order) {
        for (long page = pfn; page < pfn + (1L << order); page++) {
            memory.memMap().clearFlags(page, PageFlags.LRU);
            if (page > pfn) {
                memory.memMap().putTestZero(page);
            }
        }
        allocator.freePages(pfn, order);
    }

    private List<Long> takeAll() {
        List<Long> pages = new ArrayList<>();
        long pfn = allocator.allocPages(Gfp.GFP_NOWAIT | Gfp.NOWARN, 0);
        while (pfn != PageAllocator.NO_PAGE) {
            pages.add(pfn);
            pfn = allocator.allocPages(Gfp.GFP_NOWAIT | Gfp.NOWARN, 0);
        }
        return pages;
    }
}
