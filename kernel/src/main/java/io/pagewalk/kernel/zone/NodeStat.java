package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.MemMap;
import java.util.Locale;

/** Counters of a node in Linux 6.18, in the order of {@code /proc/vmstat} and {@code /proc/zoneinfo}: {@code enum node_stat_item}. Unit: pages, but kernel stacks in KiB and the transparent huge pages in huge pages. */
public enum NodeStat {
    /** {@code nr_inactive_anon}. */
    NR_INACTIVE_ANON,
    /** {@code nr_active_anon}. */
    NR_ACTIVE_ANON,
    /** {@code nr_inactive_file}. */
    NR_INACTIVE_FILE,
    /** {@code nr_active_file}. */
    NR_ACTIVE_FILE,
    /** {@code nr_unevictable}. */
    NR_UNEVICTABLE,
    /** {@code nr_slab_reclaimable}. */
    NR_SLAB_RECLAIMABLE,
    /** {@code nr_slab_unreclaimable}. */
    NR_SLAB_UNRECLAIMABLE,
    /** {@code nr_isolated_anon}. */
    NR_ISOLATED_ANON,
    /** {@code nr_isolated_file}. */
    NR_ISOLATED_FILE,
    /** {@code workingset_nodes}. */
    WORKINGSET_NODES,
    /** {@code workingset_refault_anon}. */
    WORKINGSET_REFAULT_ANON,
    /** {@code workingset_refault_file}. */
    WORKINGSET_REFAULT_FILE,
    /** {@code workingset_activate_anon}. */
    WORKINGSET_ACTIVATE_ANON,
    /** {@code workingset_activate_file}. */
    WORKINGSET_ACTIVATE_FILE,
    /** {@code workingset_restore_anon}. */
    WORKINGSET_RESTORE_ANON,
    /** {@code workingset_restore_file}. */
    WORKINGSET_RESTORE_FILE,
    /** {@code workingset_nodereclaim}. */
    WORKINGSET_NODERECLAIM,
    /** {@code nr_anon_pages}. */
    NR_ANON_PAGES,
    /** {@code nr_mapped}. */
    NR_MAPPED,
    /** {@code nr_file_pages}. */
    NR_FILE_PAGES,
    /** {@code nr_dirty}. */
    NR_DIRTY,
    /** {@code nr_writeback}. */
    NR_WRITEBACK,
    /** {@code nr_shmem}. */
    NR_SHMEM,
    /** {@code nr_shmem_hugepages}. */
    NR_SHMEM_HUGEPAGES,
    /** {@code nr_shmem_pmdmapped}. */
    NR_SHMEM_PMDMAPPED,
    /** {@code nr_file_hugepages}. */
    NR_FILE_HUGEPAGES,
    /** {@code nr_file_pmdmapped}. */
    NR_FILE_PMDMAPPED,
    /** {@code nr_anon_transparent_hugepages}. */
    NR_ANON_TRANSPARENT_HUGEPAGES,
    /** {@code nr_vmscan_write}. */
    NR_VMSCAN_WRITE,
    /** {@code nr_vmscan_immediate_reclaim}. */
    NR_VMSCAN_IMMEDIATE_RECLAIM,
    /** {@code nr_dirtied}. */
    NR_DIRTIED,
    /** {@code nr_written}. */
    NR_WRITTEN,
    /** {@code nr_throttled_written}. */
    NR_THROTTLED_WRITTEN,
    /** {@code nr_kernel_misc_reclaimable}. */
    NR_KERNEL_MISC_RECLAIMABLE,
    /** {@code nr_foll_pin_acquired}. */
    NR_FOLL_PIN_ACQUIRED,
    /** {@code nr_foll_pin_released}. */
    NR_FOLL_PIN_RELEASED,
    /** {@code nr_kernel_stack}. */
    NR_KERNEL_STACK,
    /** {@code nr_page_table_pages}. */
    NR_PAGE_TABLE_PAGES,
    /** {@code nr_sec_page_table_pages}. */
    NR_SEC_PAGE_TABLE_PAGES,
    /** {@code nr_iommu_pages}. */
    NR_IOMMU_PAGES,
    /** {@code nr_swapcached}. */
    NR_SWAPCACHED,
    /** {@code pgpromote_success}. */
    PGPROMOTE_SUCCESS,
    /** {@code pgpromote_candidate}. */
    PGPROMOTE_CANDIDATE,
    /** {@code pgpromote_candidate_nrl}. */
    PGPROMOTE_CANDIDATE_NRL,
    /** {@code pgdemote_kswapd}. */
    PGDEMOTE_KSWAPD,
    /** {@code pgdemote_direct}. */
    PGDEMOTE_DIRECT,
    /** {@code pgdemote_khugepaged}. */
    PGDEMOTE_KHUGEPAGED,
    /** {@code pgdemote_proactive}. */
    PGDEMOTE_PROACTIVE,
    /** {@code nr_hugetlb}. */
    NR_HUGETLB,
    /** {@code nr_balloon_pages}. */
    NR_BALLOON_PAGES,
    /** {@code nr_kernel_file_pages}. */
    NR_KERNEL_FILE_PAGES;

    private final String label = name().toLowerCase(Locale.ROOT);

    /**
     * Returns a count as {@code /proc/vmstat} and {@code /proc/zoneinfo} show it: pages, of some in whole huge pages ({@code vmstat_item_print_in_thp()}).
     *
     * @param pages the count
     */
    public long shown(long pages) {
        return switch (this) {
            case NR_SHMEM_HUGEPAGES,
                    NR_SHMEM_PMDMAPPED,
                    NR_FILE_HUGEPAGES,
                    NR_FILE_PMDMAPPED,
                    NR_ANON_TRANSPARENT_HUGEPAGES -> pages >> MemMap.PAGEBLOCK_ORDER;
            default -> pages;
        };
    }

    /** Returns the name in {@code /proc/vmstat}. */
    public String label() {
        return label;
    }
}
