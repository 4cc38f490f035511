package io.pagewalk.kernel.buddy;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a caller does wrong is a value and a line in the kernel log, as {@code mm/page_alloc.c:bad_page()} and the WARNs of 6.18 have it; the lists stay sound. */
class BadRequestTest {
    private final BootMemory memory = TestMachines.x8664(256 * Size.MIB, 2);
    private final PageAllocator allocator = memory.allocator();
    private final List<String> log = new ArrayList<>();

    @BeforeEach
    void listen() {
        allocator.setHost(AllocatorHost.collecting(log));
    }

    @AfterEach
    void verify() {
        TestMachines.verify(memory);
    }

    @Test
    void allocPages_orderAboveMaximum_warnsOnceAndFails() {
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 11)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 52)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(log).filteredOn(line -> line.startsWith("WARNING: CPU: ")).hasSize(1);
        assertThat(log).contains("------------[ cut here ]------------");
    }

    @Test
    void allocPages_orderAboveMaximumNoWarn_failsSilently() {
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NOWARN, 11)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(log).isEmpty();
    }

    @Test
    void allocPagesExact_nothingOrTooMuch_fails() {
        assertThat(allocator.allocPagesExact(0, Gfp.GFP_KERNEL)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPagesExact(4 * Size.MIB + 1, Gfp.GFP_KERNEL)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(allocator.allocPagesExact(-1, Gfp.GFP_KERNEL)).isEqualTo(PageAllocator.NO_PAGE);
        long pfn = allocator.allocPagesExact(4 * Size.MIB, Gfp.GFP_KERNEL);
        assertThat(pfn % 1024).isZero();
    }

    /** Linux notices a page that was freed twice when it would hand it out again, and loses it. */
    @Test
    void freePages_twice_isFoundAtTheNextAllocation() {
        long pfn = allocator.allocPage(Gfp.GFP_KERNEL);
        allocator.freePages(pfn, 0);
        allocator.freePages(pfn, 0);
        assertThat(log).isEmpty();
        TestMachines.verify(memory);
        long next = allocator.allocPage(Gfp.GFP_KERNEL);
        assertThat(next).isNotEqualTo(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(log.getFirst())
                .isEqualTo("BUG: Bad page state in process swapper/0  pfn:" + String.format("%05x", pfn));
        assertThat(log.get(1)).startsWith("page: refcount:-1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x");
        assertThat(log).contains("page dumped because: nonzero _refcount");
    }

    @Test
    void freePages_twiceInsideABlock_losesTheBlock() {
        long block = allocator.allocPages(Gfp.GFP_KERNEL, 4);
        allocator.splitPage(block, 4);
        for (int i = 0; i < 16; i++) {
            allocator.freePages(block + i, 0);
        }
        allocator.freePages(block + 5, 0);
        allocator.drainAllPages();
        TestMachines.verify(memory);
        List<Long> got = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            got.add(allocator.allocPages(Gfp.GFP_NOWAIT, 10));
        }
        assertThat(got).doesNotContain(block & -1024L);
        assertThat(log.getFirst()).startsWith("BUG: Bad page state in process swapper/0  pfn:");
    }

    @Test
    void freePages_mapped_isReportedAndLost() {
        long pfn = allocator.allocPage(Gfp.GFP_KERNEL);
        memory.memMap().incMapcount(pfn);
        long freed = memory.counters().get(VmEvent.PGFREE);
        allocator.freePages(pfn, 0);
        assertThat(log).contains("page dumped because: nonzero mapcount");
        assertThat(memory.counters().get(VmEvent.PGFREE)).isEqualTo(freed);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(pfn);
    }

    @Test
    void freePages_ofTheKernelImage_isReportedAndLost() {
        allocator.freePages(3, 0);
        assertThat(log).contains("page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
        assertThat(log.get(2)).contains("(reserved|node=0|zone=0)");
    }

    @Test
    void freePages_manyBad_isReportedSixtyTimesAMinute() {
        for (int i = 0; i < 100; i++) {
            long pfn = allocator.allocPage(Gfp.GFP_KERNEL);
            memory.memMap().setFlags(pfn, PageFlags.LOCKED);
            allocator.freePages(pfn, 0);
        }
        assertThat(log)
                .filteredOn(line -> line.startsWith("BUG: Bad page state"))
                .hasSize(60);
    }

    /** Linux says so and goes on: {@code __might_resched()} only prints. */
    @Test
    void allocPage_kernelInInterrupt_isReportedAndServed() {
        allocator.setInInterrupt(true);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(log.getFirst()).startsWith("BUG: sleeping function called from invalid context at ");
        assertThat(log.get(1)).isEqualTo("in_atomic(): 1, irqs_disabled(): 1, non_block: 0, pid: 0, name: swapper/0");
        log.clear();
        assertThat(allocator.allocPage(Gfp.GFP_ATOMIC)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(log).isEmpty();
    }

    @Test
    void allocPagesBulk_partlyFilled_fillsTheHoles() {
        long[] pfns = new long[50];
        assertThat(allocator.allocPagesBulk(Gfp.GFP_KERNEL, 0, pfns, 50)).isEqualTo(50);
        long kept = pfns[10];
        allocator.freePages(pfns[3], 0);
        pfns[3] = 0;
        assertThat(allocator.allocPagesBulk(Gfp.GFP_KERNEL, 0, pfns, 50)).isEqualTo(50);
        assertThat(pfns[3]).isPositive();
        assertThat(pfns[10]).isEqualTo(kept);
    }
}
