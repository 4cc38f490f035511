package io.pagewalk.kernel.zone;

import java.util.Locale;

/** Events since boot in Linux 6.18, in the order of {@code /proc/vmstat}: {@code enum vm_event_item}. Events that carry a zone name are shown only where the machine has that zone. */
public enum VmEvent {
    /** {@code pgpgin}. */
    PGPGIN,
    /** {@code pgpgout}. */
    PGPGOUT,
    /** {@code pswpin}. */
    PSWPIN,
    /** {@code pswpout}. */
    PSWPOUT,
    /** {@code pgalloc_dma}. */
    PGALLOC_DMA,
    /** {@code pgalloc_dma32}. */
    PGALLOC_DMA32,
    /** {@code pgalloc_normal}. */
    PGALLOC_NORMAL,
    /** {@code pgalloc_high}. */
    PGALLOC_HIGH,
    /** {@code pgalloc_movable}. */
    PGALLOC_MOVABLE,
    /** {@code pgalloc_device}. */
    PGALLOC_DEVICE,
    /** {@code allocstall_dma}. */
    ALLOCSTALL_DMA,
    /** {@code allocstall_dma32}. */
    ALLOCSTALL_DMA32,
    /** {@code allocstall_normal}. */
    ALLOCSTALL_NORMAL,
    /** {@code allocstall_high}. */
    ALLOCSTALL_HIGH,
    /** {@code allocstall_movable}. */
    ALLOCSTALL_MOVABLE,
    /** {@code allocstall_device}. */
    ALLOCSTALL_DEVICE,
    /** {@code pgskip_dma}. */
    PGSKIP_DMA,
    /** {@code pgskip_dma32}. */
    PGSKIP_DMA32,
    /** {@code pgskip_normal}. */
    PGSKIP_NORMAL,
    /** {@code pgskip_high}. */
    PGSKIP_HIGH,
    /** {@code pgskip_movable}. */
    PGSKIP_MOVABLE,
    /** {@code pgskip_device}. */
    PGSKIP_DEVICE,
    /** {@code pgfree}. */
    PGFREE,
    /** {@code pgactivate}. */
    PGACTIVATE,
    /** {@code pgdeactivate}. */
    PGDEACTIVATE,
    /** {@code pglazyfree}. */
    PGLAZYFREE,
    /** {@code pgfault}. */
    PGFAULT,
    /** {@code pgmajfault}. */
    PGMAJFAULT,
    /** {@code pglazyfreed}. */
    PGLAZYFREED,
    /** {@code pgrefill}. */
    PGREFILL,
    /** {@code pgreuse}. */
    PGREUSE,
    /** {@code pgsteal_kswapd}. */
    PGSTEAL_KSWAPD,
    /** {@code pgsteal_direct}. */
    PGSTEAL_DIRECT,
    /** {@code pgsteal_khugepaged}. */
    PGSTEAL_KHUGEPAGED,
    /** {@code pgsteal_proactive}. */
    PGSTEAL_PROACTIVE,
    /** {@code pgscan_kswapd}. */
    PGSCAN_KSWAPD,
    /** {@code pgscan_direct}. */
    PGSCAN_DIRECT,
    /** {@code pgscan_khugepaged}. */
    PGSCAN_KHUGEPAGED,
    /** {@code pgscan_proactive}. */
    PGSCAN_PROACTIVE,
    /** {@code pgscan_direct_throttle}. */
    PGSCAN_DIRECT_THROTTLE,
    /** {@code pgscan_anon}. */
    PGSCAN_ANON,
    /** {@code pgscan_file}. */
    PGSCAN_FILE,
    /** {@code pgsteal_anon}. */
    PGSTEAL_ANON,
    /** {@code pgsteal_file}. */
    PGSTEAL_FILE,
    /** {@code zone_reclaim_success}. */
    ZONE_RECLAIM_SUCCESS,
    /** {@code zone_reclaim_failed}. */
    ZONE_RECLAIM_FAILED,
    /** {@code pginodesteal}. */
    PGINODESTEAL,
    /** {@code slabs_scanned}. */
    SLABS_SCANNED,
    /** {@code kswapd_inodesteal}. */
    KSWAPD_INODESTEAL,
    /** {@code kswapd_low_wmark_hit_quickly}. */
    KSWAPD_LOW_WMARK_HIT_QUICKLY,
    /** {@code kswapd_high_wmark_hit_quickly}. */
    KSWAPD_HIGH_WMARK_HIT_QUICKLY,
    /** {@code pageoutrun}. */
    PAGEOUTRUN,
    /** {@code pgrotated}. */
    PGROTATED,
    /** {@code drop_pagecache}. */
    DROP_PAGECACHE,
    /** {@code drop_slab}. */
    DROP_SLAB,
    /** {@code oom_kill}. */
    OOM_KILL,
    /** {@code numa_pte_updates}. */
    NUMA_PTE_UPDATES,
    /** {@code numa_huge_pte_updates}. */
    NUMA_HUGE_PTE_UPDATES,
    /** {@code numa_hint_faults}. */
    NUMA_HINT_FAULTS,
    /** {@code numa_hint_faults_local}. */
    NUMA_HINT_FAULTS_LOCAL,
    /** {@code numa_pages_migrated}. */
    NUMA_PAGES_MIGRATED,
    /** {@code pgmigrate_success}. */
    PGMIGRATE_SUCCESS,
    /** {@code pgmigrate_fail}. */
    PGMIGRATE_FAIL,
    /** {@code thp_migration_success}. */
    THP_MIGRATION_SUCCESS,
    /** {@code thp_migration_fail}. */
    THP_MIGRATION_FAIL,
    /** {@code thp_migration_split}. */
    THP_MIGRATION_SPLIT,
    /** {@code compact_migrate_scanned}. */
    COMPACT_MIGRATE_SCANNED,
    /** {@code compact_free_scanned}. */
    COMPACT_FREE_SCANNED,
    /** {@code compact_isolated}. */
    COMPACT_ISOLATED,
    /** {@code compact_stall}. */
    COMPACT_STALL,
    /** {@code compact_fail}. */
    COMPACT_FAIL,
    /** {@code compact_success}. */
    COMPACT_SUCCESS,
    /** {@code compact_daemon_wake}. */
    COMPACT_DAEMON_WAKE,
    /** {@code compact_daemon_migrate_scanned}. */
    COMPACT_DAEMON_MIGRATE_SCANNED,
    /** {@code compact_daemon_free_scanned}. */
    COMPACT_DAEMON_FREE_SCANNED,
    /** {@code htlb_buddy_alloc_success}. */
    HTLB_BUDDY_ALLOC_SUCCESS,
    /** {@code htlb_buddy_alloc_fail}. */
    HTLB_BUDDY_ALLOC_FAIL,
    /** {@code cma_alloc_success}; shown where the machine has an area of the contiguous memory allocator. */
    CMA_ALLOC_SUCCESS,
    /** {@code cma_alloc_fail}. */
    CMA_ALLOC_FAIL,
    /** {@code unevictable_pgs_culled}. */
    UNEVICTABLE_PGS_CULLED,
    /** {@code unevictable_pgs_scanned}. */
    UNEVICTABLE_PGS_SCANNED,
    /** {@code unevictable_pgs_rescued}. */
    UNEVICTABLE_PGS_RESCUED,
    /** {@code unevictable_pgs_mlocked}. */
    UNEVICTABLE_PGS_MLOCKED,
    /** {@code unevictable_pgs_munlocked}. */
    UNEVICTABLE_PGS_MUNLOCKED,
    /** {@code unevictable_pgs_cleared}. */
    UNEVICTABLE_PGS_CLEARED,
    /** {@code unevictable_pgs_stranded}. */
    UNEVICTABLE_PGS_STRANDED,
    /** {@code thp_fault_alloc}. */
    THP_FAULT_ALLOC,
    /** {@code thp_fault_fallback}. */
    THP_FAULT_FALLBACK,
    /** {@code thp_fault_fallback_charge}. */
    THP_FAULT_FALLBACK_CHARGE,
    /** {@code thp_collapse_alloc}. */
    THP_COLLAPSE_ALLOC,
    /** {@code thp_collapse_alloc_failed}. */
    THP_COLLAPSE_ALLOC_FAILED,
    /** {@code thp_file_alloc}. */
    THP_FILE_ALLOC,
    /** {@code thp_file_fallback}. */
    THP_FILE_FALLBACK,
    /** {@code thp_file_fallback_charge}. */
    THP_FILE_FALLBACK_CHARGE,
    /** {@code thp_file_mapped}. */
    THP_FILE_MAPPED,
    /** {@code thp_split_page}. */
    THP_SPLIT_PAGE,
    /** {@code thp_split_page_failed}. */
    THP_SPLIT_PAGE_FAILED,
    /** {@code thp_deferred_split_page}. */
    THP_DEFERRED_SPLIT_PAGE,
    /** {@code thp_underused_split_page}. */
    THP_UNDERUSED_SPLIT_PAGE,
    /** {@code thp_split_pmd}. */
    THP_SPLIT_PMD,
    /** {@code thp_scan_exceed_none_pte}. */
    THP_SCAN_EXCEED_NONE_PTE,
    /** {@code thp_scan_exceed_swap_pte}. */
    THP_SCAN_EXCEED_SWAP_PTE,
    /** {@code thp_scan_exceed_share_pte}. */
    THP_SCAN_EXCEED_SHARE_PTE,
    /** {@code thp_split_pud}. */
    THP_SPLIT_PUD,
    /** {@code thp_zero_page_alloc}. */
    THP_ZERO_PAGE_ALLOC,
    /** {@code thp_zero_page_alloc_failed}. */
    THP_ZERO_PAGE_ALLOC_FAILED,
    /** {@code thp_swpout}. */
    THP_SWPOUT,
    /** {@code thp_swpout_fallback}. */
    THP_SWPOUT_FALLBACK,
    /** {@code balloon_inflate}. */
    BALLOON_INFLATE,
    /** {@code balloon_deflate}. */
    BALLOON_DEFLATE,
    /** {@code balloon_migrate}. */
    BALLOON_MIGRATE,
    /** {@code swap_ra}. */
    SWAP_RA,
    /** {@code swap_ra_hit}. */
    SWAP_RA_HIT,
    /** {@code swpin_zero}. */
    SWPIN_ZERO,
    /** {@code swpout_zero}. */
    SWPOUT_ZERO,
    /** {@code ksm_swpin_copy}. */
    KSM_SWPIN_COPY,
    /** {@code cow_ksm}. */
    COW_KSM,
    /** {@code zswpin}. */
    ZSWPIN,
    /** {@code zswpout}. */
    ZSWPOUT,
    /** {@code zswpwb}. */
    ZSWPWB,
    /** {@code direct_map_level2_splits}. */
    DIRECT_MAP_LEVEL2_SPLITS,
    /** {@code direct_map_level3_splits}. */
    DIRECT_MAP_LEVEL3_SPLITS,
    /** {@code direct_map_level2_collapses}. */
    DIRECT_MAP_LEVEL2_COLLAPSES,
    /** {@code direct_map_level3_collapses}. */
    DIRECT_MAP_LEVEL3_COLLAPSES;

    private final String label = name().toLowerCase(Locale.ROOT);

    /** Returns the name in {@code /proc/vmstat}. */
    public String label() {
        return label;
    }
}
