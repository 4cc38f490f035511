package io.pagewalk.kernel.oom;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntPredicate;

/** The text "Mem-Info:" that the kernel prints when memory has run out, in the format of 6.18: {@code mm/show_mem.c:__show_mem()}. */
public final class MemoryReport {
    private static final int KIB_PER_PAGE = 4;
    private static final String TYPE_LETTERS = "UMEHCI";

    /** Larger leaves than 1 GiB are no huge pages for Linux. */
    private static final long MOST_PAGES_OF_HUGE_PAGE = 1 << 18;

    private final PageAllocator allocator;
    private final VmCounters counters;
    private final Consumer<String> log;
    private final PagingMode paging;

    /**
     * Creates a writer.
     *
     * @param allocator zones and counters
     * @param paging paging mode, which gives the sizes of huge pages
     * @param log receives line by line
     */
    public MemoryReport(PageAllocator allocator, PagingMode paging, Consumer<String> log) {
        this.paging = paging;
        this.allocator = allocator;
        this.counters = allocator.counters();
        this.log = log;
    }

    /**
     * Writes the whole report.
     *
     * @param gfp flags of the request; zones above those that it may use are left out of all but the sums
     */
    public void showMem(int gfp) {
        showMem(gfp, node -> true);
    }

    /**
     * Writes the report of some nodes.
     *
     * @param gfp flags of the request; zones above those that it may use are left out of all but the sums
     * @param isShown whether a node is shown ({@code SHOW_MEM_FILTER_NODES})
     */
    void showMem(int gfp, IntPredicate isShown) {
        int highest = counters.layout().gfpZone(gfp & Gfp.ZONE_MASK);
        List<Zone> zones = new ArrayList<>();
        for (NodeData node : allocator.nodes()) {
            for (Zone zone : node.zones()) {
                if (zone.isPopulated() && zone.index() <= highest && isShown.test(zone.node())) {
                    zones.add(zone);
                }
            }
        }
        log.accept("Mem-Info:");
        global(zones);
        for (NodeData node : allocator.nodes()) {
            if (zones.stream().anyMatch(zone -> zone.node() == node.id() && zone.isManaged())) {
                node(node.id());
            }
        }
        zones.forEach(this::zone);
        zones.forEach(this::freeBlocks);
        for (NodeData node : allocator.nodes()) {
            hugePages(node.id());
        }
        totals();
    }

    private void global(List<Zone> zones) {
        log.accept("active_anon:" + sum(NodeStat.NR_ACTIVE_ANON) + " inactive_anon:" + sum(NodeStat.NR_INACTIVE_ANON)
                + " isolated_anon:" + sum(NodeStat.NR_ISOLATED_ANON));
        log.accept(" active_file:" + sum(NodeStat.NR_ACTIVE_FILE) + " inactive_file:" + sum(NodeStat.NR_INACTIVE_FILE)
                + " isolated_file:" + sum(NodeStat.NR_ISOLATED_FILE));
        log.accept(" unevictable:" + sum(NodeStat.NR_UNEVICTABLE) + " dirty:" + sum(NodeStat.NR_DIRTY) + " writeback:"
                + sum(NodeStat.NR_WRITEBACK));
        log.accept(" slab_reclaimable:" + sum(NodeStat.NR_SLAB_RECLAIMABLE) + " slab_unreclaimable:"
                + sum(NodeStat.NR_SLAB_UNRECLAIMABLE));
        log.accept(" mapped:" + sum(NodeStat.NR_MAPPED) + " shmem:" + sum(NodeStat.NR_SHMEM) + " pagetables:"
                + sum(NodeStat.NR_PAGE_TABLE_PAGES));
        log.accept(" sec_pagetables:" + sum(NodeStat.NR_SEC_PAGE_TABLE_PAGES) + " bounce:0");
        log.accept(" kernel_misc_reclaimable:" + sum(NodeStat.NR_KERNEL_MISC_RECLAIMABLE));
        long pcp = 0;
        for (Zone zone : zones) {
            pcp += zone.pcpPages();
        }
        log.accept(" free:" + counters.global(ZoneStat.NR_FREE_PAGES) + " free_pcp:" + pcp + " free_cma:"
                + counters.global(ZoneStat.NR_FREE_CMA));
    }

    private void node(int node) {
        log.accept("Node " + node
                + " active_anon:" + kib(node, NodeStat.NR_ACTIVE_ANON)
                + " inactive_anon:" + kib(node, NodeStat.NR_INACTIVE_ANON)
                + " active_file:" + kib(node, NodeStat.NR_ACTIVE_FILE)
                + " inactive_file:" + kib(node, NodeStat.NR_INACTIVE_FILE)
                + " unevictable:" + kib(node, NodeStat.NR_UNEVICTABLE)
                + " isolated(anon):" + kib(node, NodeStat.NR_ISOLATED_ANON)
                + " isolated(file):" + kib(node, NodeStat.NR_ISOLATED_FILE)
                + " mapped:" + kib(node, NodeStat.NR_MAPPED)
                + " dirty:" + kib(node, NodeStat.NR_DIRTY)
                + " writeback:" + kib(node, NodeStat.NR_WRITEBACK)
                + " shmem:" + kib(node, NodeStat.NR_SHMEM)
                + " shmem_thp:" + kib(node, NodeStat.NR_SHMEM_HUGEPAGES)
                + " shmem_pmdmapped:" + kib(node, NodeStat.NR_SHMEM_PMDMAPPED)
                + " anon_thp:" + kib(node, NodeStat.NR_ANON_TRANSPARENT_HUGEPAGES)
                + " kernel_stack:" + counters.get(node, NodeStat.NR_KERNEL_STACK) + "kB"
                + " pagetables:" + kib(node, NodeStat.NR_PAGE_TABLE_PAGES)
                + " sec_pagetables:" + kib(node, NodeStat.NR_SEC_PAGE_TABLE_PAGES)
                + " all_unreclaimable? no"
                + " Balloon:" + kib(node, NodeStat.NR_BALLOON_PAGES));
    }

