package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.compaction.Fragmentation;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Settings of the page allocator written while the machine runs. The numbers follow the formulas of {@code mm/page_alloc.c} in 6.18, written out here once more:
 * {@code __setup_per_zone_wmarks()}, {@code zone_highsize()}, {@code setup_per_zone_lowmem_reserve()}, {@code boost_watermark()}; the same formulas at boot are held
 * against recorded machines elsewhere.
 */
class PageSettingsTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final int PAGEBLOCK = 512;
    private static final long PAGES = 16_000;

    @ParameterizedTest
    @CsvSource({
        "X86_64_4LEVEL, skylake, 6144, 4096, 10",
        "X86_64_4LEVEL, skylake, 6144, 90000, 10",
        "X86_64_4LEVEL, skylake, 6144, 67584, 3000",
        "X86_64_4LEVEL, skylake, 6144, 0, 1",
        "I386_PAE, pentium-m, 2048, 20000, 200",
        "I386, pentium-m, 1024, 128, 10",
    })
    void watermarks_settingsWritten_areThoseOfTheFormula(
            PagingMode mode, String cpu, long ramMib, long minFree, long scale) {
        TestKernel machine = TestKernel.boot(cpu, mode, ramMib * Size.MIB, 2, BootOptions.defaults());
        machine.kernel.writeSysctl("vm.min_free_kbytes", Long.toString(minFree));
        machine.kernel.writeSysctl("vm.watermark_scale_factor", Long.toString(scale));
        List<Zone> zones = machine.kernel.bootMemory().zones();
        long low = zones.stream()
                .filter(PageSettingsTest::isLow)
                .mapToLong(Zone::managedPages)
                .sum();
        for (Zone zone : zones) {
            if (!zone.isManaged()) {
                continue;
            }
            long share = minFree / 4 * zone.managedPages() / low;
            long min = isLow(zone) ? share : Math.min(128, Math.max(32, zone.managedPages() / 1024));
            long step = Math.max(share / 4, zone.managedPages() * scale / 10_000);
            assertThat(List.of(
                            zone.watermarks().min(),
                            zone.watermarks().low(),
                            zone.watermarks().high(),
                            zone.watermarks().promo()))
                    .as(zone.name())
                    .containsExactly(min, min + step, min + 2 * step, min + 3 * step);
            // Two CPUs share the zone; the lists hold what lies below the low watermark, at least four batches.
            int batch = zone.pageset(0).batch;
            assertThat(zone.pageset(1).highMin)
                    .isEqualTo((int) Math.max(zone.watermarks().low() / 2, batch * 4L));
            assertThat(zone.pageset(1).highMax).isEqualTo((int) Math.max(zone.managedPages() / 8 / 2, batch * 4L));
        }
        machine.verify();
    }

    /** What is written while the machine runs ends where the same setting at boot would have ended. */
    @ParameterizedTest
    @CsvSource({
        "min_free_kbytes, 30000",
        "watermark_scale_factor, 77",
        "percpu_pagelist_high_fraction, 8",
        "percpu_pagelist_high_fraction, 400",
        "lowmem_reserve_ratio, 100 200 10 0 0",
        "lowmem_reserve_ratio, 0 1",
    })
    void setting_writtenLater_isAsAtBoot(String name, String value) {
        TestKernel later = boot(6 * Size.GIB, BootOptions.defaults());
        List<String> before = sizes(later);
        later.kernel.writeSysctl(name, value);
        TestKernel atBoot = boot(6 * Size.GIB, BootOptions.defaults().withSysctls(Map.of(name, value)));
        assertThat(sizes(later)).isEqualTo(sizes(atBoot)).isNotEqualTo(before);
        assertThat(later.kernel.sysctls().text(name))
                .isEqualTo(atBoot.kernel.sysctls().text(name));
    }

    @Test
    void pagesets_highFractionWrittenAndTakenBack_followTheZone() {
        TestKernel machine = boot(6 * Size.GIB, BootOptions.defaults());
        List<String> before = sizes(machine);
        machine.kernel.writeSysctl("percpu_pagelist_high_fraction", "64");
        for (Zone zone : machine.kernel.bootMemory().zones()) {
            if (zone.isManaged()) {
                int high = (int) Math.max(zone.managedPages() / 64 / 2, zone.pageset(0).batch * 4L);
                assertThat(zone.pageset(0).highMin).isEqualTo(high);
                assertThat(zone.pageset(0).highMax).isEqualTo(high);
            }
        }
        machine.kernel.writeSysctl("percpu_pagelist_high_fraction", "0");
        assertThat(sizes(machine)).isEqualTo(before);
    }

    /** {@code proc_dointvec_minmax()} stores as many numbers as there are; the others keep their values. */
    @Test
    void lowmemReserveRatio_fewerNumbersThanZones_changesTheFirstOnly() {
        TestKernel machine = boot(6 * Size.GIB, BootOptions.defaults());
        List<Zone> zones = machine.kernel.bootMemory().zones();
        long above = zones.get(1).managedPages() + zones.get(2).managedPages();
        assertThat(zones.getFirst().lowmemReserve(2)).isEqualTo(above / 256);
        machine.kernel.writeSysctl("lowmem_reserve_ratio", "32");
        assertThat(machine.kernel.sysctls().text("lowmem_reserve_ratio")).isEqualTo("32\t256\t32\t0\t0");
        assertThat(zones.getFirst().lowmemReserve(2)).isEqualTo(above / 32);
        assertThat(zones.get(1).lowmemReserve(2))
                .isEqualTo(zones.get(2).managedPages() / 256)
                .isPositive();
        machine.kernel.writeSysctl("lowmem_reserve_ratio", "0");
        assertThat(zones.getFirst().lowmemReserve(2)).isZero();
    }

    /** A request that could use a higher zone leaves the protection of the lower one alone. */
    @Test
    void lowmemReserveRatio_raised_keepsTheZoneFromOthers() {
        TestKernel machine = boot(6 * Size.GIB, BootOptions.defaults());
        Zone dma = machine.kernel.bootMemory().zones().getFirst();
        machine.kernel.writeSysctl("lowmem_reserve_ratio", "1");
        assertThat(dma.lowmemReserve(2)).isGreaterThan(dma.managedPages());
        exhaust(machine, Gfp.GFP_NOWAIT);
        assertThat(dma.freePages).isEqualTo(dma.managedPages());
        machine.kernel.writeSysctl("lowmem_reserve_ratio", "0");
        exhaust(machine, Gfp.GFP_NOWAIT);
        assertThat(dma.freePages).isLessThan(dma.managedPages() / 2);
    }

    /** Up to four high watermarks with a factor of 40000, in steps of a pageblock; kswapd takes it back, and wakes kcompactd for a huge page. */
    @Test
    void boost_unmovableRequestInMovableBlock_raisesWatermarksUntilKswapdRuns() {
        TestKernel machine = boot(128 * Size.MIB, TestKernel.sysctl("watermark_boost_factor", "40000"));
        fragment(machine);
        Zone zone = machine.kernel.bootMemory().zones().get(1);
        long high = zone.watermarks().base(Watermarks.HIGH);
        long low = zone.watermarks().low();
        assertThat(zone.watermarks().boost()).isZero();
        List<Long> boosts = new ArrayList<>();
        while (boosts.size() < 5) {
            assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 0)).isNotEqualTo(PageAllocator.NO_PAGE);
            long boost = zone.watermarks().boost();
            if (boost > 0 && (boosts.isEmpty() || boosts.getLast() != boost || boost == high * 4)) {
                boosts.add(boost);
                assertThat(zone.watermarks().low()).isEqualTo(low + boost);
                assertThat(zone.watermarks().base(Watermarks.HIGH)).isEqualTo(high);
            }
        }
        List<Long> expected = new ArrayList<>();
        for (long step = 1; step <= 5; step++) {
            expected.add(Math.min(step * PAGEBLOCK, high * 4));
        }
        assertThat(boosts).isEqualTo(expected);
        long wakes = machine.event(VmEvent.COMPACT_DAEMON_WAKE);
        machine.call("getpid");
        assertThat(zone.watermarks().boost()).isZero();
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_WAKE)).isEqualTo(wakes + 1);
        machine.verify();
    }

    @Test
    void boost_factorZeroOrWatermarksWritten_isNoneAndEnds() {
        TestKernel machine = boot(128 * Size.MIB, BootOptions.defaults());
        fragment(machine);
        Zone zone = machine.kernel.bootMemory().zones().get(1);
        machine.kernel.writeSysctl("watermark_boost_factor", "0");
        takeKernelPages(machine, 2000);
        assertThat(zone.watermarks().boost()).isZero();
        machine.kernel.writeSysctl("watermark_boost_factor", "15000");
        takeKernelPages(machine, 2000);
        assertThat(zone.watermarks().boost()).isPositive();
        machine.kernel.writeSysctl("watermark_scale_factor", "11");
        assertThat(zone.watermarks().boost()).isZero();
    }

    /** A request that may not compact itself wakes kswapd, and kswapd kcompactd: {@code wakeup_kcompactd()}. */
    @Test
    void kcompactd_orderMissing_makesBlocksBehindTheCaller() {
        TestKernel machine = boot(128 * Size.MIB, TestKernel.sysctl("compaction_proactiveness", "0"));
        long area = fragment(machine);
        takeBlocks(machine, Gfp.GFP_NOWAIT, 4);
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_WAKE)).isZero();
        machine.call("getpid");
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_WAKE)).isEqualTo(1);
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED)).isPositive();
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_FREE_SCANNED)).isPositive();
        assertThat(machine.event(VmEvent.COMPACT_STALL)).isZero();
        assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_NOWAIT, 4)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertContents(machine, area);
        machine.verify();
    }

    /** {@code should_proactive_compact_node()}: above the high mark (90 with the default of 20) the node is compacted each half second until it is below. */
    @Test
    void proactive_fragmentedNode_isCompactedWithoutRequest() {
        TestKernel machine = boot(128 * Size.MIB, TestKernel.sysctl("compaction_proactiveness", "0"));
        long area = fragment(machine);
        takeBlocks(machine, 0, 9);
        Zone zone = machine.kernel.bootMemory().zones().get(1);
        pass(machine, 2_000_000_000L);
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED)).isZero();
        assertThat(Fragmentation.score(zone)).isEqualTo(100);
        machine.kernel.writeSysctl("compaction_proactiveness", "60");
        // The handler wakes kcompactd at once.
        machine.call("getpid");
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED)).isPositive();
        assertThat(Fragmentation.score(zone)).isLessThanOrEqualTo(50);
        // It stops at the low mark.
        assertThat(Fragmentation.score(zone)).isGreaterThan(25);
        assertContents(machine, area);
        machine.verify();
    }

    /** When a run does not lower the score, the next 64 looks are left out: {@code proactive_defer}. */
    @Test
    void proactive_nothingMovable_isDeferredHalfAMinute() {
        TestKernel machine = boot(128 * Size.MIB, BootOptions.defaults());
        PageAllocator allocator = machine.kernel.allocator();
        List<Long> pages = exhaust(machine, Gfp.GFP_NOWAIT);
        for (int i = 0; i < pages.size(); i++) {
            if (pages.get(i) % 2 == 0) {
                allocator.freePages(pages.get(i), 0);
            }
        }
        allocator.drainAllPages();
        machine.kernel.writeSysctl("compaction_proactiveness", "20");
        pass(machine, 1_000_000_000L);
        long scanned = machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED);
        assertThat(scanned).isPositive();
        pass(machine, 29_000_000_000L);
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED)).isEqualTo(scanned);
        pass(machine, 4_000_000_000L);
        assertThat(machine.event(VmEvent.COMPACT_DAEMON_MIGRATE_SCANNED)).isGreaterThan(scanned);
    }

    /** Below the threshold a costly request fails for want of memory, and compaction would not help: {@code compaction_suitable()}. */
    @Test
    void extfragThreshold_atItsMost_keepsCostlyRequestsFromCompacting() {
        TestKernel machine = boot(128 * Size.MIB, BootOptions.defaults());
        fragment(machine);
        takeBlocks(machine, 0, 9);
        PageAllocator allocator = machine.kernel.allocator();
        machine.kernel.writeSysctl("extfrag_threshold", "1000");
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NOWARN, 9)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.event(VmEvent.PGMIGRATE_SUCCESS)).isZero();
        machine.kernel.writeSysctl("extfrag_threshold", "500");
        assertThat(allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NOWARN, 9)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.event(VmEvent.PGMIGRATE_SUCCESS)).isPositive();
    }

    private static TestKernel boot(long ramBytes, BootOptions options) {
        return TestKernel.boot("skylake", PagingMode.X86_64_4LEVEL, ramBytes, 2, options);
    }

    private static boolean isLow(Zone zone) {
        return zone.type() != ZoneType.HIGHMEM && zone.type() != ZoneType.MOVABLE;
    }

    private static List<String> sizes(TestKernel machine) {
        List<String> sizes = new ArrayList<>();
        for (Zone zone : machine.kernel.bootMemory().zones()) {
            StringBuilder text = new StringBuilder(zone.name());
            for (int mark = Watermarks.MIN; mark <= Watermarks.PROMO; mark++) {
                text.append(' ').append(zone.watermarks().pages(mark));
            }
            for (int i = 0; i < zone.layoutSize(); i++) {
                text.append(' ').append(zone.lowmemReserve(i));
            }
            text.append(' ').append(zone.pageset(0).batch);
            text.append(' ').append(zone.pageset(0).highMin);
            text.append(' ').append(zone.pageset(0).highMax);
            sizes.add(text.toString());
        }
        return sizes;
    }

    private static List<Long> exhaust(TestKernel machine, int gfp) {
        List<Long> pages = new ArrayList<>();
        long pfn = machine.kernel.allocator().allocPages(gfp | Gfp.NOWARN, 0);
        while (pfn != PageAllocator.NO_PAGE) {
            pages.add(pfn);
            pfn = machine.kernel.allocator().allocPages(gfp | Gfp.NOWARN, 0);
        }
        return pages;
    }

    private static void takeBlocks(TestKernel machine, int gfp, int smallestOrder) {
        for (int order = 10; order >= smallestOrder; order--) {
            long pfn = 0;
            while (pfn != PageAllocator.NO_PAGE) {
                pfn = machine.kernel.allocator().allocPages(gfp | Gfp.NOWARN, order);
            }
        }
    }

    private static void takeKernelPages(TestKernel machine, int pages) {
        for (int i = 0; i < pages; i++) {
            assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 0)).isNotEqualTo(PageAllocator.NO_PAGE);
        }
    }

    /** Lets time pass, with a system call each tenth of a second. */
    private static void pass(TestKernel machine, long nanos) {
        for (long passed = 0; passed < nanos; passed += 100_000_000L) {
            machine.kernel.time().charge(Cause.PROCESS, 100_000_000L);
            machine.call("getpid");
        }
    }

    /** Fills memory with one area and takes away every second page, so that no neighbours are free. */
    private static long fragment(TestKernel machine) {
        long area = machine.anonymous(PAGES);
        for (long page = 0; page < PAGES; page++) {
            assertThat(machine.kernel.store(machine.task, area + page * PAGE, page * 7 + 1))
                    .isEqualTo(UserAccess.OK);
        }
        for (long page = 1; page < PAGES; page += 2) {
            machine.call("madvise", area + page * PAGE, PAGE, 4);
        }
        machine.kernel.allocator().drainAllPages();
        return area;
    }

    private static void assertContents(TestKernel machine, long area) {
        for (long page = 0; page < PAGES; page += 2) {
            assertThat(machine.kernel.load(machine.task, area + page * PAGE)).isEqualTo(page * 7 + 1);
        }
    }
}
