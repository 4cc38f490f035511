package io.pagewalk.observe.proc;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.hugetlb.HugePools;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.zone.Zone;
import java.util.List;

/**
 * What the machine-wide files read.
 *
 * @param boot nodes, zones, counters and page structures
 * @param paging the paging mode
 * @param map the memory map as the kernel lists it
 * @param committedPages pages promised to processes
 * @param commitLimitPages pages that overcommit mode 2 would promise
 * @param bufferPages page cache of block devices
 * @param cpus CPUs of the machine
 * @param dirtyRatio {@code vm.dirty_ratio}
 * @param dirtyBackgroundRatio {@code vm.dirty_background_ratio}
 * @param vmallocPages pages in vmalloc areas
 * @param vmallocTotalBytes size of the vmalloc area
 * @param perCpuPages pages of per-CPU memory
 * @param hugePages pools of huge pages
 */
public record MemoryState(
        BootMemory boot,
        PagingMode paging,
        List<IoRange> map,
        long committedPages,
        long commitLimitPages,
        long bufferPages,
        int cpus,
        long dirtyRatio,
        long dirtyBackgroundRatio,
        long vmallocPages,
        long vmallocTotalBytes,
        long perCpuPages,
        HugePools hugePages) {
    /** Copies the map. */
    public MemoryState {
        map = List.copyOf(map);
    }

    /** Returns the pages that must stay free: {@code mm/page_alloc.c:calculate_totalreserve_pages()}. */
    long totalReservePages() {
        long reserve = 0;
        for (Zone zone : boot.zones()) {
            long most = 0;
            for (int highest = zone.index(); highest < boot.layout().size(); highest++) {
                most = Math.max(most, zone.lowmemReserve(highest));
            }
            reserve += Math.min(most + zone.watermarks().high(), zone.managedPages());
        }
        return reserve;
    }

    /** Returns the sum of the zones' low watermarks. */
    long lowWatermarkPages() {
        return boot.zones().stream().mapToLong(zone -> zone.watermarks().low()).sum();
    }
}