    private void zone(Zone zone) {
        log.accept("Node " + zone.node() + " " + zone.name()
                + " free:" + kib(zone, ZoneStat.NR_FREE_PAGES)
                + " boost:" + zone.watermarks().boost() * KIB_PER_PAGE + "kB"
                + " min:" + zone.watermarks().min() * KIB_PER_PAGE + "kB"
                + " low:" + zone.watermarks().low() * KIB_PER_PAGE + "kB"
                + " high:" + zone.watermarks().high() * KIB_PER_PAGE + "kB"
                + " reserved_highatomic:" + zone.reservedHighatomic * KIB_PER_PAGE + "KB"
                + " free_highatomic:" + zone.freeHighatomic * KIB_PER_PAGE + "KB"
                + " active_anon:" + kib(zone, ZoneStat.NR_ZONE_ACTIVE_ANON)
                + " inactive_anon:" + kib(zone, ZoneStat.NR_ZONE_INACTIVE_ANON)
                + " active_file:" + kib(zone, ZoneStat.NR_ZONE_ACTIVE_FILE)
                + " inactive_file:" + kib(zone, ZoneStat.NR_ZONE_INACTIVE_FILE)
                + " unevictable:" + kib(zone, ZoneStat.NR_ZONE_UNEVICTABLE)
                + " writepending:" + kib(zone, ZoneStat.NR_ZONE_WRITE_PENDING)
                + " zspages:" + kib(zone, ZoneStat.NR_ZSPAGES)
                + " present:" + zone.presentPages() * KIB_PER_PAGE + "kB"
                + " managed:" + zone.managedPages() * KIB_PER_PAGE + "kB"
                + " mlocked:" + kib(zone, ZoneStat.NR_MLOCK)
                + " bounce:0kB"
                + " free_pcp:" + zone.pcpPages() * KIB_PER_PAGE + "kB"
                + " local_pcp:" + zone.pageset(allocator.currentCpu()).count * KIB_PER_PAGE + "kB"
                + " free_cma:" + kib(zone, ZoneStat.NR_FREE_CMA));
        StringBuilder reserve = new StringBuilder("lowmem_reserve[]:");
        for (int i = 0; i < counters.layout().size(); i++) {
            reserve.append(' ').append(zone.lowmemReserve(i));
        }
        log.accept(reserve.toString());
    }

    private void freeBlocks(Zone zone) {
        StringBuilder line = new StringBuilder("Node " + zone.node() + " " + zone.name() + ": ");
        long total = 0;
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            FreeArea area = zone.freeArea(order);
            line.append(area.free).append('*').append(KIB_PER_PAGE << order).append("kB ");
            total += area.free << order;
            if (area.free > 0) {
                StringBuilder types = new StringBuilder();
                for (int type = 0; type < MigrateType.TYPES && type < TYPE_LETTERS.length(); type++) {
                    if (area.blocks[type] > 0) {
                        types.append(TYPE_LETTERS.charAt(type));
                    }
                }
                line.append('(').append(types).append(") ");
            }
        }
        log.accept(line.append("= ").append(total * KIB_PER_PAGE).append("kB").toString());
    }

    /** {@code mm/hugetlb.c:hugetlb_show_meminfo_node()}: the largest size registers first. */
    private void hugePages(int node) {
        for (int level = paging.levels(); level > 1; level--) {
            long pages = paging.pagesPerLeaf(level);
            if (paging.allowsLeaf(level) && pages <= MOST_PAGES_OF_HUGE_PAGE) {
                log.accept("Node " + node + " hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size="
                        + pages * KIB_PER_PAGE + "kB");
            }
        }
    }

    /** {@code is_highmem()}: ZONE_MOVABLE lies in high memory where there is any. */
    private boolean isHighmem(Zone zone) {
        return zone.type() == ZoneType.HIGHMEM
                || (zone.type() == ZoneType.MOVABLE && counters.layout().indexOf(ZoneType.HIGHMEM) >= 0);
    }

    private void totals() {
        long present = 0;
        long managed = 0;
        long highmem = 0;
        long cma = 0;
        for (NodeData node : allocator.nodes()) {
            for (Zone zone : node.zones()) {
                present += zone.presentPages();
                cma += zone.cmaPages;
                managed += zone.managedPages();
                if (isHighmem(zone)) {
                    highmem += zone.presentPages();
                }
            }
        }
        log.accept(sum(NodeStat.NR_FILE_PAGES) + " total pagecache pages");
        log.accept("0 pages in swap cache");
        log.accept("Free swap  = 0kB");
        log.accept("Total swap = 0kB");
        log.accept(present + " pages RAM");
        log.accept(highmem + " pages HighMem/MovableOnly");
        log.accept(present - managed + " pages reserved");
        log.accept(cma + " pages cma reserved");
        log.accept("0 pages hwpoisoned");
    }

    private long sum(NodeStat item) {
        return counters.global(item);
    }

    private String kib(int node, NodeStat item) {
        return counters.get(node, item) * KIB_PER_PAGE + "kB";
    }

    private String kib(Zone zone, ZoneStat item) {
        return counters.get(zone, item) * KIB_PER_PAGE + "kB";
    }
}
