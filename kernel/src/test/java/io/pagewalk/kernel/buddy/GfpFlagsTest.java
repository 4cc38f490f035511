package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What each flag of a request changes when memory is short: {@code __alloc_pages_slowpath()} of 6.18, one flag at a time. */
class GfpFlagsTest {
    private final List<Long> cleared = new ArrayList<>();
    private final BootMemory memory = twoNodes();
    private final PageAllocator allocator = memory.allocator();
    private final Deque<Long> held = new ArrayDeque<>();
    private final List<String> log = new ArrayList<>();
    private int kswapdWakes;
    private int reclaims;
    private int compactions;
    private int kills;
    private long progress;
    private CompactResult compactResult = CompactResult.COMPLETE;

    @BeforeEach
    void wire() {
        allocator.setHost(AllocatorHost.collecting(log));
        allocator.setKswapd((zone, gfp, order, highest) -> kswapdWakes++);
        allocator.setDirectReclaim((gfp, order, node) -> {
            reclaims++;
            return progress;
        });
        allocator.setOutOfMemory((gfp, order, node) -> {
            kills++;
            giveBack(4000);
            return true;
        });
        allocator.setCompactor(new Compactor() {
            @Override
            public CompactResult tryToCompact(
                    int gfp, int order, int allocFlags, Zonelist zonelist, int highestZone, CompactPriority priority) {
                compactions++;
                return compactResult;
            }

            @Override
            public long takeCaptured() {
                return NO_PAGE;
            }

            @Override
            public boolean isAnySuitable(Zonelist zonelist, int order, int highestZone) {
                return false;
            }

            @Override
            public void succeeded(Zone zone, int order) {}
        });
    }

    @AfterEach
    void verify() {
        TestMachines.verify(memory);
    }

