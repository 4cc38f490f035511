package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.compaction.Fragmentation;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Compaction with real pages under it: contents, mappings and counts survive, and large blocks appear. */
class CompactionTest {
    private static final long PAGE = TestKernel.PAGE;

    private final TestKernel machine =
            TestKernel.boot("skylake", PagingMode.X86_64_4LEVEL, 128 * Size.MIB, 1, BootOptions.defaults());
    private final LinuxKernel kernel = machine.kernel;

    @AfterEach
    void verify() {
        machine.verify();
    }

    @Test
    void compactMemory_everyOtherPageFree_makesHugeBlocksAndKeepsContents() {
        long area = fragment();
        Zone zone = dma32();
        long before = zone.freePagesBlocks;
        long mapped = kernel.vmstat().global(NodeStat.NR_ANON_PAGES);
        kernel.writeSysctl("vm.compact_memory", "1");
        kernel.allocator().drainAllPages();
        assertThat(zone.freePagesBlocks).isGreaterThan(before + 8 * 512);
        assertThat(machine.event(VmEvent.PGMIGRATE_SUCCESS)).isGreaterThan(3000);
        assertThat(kernel.vmstat().global(NodeStat.NR_ANON_PAGES)).isEqualTo(mapped);
        assertThat(kernel.vmstat().global(NodeStat.NR_ISOLATED_ANON)).isZero();
        assertContents(area);
    }

    @Test
    void allocPages_order9InSmallPieces_compactsDirectly() {
        long area = fragment();
        while (kernel.allocator().allocPages(Gfp.GFP_NOWAIT, 9) != PageAllocator.NO_PAGE) {
            // Takes what is large.
        }
        long stalls = machine.event(VmEvent.COMPACT_STALL);
        long pfn = kernel.allocator().allocPages(Gfp.GFP_HIGHUSER_MOVABLE, 9);
        assertThat(pfn).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(pfn % 512).isZero();
        assertThat(machine.event(VmEvent.COMPACT_STALL)).isGreaterThan(stalls);
        assertThat(machine.event(VmEvent.COMPACT_SUCCESS)).isPositive();
        assertContents(area);
    }

    /** Without {@code __GFP_IO} there is no compaction: {@code gfp_compaction_allowed()}. */
    @Test
    void allocPages_noIo_doesNotCompact() {
        fragment();
        while (kernel.allocator().allocPages(Gfp.GFP_NOWAIT, 9) != PageAllocator.NO_PAGE) {
            // Takes what is large.
        }
        assertThat(kernel.allocator().allocPages(Gfp.GFP_NOIO | Gfp.NOWARN, 9)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.event(VmEvent.COMPACT_STALL)).isZero();
    }

    @Test
    void compactMemory_forkedProcess_movesSharedPagesInBoth() {
        long area = fragment();
        Task child = Objects.requireNonNull(kernel.fork(machine.task));

        kernel.writeSysctl("compact_memory", "1");
        assertThat(machine.event(VmEvent.PGMIGRATE_SUCCESS)).isGreaterThan(3000);
        assertContents(area);
        for (long page = 0; page < PAGES; page += 2) {
            assertThat(kernel.load(child, area + page * PAGE)).isEqualTo(page * 7 + 1);
        }
        kernel.store(child, area, 5);
        assertThat(kernel.load(machine.task, area)).isEqualTo(1);
    }

