package io.pagewalk.kernel.zone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.pagewalk.kernel.zone.ZoneinfoDump.DumpedZone;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The sizing arithmetic against recorded /proc/zoneinfo of real machines, and of this one.
 *
 * <p>Formulas by version: min, low, high and protection are those of 6.18 in every dump, with two exceptions: before 4.6 the distance between two
 * levels is always {@code min/4} (no {@code watermark_scale_factor}), and 3.x kernels on ARM without huge pages keep the square root. Batch and
 * limits of the per-CPU lists are checked on 6.7 and later only, since they changed in 4.x, 5.14 and 6.7.
 *
 * <p>A kernel sizes before it frees init memory and the initial RAM disk, so the dump's managed pages are larger than those that were used. The
 * pages that DMA protects are a multiple of 256 of what was managed above it then; where there is a zone DMA, that number is taken.
 */
class ZoneinfoDumpTest {
    /** Memory that changed hands after sizing and does not show in DMA's protection: at most this part of a zone. */
    private static final double LATE_CHANGES = 0.0015;

    @ParameterizedTest
    @CsvSource({
        // file, 4.6 or later, huge pages
        "001.txt, true, true", // 4.18 to 5.x, DMA32 and Normal boosted
        "003.txt, false, true", // 3.10, two nodes
        "005.txt, true, true", // 4.x
        "006.txt, true, true", // 4.x
        "007.txt, true, true", // 5.14 or later, two nodes
        "010.txt, false, false", // 3.x, ARM with high memory
        "011.txt, true, true", // 5.15, four CPUs
        "014.txt, false, false", // 3.x, ARM
    })
    void watermarks_ofRecordedMachine_areDerived(String file, boolean hasScaleFactor, boolean hasHugePages)
            throws IOException {
        Path data = Path.of(System.getProperty("pagewalk.data", "../../shared/data"));
        Path path = data.resolve("proc/zoneinfo").resolve(file);
        Assumptions.assumeTrue(Files.isReadable(path), "no recorded zoneinfo: " + path + " is missing");
        check(ZoneinfoDump.read(path), hasScaleFactor, hasHugePages, LATE_CHANGES);
    }

    /** The machine that runs the test, when it is Linux and its formulas are those of 6.7 or later. */
    @Test
    void watermarks_ofThisMachine_areDerived() throws IOException {
        Path path = Path.of("/proc/zoneinfo");
        Assumptions.assumeTrue(Files.isReadable(path), "no /proc/zoneinfo here");
        ZoneinfoDump dump = ZoneinfoDump.read(path);
        Assumptions.assumeTrue(
                dump.zones().getFirst().numbers().containsKey("high_max"), "this kernel is older than 6.7");
        List<Zone> zones = zonesOf(dump, false);
        long minFree = sysctl("min_free_kbytes");
        long scale = sysctl("watermark_scale_factor");
        long highFraction = sysctl("percpu_pagelist_high_fraction");
        ZoneSizing.setupWatermarks(zones, minFree, scale);
        for (int i = 0; i < zones.size(); i++) {
            Zone zone = zones.get(i);
            DumpedZone real = dump.zones().get(i);
            if (real.managed() == 0 || real.get("boost") > 0) {
                continue;
            }
            // Init memory that is freed after sizing moves a level by some pages.
            long slack = 1 + (long) (real.get("high") * LATE_CHANGES);
            assertThat(zone.watermarks().min()).as(zone.name()).isCloseTo(real.get("min"), within(slack));
            assertThat(zone.watermarks().low()).as(zone.name()).isCloseTo(real.get("low"), within(slack));
            assertThat(zone.watermarks().high()).as(zone.name()).isCloseTo(real.get("high"), within(slack));
            assertThat(zone.watermarks().promo()).as(zone.name()).isCloseTo(real.get("promo"), within(slack));
            assertThat(ZoneSizing.batch(real.managed())).as(zone.name()).isEqualTo((int) real.get("batch"));
            long localCpus =
                    dump.zones().stream().mapToInt(DumpedZone::node).distinct().count() == 1 ? real.cpus() : 0;
            if (localCpus > 0) {
                ZoneSizing.setupPagesets(zone, (int) localCpus, highFraction);
                assertThat(zone.pageset(0).highMin).isCloseTo((int) real.get("high_min"), within((int) slack));
                assertThat(zone.pageset(0).highMax).isCloseTo((int) real.get("high_max"), within(64));
                assertThat(ZoneSizing.statThreshold(zone)).isEqualTo((int) real.get("threshold"));
            }
        }
    }

