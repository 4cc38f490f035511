package io.pagewalk.kernel.zone;

import java.util.List;

/**
 * The arithmetic that sizes watermarks, reserves and per-CPU lists from the zones' managed pages: {@code mm/page_alloc.c} and
 * {@code mm/khugepaged.c}. Stateless; boot runs it, and a changed sysctl runs it again.
 */
public final class ZoneSizing {
    private static final long SWAP_CLUSTER_MAX = 32;
    private static final long HIGHMEM_MIN_LIMIT = 128;
    private static final long MIN_FREE_KBYTES_FLOOR = 128;
    private static final long MIN_FREE_KBYTES_CEILING = 262144;
    private static final int PCP_HIGH_FRACTION = 8;
    private static final int PAGEBLOCK_PAGES = 512;
    private static final int PCP_TYPES = 3;
    private static final int THRESHOLD_LIMIT = 125;

    private ZoneSizing() {}

    /**
     * Returns the pages that user requests could get above the high watermarks: {@code nr_free_buffer_pages()}.
     *
     * @param zones all zones of the machine
     * @param normalZone index of the zone NORMAL
     */
    public static long freeBufferPages(List<Zone> zones, int normalZone) {
        long sum = 0;
        for (Zone zone : zones) {
            if (zone.index() <= normalZone
                    && zone.managedPages() > zone.watermarks().high()) {
                sum += zone.managedPages() - zone.watermarks().high();
            }
        }
        return sum;
    }

    /**
     * Returns {@code min_free_kbytes} as a fresh kernel derives it: {@code calculate_min_free_kbytes()}.
     *
     * @param freeBufferPages from {@link #freeBufferPages}
     */
    public static long minFreeKbytes(long freeBufferPages) {
        long root = (long) Math.sqrt((double) (freeBufferPages * 4 * 16));
        return Math.clamp(root, MIN_FREE_KBYTES_FLOOR, MIN_FREE_KBYTES_CEILING);
    }

    /**
     * Returns the raise of {@code min_free_kbytes} that leaves room for huge pages: {@code mm/khugepaged.c:set_recommended_min_free_kbytes()}.
     *
     * @param zones all zones of the machine
     * @param normalZone index of the zone NORMAL
     * @return the recommended value in KiB; Linux never lowers the present one to it
     */
    public static long recommendedMinFreeKbytes(List<Zone> zones, int normalZone) {
        long populated = zones.stream()
                .filter(zone -> zone.isPopulated() && zone.index() <= normalZone)
                .count();
        long pages = PAGEBLOCK_PAGES * populated * (2 + PCP_TYPES * PCP_TYPES);
        return Math.min(pages, freeBufferPages(zones, normalZone) / 20) << 2;
    }

    /**
     * Sets all watermarks: {@code __setup_per_zone_wmarks()}.
     *
     * @param zones all zones of the machine
     * @param minFreeKbytes {@code vm.min_free_kbytes}
     * @param scaleFactor {@code vm.watermark_scale_factor}
     */
    public static void setupWatermarks(List<Zone> zones, long minFreeKbytes, long scaleFactor) {
        long pagesMin = minFreeKbytes >> 2;
        long lowmem = zones.stream()
                .filter(ZoneSizing::isLowmem)
                .mapToLong(Zone::managedPages)
                .sum();
        for (Zone zone : zones) {
            long managed = zone.managedPages();
            long share = lowmem == 0 ? 0 : pagesMin * managed / lowmem;
            long min = isLowmem(zone) ? share : Math.clamp(managed / 1024, SWAP_CLUSTER_MAX, HIGHMEM_MIN_LIMIT);
            long scaled = managed / 10000 * scaleFactor + managed % 10000 * scaleFactor / 10000;
            zone.watermarks().set(min, Math.max(share >> 2, scaled));
        }
    }

    /**
     * Sets what each zone keeps from requests that could use a higher one: {@code setup_per_zone_lowmem_reserve()}.
     *
     * @param node a node
     * @param ratios {@code vm.lowmem_reserve_ratio}, one for each zone
     */
    public static void setupLowmemReserve(NodeData node, List<Integer> ratios) {
        List<Zone> zones = node.zones();
        for (int i = 0; i < zones.size() - 1; i++) {
            Zone zone = zones.get(i);
            int ratio = i < ratios.size() ? ratios.get(i) : 0;
            boolean isOff = ratio < 1 || zone.managedPages() == 0;
            long above = 0;
            for (int j = i + 1; j < zones.size(); j++) {
                above += zones.get(j).managedPages();
                zone.setLowmemReserve(j, isOff ? 0 : above / ratio);
            }
        }
    }

    /**
     * Sets batch and limits of the per-CPU lists: {@code zone_set_pageset_high_and_batch()}.
     *
     * @param zone a zone with its watermarks set
     * @param localCpus CPUs of the zone's node; when 0, all CPUs share the zone
     * @param highFraction {@code vm.percpu_pagelist_high_fraction}, 0 for automatic limits
     */
    public static void setupPagesets(Zone zone, int localCpus, long highFraction) {
        int batch = batch(zone.managedPages());
        int split = localCpus > 0 ? localCpus : zone.cpus();
        int highMin;
        int highMax;
        if (highFraction > 0) {
            highMin = Math.max((int) (zone.managedPages() / highFraction / split), batch << 2);
            highMax = highMin;
        } else {
            highMin = Math.max((int) (zone.watermarks().low() / split), batch << 2);
            highMax = Math.max((int) (zone.managedPages() / PCP_HIGH_FRACTION / split), batch << 2);
        }
        for (int cpu = 0; cpu < zone.cpus(); cpu++) {
            PerCpuPages pageset = zone.pageset(cpu);
            pageset.batch = batch;
            pageset.highMin = highMin;
            pageset.highMax = highMax;
        }
    }

    /**
     * Returns the pages moved between per-CPU and buddy lists at once: {@code zone_batchsize()}, about 0.1% of the zone, at most 1 MiB, a quarter of it.
     *
     * @param managedPages the zone's managed pages
     */
    public static int batch(long managedPages) {
        long quarter = Math.max(Math.min(managedPages >> 10, 256) / 4, 1);
        return Math.max((int) Long.highestOneBit(quarter + quarter / 2) - 1, 1);
    }

    /**
     * Returns how far Linux lets a CPU's counter differ before it folds it in: {@code vm stats threshold} in {@code /proc/zoneinfo},
     * {@code mm/vmstat.c:calculate_normal_threshold()}. Shown only; counters are exact here.
     *
     * @param zone a zone
     */
    public static int statThreshold(Zone zone) {
        int mem = (int) (zone.managedPages() >> 15);
        return Math.min(THRESHOLD_LIMIT, 2 * fls(zone.cpus()) * (1 + fls(mem)));
    }

    /**
     * Returns the pages that user space cannot count on: {@code totalreserve_pages}, used for MemAvailable and strict overcommit.
     *
     * @param zones all zones of the machine
     */
    public static long totalReservePages(List<Zone> zones) {
        long sum = 0;
        for (Zone zone : zones) {
            long reserve = 0;
            for (int j = zone.index(); j < zone.layoutSize(); j++) {
                reserve = Math.max(reserve, zone.lowmemReserve(j));
            }
            sum += Math.min(reserve + zone.watermarks().high(), zone.managedPages());
        }
        return sum;
    }

    private static boolean isLowmem(Zone zone) {
        return zone.type() != ZoneType.HIGHMEM && zone.type() != ZoneType.MOVABLE;
    }

    private static int fls(int value) {
        return 32 - Integer.numberOfLeadingZeros(value);
    }
}