    @Test
    void compactMemory_pagesOfFiles_moveInThePageCache() {
        byte[] contents = new byte[(int) (2000 * PAGE)];
        for (int page = 0; page < 2000; page++) {
            contents[(int) (page * PAGE)] = (byte) (page * 31 + 1);
        }
        kernel.files().registerWithContents("/data", contents);
        int fd = machine.open("/data", 2);
        long map = machine.mapped(machine.call("mmap", 0, 2000 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, fd, 0));
        for (long page = 0; page < 2000; page++) {
            assertThat(kernel.load(machine.task, map + page * PAGE) & 0xff).isEqualTo((page * 31 + 1) & 0xff);
        }
        kernel.store(machine.task, map + 8 * PAGE + 8, 77);
        kernel.files().cache().drain();
        machine.verify();
        long area = fragment();
        kernel.writeSysctl("compact_memory", "1");
        assertContents(area);
        for (long page = 0; page < 2000; page++) {
            assertThat(kernel.load(machine.task, map + page * PAGE) & 0xff).isEqualTo((page * 31 + 1) & 0xff);
        }
        assertThat(kernel.load(machine.task, map + 8 * PAGE + 8)).isEqualTo(77);
    }

    /** An extra reference, as {@code get_user_pages()} takes it, keeps a page where it is. */
    @Test
    void compactMemory_pinnedPage_stays() {
        long area = fragment();
        long pfn = kernel.machine().cpu(0).mmu().translate(area) >>> 12;
        kernel.memmap().get(pfn);
        kernel.writeSysctl("compact_memory", "1");
        assertThat(kernel.machine().cpu(0).mmu().translate(area) >>> 12).isEqualTo(pfn);
        kernel.memmap().putTestZero(pfn);
        assertContents(area);
    }

    @Test
    void compactMemory_lockedPages_moveUnlessForbidden() {
        long area = fragment();
        assertThat(machine.call("mlock", area, PAGE)).isZero();
        long pfn = frameOf(area);
        kernel.writeSysctl("compact_unevictable_allowed", "0");
        kernel.writeSysctl("compact_memory", "1");
        assertThat(frameOf(area)).isEqualTo(pfn);
        machine.verify();
        long mlocked = kernel.vmstat().global(ZoneStat.NR_MLOCK);
        assertThat(mlocked).isEqualTo(1);
    }

    @Test
    void writeSysctl_compactMemoryOther_isRefused() {
        assertThatThrownBy(() -> kernel.writeSysctl("vm.compact_memory", "2")).isInstanceOf(BadInput.class);
    }

    /** The index as fragmentation_index() has it: near 1000 when there is much memory in small pieces, -1000 when the request fits. */
    @Test
    void fragmentationIndex_smallPieces_isHigh() {
        Zone zone = dma32();
        assertThat(Fragmentation.index(zone, 9)).isEqualTo(Fragmentation.WOULD_SUCCEED);
        fragment();
        while (kernel.allocator().allocPages(Gfp.GFP_NOWAIT, 9) != PageAllocator.NO_PAGE) {
            // Takes what is large.
        }
        assertThat(Fragmentation.index(zone, 9)).isBetween(900, 1000);
        assertThat(Fragmentation.unusablePercent(zone, 9)).isEqualTo(100);
    }

    private static final long PAGES = 16_000;

    /** Fills memory with one area and takes away every second page, so that no neighbours are free. */
    private long fragment() {
        long area = machine.anonymous(PAGES);
        for (long page = 0; page < PAGES; page++) {
            assertThat(kernel.store(machine.task, area + page * PAGE, page * 7 + 1))
                    .isEqualTo(UserAccess.OK);
        }
        for (long page = 1; page < PAGES; page += 2) {
            machine.call("madvise", area + page * PAGE, PAGE, 4);
        }
        kernel.allocator().drainAllPages();
        return area;
    }

    private void assertContents(long area) {
        for (long page = 0; page < PAGES; page += 2) {
            assertThat(kernel.load(machine.task, area + page * PAGE)).isEqualTo(page * 7 + 1);
        }
    }

    private long frameOf(long vaddr) {
        kernel.access(machine.task, vaddr, Access.LOAD);
        return kernel.machine().cpu(machine.task.cpu()).mmu().translate(vaddr) >>> 12;
    }

    private Zone dma32() {
        Zone zone = kernel.allocator().nodes().getFirst().zones().get(1);
        assertThat(zone.startPfn() % MemMap.SECTION_FRAMES).isEqualTo(4096);
        return zone;
    }
}