    /** Files under /proc/sys must be read with one call: a second one finds their end. */
    private static long sysctl(String name) throws IOException {
        try (BufferedReader reader = Files.newBufferedReader(Path.of("/proc/sys/vm", name))) {
            return Long.parseLong(reader.readLine().strip());
        }
    }

    private static void check(ZoneinfoDump dump, boolean hasScaleFactor, boolean hasHugePages, double late) {
        List<Zone> zones = zonesOf(dump, true);
        int normal = zones.getFirst().layoutSize() - 1;
        for (Zone zone : zones) {
            normal = zone.type() == ZoneType.NORMAL ? zone.index() : normal;
        }
        long minFree = ZoneSizing.minFreeKbytes(ZoneSizing.freeBufferPages(zones, normal));
        if (hasHugePages) {
            minFree = Math.max(minFree, ZoneSizing.recommendedMinFreeKbytes(zones, normal));
        }
        ZoneSizing.setupWatermarks(zones, minFree, hasScaleFactor ? 10 : 0);
        for (int i = 0; i < zones.size(); i++) {
            Zone zone = zones.get(i);
            DumpedZone real = dump.zones().get(i);
            if (real.managed() == 0) {
                continue;
            }
            String where = "node " + real.node() + " zone " + real.name();
            Watermarks model = zone.watermarks();
            long step = model.low() - model.min();
            long slack = 1 + (long) (model.min() * late);
            assertThat(step).as(where + " low - min").isCloseTo(real.get("low") - real.get("min"), within(slack));
            assertThat(step).as(where + " high - low").isCloseTo(real.get("high") - real.get("low"), within(slack));
            boolean isBoosted = real.get("min") > model.min() * 1.04;
            if (!isBoosted) {
                assertThat(model.min()).as(where + " min").isCloseTo(real.get("min"), within(slack));
            } else {
                assertThat(hasScaleFactor)
                        .as(where + " is boosted on a kernel that can")
                        .isTrue();
            }
            checkProtection(dump, zones, i, where);
        }
    }

    /** Lower zones keep a 256th of what lies above them, zones below high memory a 32nd. */
    private static void checkProtection(ZoneinfoDump dump, List<Zone> zones, int i, String where) {
        DumpedZone real = dump.zones().get(i);
        long ratio = real.name().startsWith("DMA") ? 256 : 32;
        long above = 0;
        int place = 0;
        for (int j = 0; j < zones.size() && place < real.protection().size(); j++) {
            if (dump.zones().get(j).node() != real.node()) {
                continue;
            }
            above += j > i ? zones.get(j).managedPages() : 0;
            long late = 1 + (long) (above * LATE_CHANGES / (double) ratio);
            assertThat(real.protection().get(place))
                    .as(where + " protection " + place)
                    .isCloseTo(above / ratio, within(late));
            place++;
        }
    }

    /** Rebuilds a dump's zones; managed pages at the time of sizing where DMA's protection tells them. */
    private static List<Zone> zonesOf(ZoneinfoDump dump, boolean atSizing) {
        List<ZoneType> types = dump.zones().stream()
                .map(DumpedZone::name)
                .distinct()
                .map(ZoneinfoDumpTest::type)
                .sorted()
                .toList();
        ZoneLayout layout =
                new ZoneLayout(types, types.stream().map(t -> 1L << 50).toList());
        List<Zone> zones = new ArrayList<>();
        for (DumpedZone real : dump.zones()) {
            Zone zone = new Zone(
                    layout,
                    real.node(),
                    types.indexOf(type(real.name())),
                    real.get("start_pfn"),
                    real.get("spanned"),
                    real.get("present"),
                    Math.max(1, dump.cpus()));
            zone.addManagedPages(atSizing ? managedAtSizing(dump, real) : real.managed());
            zones.add(zone);
        }
        return zones;
    }

    private static long managedAtSizing(ZoneinfoDump dump, DumpedZone zone) {
        DumpedZone dma = dump.zones().getFirst();
        int place = dump.zones().indexOf(zone);
        if (zone.node() != 0
                || !dma.name().equals("DMA")
                || place == 0
                || place >= dma.protection().size()) {
            return zone.managed();
        }
        long then = (dma.protection().get(place) - dma.protection().get(place - 1)) * 256 + 127;
        return then > 127 ? then : zone.managed();
    }

    private static ZoneType type(String name) {
        for (ZoneType type : ZoneType.values()) {
            if (type.label().equals(name)) {
                return type;
            }
        }
        throw new IllegalArgumentException("zone " + name);
    }
}
