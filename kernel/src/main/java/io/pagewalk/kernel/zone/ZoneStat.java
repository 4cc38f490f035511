package io.pagewalk.kernel.zone;

import java.util.Locale;

/** Counters of a zone in Linux 6.18, in the order of {@code /proc/vmstat} and {@code /proc/zoneinfo}: {@code enum zone_stat_item}. Unit: pages. */
public enum ZoneStat {
    /** {@code nr_free_pages}. */
    NR_FREE_PAGES,
    /** {@code nr_free_pages_blocks}. */
    NR_FREE_PAGES_BLOCKS,
    /** {@code nr_zone_inactive_anon}. */
    NR_ZONE_INACTIVE_ANON,
    /** {@code nr_zone_active_anon}. */
    NR_ZONE_ACTIVE_ANON,
    /** {@code nr_zone_inactive_file}. */
    NR_ZONE_INACTIVE_FILE,
    /** {@code nr_zone_active_file}. */
    NR_ZONE_ACTIVE_FILE,
    /** {@code nr_zone_unevictable}. */
    NR_ZONE_UNEVICTABLE,
    /** {@code nr_zone_write_pending}. */
    NR_ZONE_WRITE_PENDING,
    /** {@code nr_mlock}. */
    NR_MLOCK,
    /** {@code nr_zspages}. */
    NR_ZSPAGES,
    /** {@code nr_free_cma}. */
    NR_FREE_CMA;

    private final String label = name().toLowerCase(Locale.ROOT);

    /** Returns the name in {@code /proc/vmstat}. */
    public String label() {
        return label;
    }
}
