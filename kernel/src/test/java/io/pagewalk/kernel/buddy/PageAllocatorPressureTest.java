package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Watermarks, reserves and the slow path, one flag at a time. */
class PageAllocatorPressureTest {
    private final BootMemory memory = TestMachines.small();
    private final PageAllocator allocator = memory.allocator();
    private final Deque<Long> held = new ArrayDeque<>();

    @AfterEach
    void verify() {
        TestMachines.verify(memory);
    }

    @Test
    void user_untilFailure_stopsAtMinPlusProtection() {
        fill(Gfp.GFP_HIGHUSER_MOVABLE | Gfp.NORETRY);
        Zone zone = dma32();
        int highest = memory.layout().gfpZone(Gfp.GFP_HIGHUSER_MOVABLE);
        long floor = zone.watermarks().min() + zone.lowmemReserve(highest);
        assertThat(zone.freePages).isLessThanOrEqualTo(floor);
        // A refill of the per-CPU lists may dip below by one batch.
        assertThat(zone.freePages).isGreaterThan(floor - (64 << 5));
        assertThat(memory.counters().get(VmEvent.ALLOCSTALL_MOVABLE)).isPositive();
    }

    @Test
    void atomic_belowMin_getsItsShareOfTheReserve() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        assertThat(allocator.allocPage(Gfp.GFP_NOWAIT)).isEqualTo(PageAllocator.NO_PAGE);
        long high = allocator.allocPage(Gfp.GFP_ATOMIC);
        assertThat(high).isNotEqualTo(PageAllocator.NO_PAGE);
        held.push(high);
        fill(Gfp.GFP_ATOMIC);
        Zone zone = dma32();
        long min = zone.watermarks().min();
        long floor = min - min / 2 - (min - min / 2) / 4;
        assertThat(zone.freePages).isLessThanOrEqualTo(floor);
        assertThat(allocator.allocPage(Gfp.GFP_ATOMIC | Gfp.NOMEMALLOC)).isEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void memalloc_belowEveryWatermark_takesTheLastPage() {
        fill(Gfp.GFP_ATOMIC | Gfp.MEMALLOC);
        assertThat(memory.zones().stream()
                        .mapToLong(z -> z.freePages + z.pcpPages())
                        .sum())
                .isZero();
    }

    @Test
    void oomVictim_belowMin_getsHalf() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NORETRY)).isEqualTo(PageAllocator.NO_PAGE);
        allocator.setOomVictim(true);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NORETRY)).isNotEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void kernel_withoutMemory_callsReclaimThenTheOomKillerThenSucceeds() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        int[] calls = new int[3];
        allocator.setDirectReclaim((gfp, order, node) -> {
            calls[0]++;
            return 0;
        });
        allocator.setKswapd((zone, gfp, order, highest) -> calls[1]++);
        allocator.setOutOfMemory((gfp, order, node) -> {
            calls[2]++;
            for (int i = 0; i < 4000; i++) {
                allocator.freePages(held.pop(), 0);
            }
            return true;
        });
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(calls[0]).isPositive();
        assertThat(calls[1]).isPositive();
        assertThat(calls[2]).isEqualTo(1);
    }

    @Test
    void outOfMemory_flagsThatForbidKilling_failInstead() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        allocator.setOutOfMemory((gfp, order, node) -> {
            throw new AssertionError("nobody may be killed for this request");
        });
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NORETRY)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.RETRY_MAYFAIL)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.THISNODE)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 4)).isEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void nofail_withoutVictim_usesTheReserve() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NOFAIL)).isNotEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void reclaim_thatAllocates_doesNotRecurse() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        drainCached();
        int[] depth = new int[1];
        allocator.setDirectReclaim((gfp, order, node) -> {
            depth[0]++;
            held.push(allocator.allocPage(Gfp.GFP_KERNEL));
            for (int i = 0; i < 4000; i++) {
                allocator.freePages(held.pop(), 0);
            }
            return 4000;
        });
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(depth[0]).isEqualTo(1);
    }

    @Test
    void highAtomic_highOrder_reservesAPageblockAndGivesItBackUnderPressure() {
        // Below the low watermark only the slow path serves, and it knows that the request is atomic.
        Zone zone = dma32();
        int highest = memory.layout().gfpZone(Gfp.GFP_KERNEL);
        while (memory.zones().stream()
                .anyMatch(z -> z.isManaged() && z.freePages > z.watermarks().low() + z.lowmemReserve(highest))) {
            held.push(allocator.allocPage(Gfp.GFP_KERNEL));
        }
        long pfn = allocator.allocPages(Gfp.GFP_ATOMIC, 2);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(zone.reservedHighatomic).isEqualTo(512);
        assertThat(memory.memMap().pageblockType(pfn)).isEqualTo(MigrateType.HIGHATOMIC);
        fill(Gfp.GFP_KERNEL);
        assertThat(zone.reservedHighatomic).isZero();
        assertThat(zone.freeHighatomic).isZero();
    }

    @Test
    void movable_whenItsBlocksAreGone_stealsFromOthers() {
        fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        MemMap memMap = memory.memMap();
        long unmovable = 0;
        for (long pfn = 4096; pfn < memMap.frames(); pfn += 512) {
            unmovable += memMap.pageblockType(pfn) == MigrateType.UNMOVABLE ? 1 : 0;
        }
        assertThat(unmovable).isGreaterThan(100);
        for (int i = 0; i < 3000; i++) {
            allocator.freePages(held.pop(), 0);
        }
        long pfn = allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
    }

    private void fill(int gfp) {
        for (long pfn = allocator.allocPage(gfp); pfn != PageAllocator.NO_PAGE; pfn = allocator.allocPage(gfp)) {
            memory.memMap().setOwner(pfn, FrameOwner.KERNEL);
            held.push(pfn);
        }
    }

    /** Takes what a refill left on the per-CPU lists, which no watermark guards. */
    private void drainCached() {
        int before;
        do {
            allocator.drainAllPages();
            before = held.size();
            fill(Gfp.GFP_KERNEL | Gfp.NORETRY);
        } while (held.size() > before);
    }

    private Zone dma32() {
        return memory.nodes().getFirst().zones().get(1);
    }
}
