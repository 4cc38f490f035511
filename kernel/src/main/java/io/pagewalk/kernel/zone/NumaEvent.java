package io.pagewalk.kernel.zone;

import java.util.Locale;

/** Allocation events of a zone by node: {@code enum numa_stat_item}. {@code NUMA_FOREIGN} is counted at the zone that was wanted. */
public enum NumaEvent {
    /** {@code numa_hit}. */
    NUMA_HIT,
    /** {@code numa_miss}. */
    NUMA_MISS,
    /** {@code numa_foreign}. */
    NUMA_FOREIGN,
    /** {@code numa_interleave}. */
    NUMA_INTERLEAVE,
    /** {@code numa_local}. */
    NUMA_LOCAL,
    /** {@code numa_other}. */
    NUMA_OTHER;

    private final String label = name().toLowerCase(Locale.ROOT);

    /** Returns the name in {@code /proc/vmstat}. */
    public String label() {
        return label;
    }
}
