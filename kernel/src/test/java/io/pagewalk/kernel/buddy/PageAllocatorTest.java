package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PageAllocatorTest {
    private final List<Long> cleared = new ArrayList<>();
    private final BootMemory memory = TestMachines.x8664(256 * Size.MIB, 2, cleared::add);
    private final PageAllocator allocator = memory.allocator();

    @AfterEach
    void verify() {
        TestMachines.verify(memory);
    }

    /** The notes' example: 128 KiB are 32 pages, order 5; without a free block of 32 pages, one of 64 is split. */
    @Test
    void allocPages_128KWithoutFreeOrder5_splitsOrder6() {
        Zone zone = dma32();
        while (zone.freeArea(5).free > 0) {
            allocator.allocPages(Gfp.GFP_KERNEL, 5);
        }
        long carved = allocator.allocPages(Gfp.GFP_KERNEL, 7);
        allocator.splitPage(carved, 7);
        for (int i = 64; i < 128; i++) {
            allocator.freePages(carved + i, 0);
        }
        allocator.drainAllPages();
        long order6 = zone.freeArea(6).free;
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL, PageAllocator.orderOf(128 * Size.KIB));
        assertThat(PageAllocator.orderOf(128 * Size.KIB)).isEqualTo(5);
        assertThat(zone.freeArea(6).free).isEqualTo(order6 - 1);
        assertThat(zone.freeArea(5).free).isEqualTo(1);
        assertThat(memory.memMap().order(pfn ^ 32)).isEqualTo(5);
        allocator.freePages(pfn, 5);
        assertThat(zone.freeArea(6).free).as("both halves merge back").isEqualTo(order6);
        assertThat(zone.freeArea(5).free).isZero();
    }

    /** The notes' example: 132 KiB need a block of 256 KiB and waste 124 KiB; alloc_pages_exact gives that tail back. */
    @Test
    void allocPagesExact_132K_givesTheTailBack() {
        long bytes = 132 * Size.KIB;
        int order = PageAllocator.orderOf(bytes);
        assertThat((4096L << order) - bytes).isEqualTo(124 * Size.KIB);
        long before = free();
        long block = allocator.allocPages(Gfp.GFP_KERNEL, order);
        assertThat(free()).isEqualTo(before - 64);
        allocator.freePages(block, order);
        long pfn = allocator.allocPagesExact(bytes, Gfp.GFP_KERNEL);
        assertThat(free()).isEqualTo(before - 33);
        allocator.freePagesExact(pfn, bytes);
        assertThat(free()).isEqualTo(before);
    }

    /** As with fail-nth on Linux: the chosen request fails, NOFAIL requests are not counted, and it is off afterwards. */
    @Test
    void failNth_second_failsOnce() {
        allocator.failNth().arm(2);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NOFAIL)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 3)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.failNth().hasFailed()).isTrue();
        assertThat(allocator.failNth().calls()).isEqualTo(2);
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 3)).isNotEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void allocPage_freed_isTheHottestNext() {
        long first = allocator.allocPage(Gfp.GFP_KERNEL);
        allocator.freePages(first, 0);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isEqualTo(first);
    }

    @Test
    void allocPage_movable_getsAscendingFramesOfOneBlock() {
        List<Long> pages = new ArrayList<>();
        for (int i = 0; i < 2048; i++) {
            pages.add(allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE));
        }
        long ascending = 0;
        for (int i = 1; i < pages.size(); i++) {
            ascending += pages.get(i) == pages.get(i - 1) + 1 ? 1 : 0;
        }
        assertThat(ascending).isGreaterThan(2000);
    }

    @Test
    void allocPage_unmovableAtBoot_claimsAWholePageblock() {
        long pfn = allocator.allocPage(Gfp.GFP_KERNEL);
        assertThat(memory.memMap().pageblockType(pfn)).isEqualTo(MigrateType.UNMOVABLE);
        long movable = allocator.allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
        assertThat(memory.memMap().pageblockType(movable)).isEqualTo(MigrateType.MOVABLE);
        assertThat(pfn >> 9).isNotEqualTo(movable >> 9);
    }

    @Test
    void allocPages_compound_isFreedByAnyPage() {
        long head = allocator.allocPages(Gfp.GFP_HIGHUSER_MOVABLE | Gfp.COMP, 9);
        assertThat(memory.memMap().hasFlags(head, PageFlags.HEAD)).isTrue();
        assertThat(memory.memMap().compoundHead(head + 511)).isEqualTo(head);
        long before = free();
        assertThat(allocator.putPage(head + 17)).isTrue();
        assertThat(free()).isEqualTo(before + 512);
    }

    @Test
    void allocPages_zero_clearsEveryFrame() {
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.ZERO, 2);
        assertThat(cleared).containsExactly(pfn, pfn + 1, pfn + 2, pfn + 3);
        long vaddr = allocator.getZeroedPage(Gfp.GFP_KERNEL);
        assertThat(cleared).hasSize(5);
        assertThat(memory.conversion().virtToPage(vaddr)).isEqualTo(cleared.getLast());
        allocator.freePagesAt(vaddr, 0);
        allocator.freePagesAt(AddressConversion.NO_ADDRESS, 0);
    }

    @Test
    void allocPage_dma_comesFromTheLowestZone() {
        long pfn = allocator.allocPage(Gfp.GFP_KERNEL | Gfp.GFP_DMA);
        assertThat(allocator.zoneOf(pfn).type()).isEqualTo(ZoneType.DMA);
        assertThat(pfn).isLessThan(4096);
        assertThat(memory.counters().get(VmEvent.PGALLOC_DMA)).isEqualTo(1);
    }

    @Test
    void allocPages_aboveLargestOrder_fails() {
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 11)).isEqualTo(PageAllocator.NO_PAGE);
    }

    @Test
    void freePages_shared_waitsForTheLastReference() {
        long pfn = allocator.allocPage(Gfp.GFP_KERNEL);
        memory.memMap().get(pfn);
        long before = free();
        allocator.freePages(pfn, 0);
        assertThat(free()).isEqualTo(before);
        assertThat(allocator.putPage(pfn)).isTrue();
        assertThat(free()).isEqualTo(before + 1);
    }

    @Test
    void allocPagesBulk_many_countsOnceEach() {
        long[] pfns = new long[100];
        long before = memory.counters().global(NumaEvent.NUMA_HIT);
        assertThat(allocator.allocPagesBulk(Gfp.GFP_KERNEL, 0, pfns, 100)).isEqualTo(100);
        assertThat(memory.counters().global(NumaEvent.NUMA_HIT) - before).isEqualTo(100);
        for (long pfn : pfns) {
            allocator.freePages(pfn, 0);
        }
    }

    @Test
    void addToDigest_sameRequests_sameDigest() {
        BootMemory other = TestMachines.x8664(256 * Size.MIB, 2);
        for (BootMemory each : List.of(memory, other)) {
            for (int i = 0; i < 1000; i++) {
                long pfn = each.allocator().allocPage(i % 3 == 0 ? Gfp.GFP_KERNEL : Gfp.GFP_HIGHUSER_MOVABLE);
                if (i % 4 == 0) {
                    each.allocator().putPage(pfn);
                } else {
                    each.memMap().setOwner(pfn, FrameOwner.ANON);
                }
            }
        }
        assertThat(digest(memory)).isEqualTo(digest(other));
        other.allocator().allocPage(Gfp.GFP_KERNEL);
        assertThat(digest(memory)).isNotEqualTo(digest(other));
    }

    private static long digest(BootMemory of) {
        Digest digest = new Digest();
        of.allocator().addToDigest(digest);
        return digest.value();
    }

    private long free() {
        return memory.zones().stream()
                .mapToLong(z -> z.freePages + z.pcpPages())
                .sum();
    }

    private Zone dma32() {
        return memory.nodes().getFirst().zones().get(1);
    }
}