    @Test
    void normal_kernel_wakesKswapdReclaimsAndKills() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(NO_PAGE);
        assertThat(kswapdWakes).isPositive();
        assertThat(reclaims).isPositive();
        assertThat(kills).isEqualTo(1);
    }

    @Test
    void nowait_short_onlyWakesKswapd() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_NOWAIT)).isEqualTo(NO_PAGE);
        assertThat(kswapdWakes).isPositive();
        assertThat(reclaims + kills).isZero();
    }

    @Test
    void zeroReclaimBits_short_doesNotEvenWakeKswapd() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.NOWARN)).isEqualTo(NO_PAGE);
        assertThat(kswapdWakes + reclaims + kills).isZero();
    }

    @Test
    void noretry_short_reclaimsOnceAndGivesUp() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NORETRY)).isEqualTo(NO_PAGE);
        assertThat(reclaims).isEqualTo(1);
        assertThat(kills).isZero();
    }

    /** MAX_RECLAIM_RETRIES is 16: fifteen rounds without progress and the last. Nobody is killed for it. */
    @Test
    void retryMayfail_short_retriesButNeverKills() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.RETRY_MAYFAIL)).isEqualTo(NO_PAGE);
        assertThat(reclaims).isPositive();
        assertThat(kills).isZero();
    }

    @Test
    void nofail_nothingToReclaim_killsUntilThereIsMemory() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NOFAIL)).isNotEqualTo(NO_PAGE);
        assertThat(kills).isPositive();
    }

    @Test
    void nofail_failNth_isNotMadeToFail() {
        allocator.failNth().arm(1);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NOFAIL)).isNotEqualTo(NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isEqualTo(NO_PAGE);
        allocator.failNth().arm(0);
    }

    @Test
    void costly_short_isNotRetriedAndKillsNobody() {
        exhaust();
        progress = 32;
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 4)).isEqualTo(NO_PAGE);
        assertThat(reclaims).isEqualTo(1);
        assertThat(compactions).isEqualTo(2);
        assertThat(kills).isZero();
    }

    @Test
    void costlyNoretry_compactionDeferred_failsBeforeReclaim() {
        exhaust();
        compactResult = CompactResult.DEFERRED;
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NORETRY, 9)).isEqualTo(NO_PAGE);
        assertThat(compactions).isEqualTo(1);
        assertThat(reclaims).isZero();
    }

    @Test
    void noio_short_reclaimsWithoutCompaction() {
        exhaust();
        assertThat(allocator.allocPages(Gfp.GFP_NOIO | Gfp.NORETRY, 2)).isEqualTo(NO_PAGE);
        assertThat(reclaims).isEqualTo(1);
        assertThat(compactions).isZero();
    }

    @Test
    void thisNode_otherNodeFree_failsRatherThanGoingThere() {
        exhaustNode(0);
        long other = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NORETRY, 0, 0);
        assertThat(allocator.zoneOf(other).node()).isEqualTo(1);
        held.push(other);
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.THISNODE, 0, 0))
                .isEqualTo(NO_PAGE);
        assertThat(kills).isZero();
    }

    @Test
    void high_short_getsHalfOfTheReserve() {
        exhaust();
        assertThat(allocator.allocPage(Gfp.GFP_NOWAIT)).isEqualTo(NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_NOWAIT | Gfp.HIGH)).isNotEqualTo(NO_PAGE);
    }

    @Test
    void nomemalloc_memallocTask_isRefusedTheReserve() {
        exhaust();
        allocator.setMemalloc(true);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NOMEMALLOC | Gfp.NORETRY))
                .isEqualTo(NO_PAGE);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL)).isNotEqualTo(NO_PAGE);
        allocator.setMemalloc(false);
        assertThat(reclaims).isZero();
    }

    /** In interrupt context the reserves of the interrupted task are not the handler's. */
    @Test
    void memallocTask_inInterrupt_hasNoReserve() {
        exhaust();
        allocator.setMemalloc(true);
        allocator.setInInterrupt(true);
        assertThat(allocator.allocPage(Gfp.GFP_NOWAIT)).isEqualTo(NO_PAGE);
        allocator.setInInterrupt(false);
        allocator.setMemalloc(false);
    }

    @Test
    void nowarn_failing_isSilentAndOthersReportOnceInTenSeconds() {
        exhaust();
        log.clear();
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN))
                .isEqualTo(NO_PAGE);
        assertThat(log).isEmpty();
    }

    /** The line of recorded reports, such as {@code repro.sh: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0-1}. */
    @Test
    void kernel_failing_isReportedAsLinuxPrintsIt() {
        exhaustQuietly();
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL, 4)).isEqualTo(NO_PAGE);
        assertThat(log)
                .containsExactly("swapper/0: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL),"
                        + " nodemask=(null),cpuset=/,mems_allowed=0-1");
    }

    @Test
    void zero_anyOrder_clearsEachFrame() {
        cleared.clear();
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.ZERO, 2);
        assertThat(cleared).containsExactly(pfn, pfn + 1, pfn + 2, pfn + 3);
    }

    @Test
    void comp_block_isOnePageAndFreedWhole() {
        long pfn = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.COMP, 3);
        assertThat(memory.memMap().hasFlags(pfn, PageFlags.HEAD)).isTrue();
        assertThat(memory.memMap().compoundHead(pfn + 5)).isEqualTo(pfn);
        assertThat(allocator.putPage(pfn + 5)).isTrue();
        assertThat(memory.memMap().owner(pfn + 7)).isEqualTo(FrameOwner.PCP);
    }

    @Test
    void dma_anyZone_staysBelowItsBorder() {
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.DMA)).isLessThan(4096);
        assertThat(allocator.allocPage(Gfp.GFP_KERNEL | Gfp.DMA32)).isBetween(4096L, (1L << 20) - 1);
    }

    private void exhaust() {
        exhaustQuietly();
        log.clear();
    }

    /** Takes everything above the watermarks, and what lies on per-CPU lists, which no watermark guards. */
    private void exhaustQuietly() {
        int before;
        do {
            allocator.drainAllPages();
            before = held.size();
            for (int node = 0; node < 2; node++) {
                take(node, Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN);
            }
        } while (held.size() > before);
        kswapdWakes = 0;
        reclaims = 0;
        compactions = 0;
        kills = 0;
    }

    private void exhaustNode(int node) {
        int before;
        do {
            allocator.drainAllPages();
            before = held.size();
            take(node, Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN | Gfp.THISNODE);
        } while (held.size() > before);
    }

    private void take(int node, int gfp) {
        for (long pfn = allocator.allocPages(gfp, 0, node); pfn != NO_PAGE; pfn = allocator.allocPages(gfp, 0, node)) {
            held.push(pfn);
        }
    }

    private void giveBack(int pages) {
        for (int i = 0; i < pages; i++) {
            allocator.freePages(held.pop(), 0);
        }
    }

    private BootMemory twoNodes() {
        long ram = 512 * Size.MIB;
        BootPlan plan = new BootPlan(
                ZoneLayout.x8664(),
                List.of(new BootPlan.NodeMemory(0, ram / 2, 0), new BootPlan.NodeMemory(ram / 2, ram, 1)),
                List.of(new BootPlan.Taken(0, 1 << 20, FrameOwner.RESERVED)),
                List.of(),
                List.of(0, 1),
                List.of(List.of(10, 20), List.of(20, 10)),
                AddressConversion.x8664FourLevel(ram >>> 12),
                64,
                BootPlan.PER_CPU_PAGES);
        return BootMemory.boot(plan, new Sysctls(), cleared::add);
    }
}
