package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageIsolation.Purpose;
import io.pagewalk.kernel.cma.CmaArea;
import io.pagewalk.kernel.compaction.ContiguousAllocator.Outcome;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.ZoneStat;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Areas that movable pages lend to drivers, and ranges emptied on demand: {@code mm/cma.c} and {@code alloc_contig_range()} of 6.18. */
class ContiguousMemoryTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final int CMA_PAGES = 16 * 256;

    private final TestKernel machine = TestKernel.boot(
            "skylake",
            PagingMode.X86_64_4LEVEL,
            128 * Size.MIB,
            2,
            BootOptions.defaults().withCommandLine("quiet cma=16M"));
    private final LinuxKernel kernel = machine.kernel;
    private final CmaArea cma = Objects.requireNonNull(kernel.cma());

    @AfterEach
    void verify() {
        machine.verify();
    }

    @Test
    void boot_cmaOnCommandLine_reservesAndFreesTheArea() {
        assertThat(cma.pages()).isEqualTo(CMA_PAGES);
        assertThat(cma.basePfn() % 512).isZero();
        assertThat(kernel.vmstat().global(ZoneStat.NR_FREE_CMA)).isEqualTo(CMA_PAGES);
        assertThat(kernel.bootMemory().totalCmaPages()).isEqualTo(CMA_PAGES);
        for (long pfn = cma.basePfn(); pfn < cma.basePfn() + CMA_PAGES; pfn += 512) {
            assertThat(kernel.memmap().pageblockType(pfn)).isEqualTo(MigrateType.CMA);
        }
    }

    @Test
    void allocPages_unmovable_neverUsesTheArea() {
        PageAllocator allocator = kernel.allocator();
        for (long pfn = 0; pfn != PageAllocator.NO_PAGE; ) {
            pfn = allocator.allocPages(Gfp.GFP_NOWAIT | Gfp.NOWARN, 0);
            assertThat(isInArea(pfn)).isFalse();
        }
        assertThat(kernel.vmstat().global(ZoneStat.NR_FREE_CMA)).isEqualTo(CMA_PAGES);
        allocator.drainAllPages();
        // A movable request still finds room there.
        assertThat(isInArea(allocator.allocPages(Gfp.GFP_HIGHUSER_MOVABLE, 0))).isTrue();
    }

    @Test
    void allocate_areaFullOfProgramPages_movesThemAndKeepsContents() {
        long area = fill(20_000);
        long lent = CMA_PAGES - kernel.vmstat().global(ZoneStat.NR_FREE_CMA);
        assertThat(lent).isGreaterThan(1500);
        long pfn = cma.allocate(2048, 9);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(pfn % 512).isZero();
        assertThat(machine.event(VmEvent.PGMIGRATE_SUCCESS)).isPositive();
        for (long frame = pfn; frame < pfn + 2048; frame++) {
            assertThat(kernel.memmap().owner(frame)).isEqualTo(FrameOwner.KERNEL);
            assertThat(kernel.memmap().refcount(frame)).isEqualTo(1);
        }
        assertContents(area, 20_000);
        machine.verify();
        assertThat(cma.release(pfn, 2048)).isTrue();
        assertThat(cma.takenPages()).isZero();
    }

    @Test
    void allocate_pinnedPageInTheWay_takesThePlaceBehindIt() {
        long area = fill(20_000);
        long pinned = PageAllocator.NO_PAGE;
        for (long pfn = cma.basePfn(); pfn < cma.basePfn() + 512 && pinned == PageAllocator.NO_PAGE; pfn++) {
            pinned = kernel.memmap().owner(pfn) == FrameOwner.ANON ? pfn : PageAllocator.NO_PAGE;
        }
        if (pinned == PageAllocator.NO_PAGE) {
            pinned = firstAnonymousOfArea();
        }
        kernel.memmap().get(pinned);
        long pfn = cma.allocate(1024, 0);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(pinned >= pfn && pinned < pfn + 1024).isFalse();
        kernel.memmap().putTestZero(pinned);
        assertContents(area, 20_000);
    }

    @Test
    void allocate_moreThanTheArea_fails() {
        assertThat(cma.allocate(CMA_PAGES + 1, 0)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(cma.allocate(0, 0)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(cma.allocate(CMA_PAGES, 0)).isEqualTo(cma.basePfn());
        assertThat(cma.allocate(1, 0)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(kernel.vmstat().global(ZoneStat.NR_FREE_CMA)).isZero();
    }

    /** {@code cma_release()} gives false for what is not the area's; frames that are not handed out are not freed. */
    @Test
    void release_foreignOrFreeFrames_isRefused() {
        assertThat(cma.release(cma.basePfn() - 1, 1)).isFalse();
        assertThat(cma.release(cma.basePfn(), 1)).isFalse();
        long pfn = cma.allocate(8, 3);
        assertThat(cma.release(pfn, 9)).isFalse();
        assertThat(cma.release(pfn, 8)).isTrue();
        assertThat(cma.release(pfn, 8)).isFalse();
    }

    @Test
    void allocateRange_kernelPageInIt_isBusyAndChangesNothing() {
        long pfn = kernel.allocator().allocPages(Gfp.GFP_KERNEL, 0);
        long free = kernel.vmstat().global(ZoneStat.NR_FREE_PAGES);
        assertThat(kernel.contiguous().allocate(pfn & -512L, (pfn & -512L) + 512, Purpose.RANGE))
                .isEqualTo(Outcome.BUSY);
        assertThat(kernel.memmap().pageblockType(pfn)).isNotEqualTo(MigrateType.ISOLATE);
        assertThat(kernel.vmstat().global(ZoneStat.NR_FREE_PAGES)).isGreaterThanOrEqualTo(free);
        kernel.allocator().freePages(pfn, 0);
    }

    @Test
    void allocateRange_oddBorders_givesTheRestBack() {
        long area = fill(10_000);
        long pfn = kernel.contiguous().allocatePages(777, 0);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(pfn % 1024).isZero();
        assertThat(kernel.memmap().owner(pfn + 776)).isEqualTo(FrameOwner.KERNEL);
        assertThat(kernel.memmap().owner(pfn + 777)).isNotEqualTo(FrameOwner.KERNEL);
        machine.verify();
        kernel.contiguous().free(pfn, 777);
        assertContents(area, 10_000);
    }

    private boolean isInArea(long pfn) {
        return pfn >= cma.basePfn() && pfn < cma.basePfn() + CMA_PAGES;
    }

    private long firstAnonymousOfArea() {
        long pfn = cma.basePfn();
        while (kernel.memmap().owner(pfn) != FrameOwner.ANON) {
            pfn++;
        }
        return pfn;
    }

    private long fill(int pages) {
        long area = machine.anonymous(pages);
        for (long page = 0; page < pages; page++) {
            assertThat(kernel.store(machine.task, area + page * PAGE, page * 3 + 1))
                    .isEqualTo(UserAccess.OK);
        }
        // The upper half is given back, so that there is room to move to.
        machine.call("madvise", area + pages / 2 * PAGE, pages / 4 * PAGE, 4);
        return area;
    }

    private void assertContents(long area, int pages) {
        for (long page = 0; page < pages; page++) {
            if (page < pages / 2 || page >= pages / 2 + pages / 4) {
                assertThat(kernel.load(machine.task, area + page * PAGE)).isEqualTo(page * 3 + 1);
            }
        }
    }
}
