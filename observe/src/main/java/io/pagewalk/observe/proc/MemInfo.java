package io.pagewalk.observe.proc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.ZoneType;

/** {@code /proc/meminfo}: how the machine's memory is used ({@code fs/proc/meminfo.c:meminfo_proc_show()}). */
public final class MemInfo {
    private MemInfo() {}

    /**
     * Prints the file.
     *
     * @param state the machine
     */
    public static String print(MemoryState state) {
        VmCounters counters = state.boot().counters();
        StringBuilder text = new StringBuilder();
        long free = counters.global(ZoneStat.NR_FREE_PAGES);
        long activeAnon = counters.global(NodeStat.NR_ACTIVE_ANON);
        long inactiveAnon = counters.global(NodeStat.NR_INACTIVE_ANON);
        long activeFile = counters.global(NodeStat.NR_ACTIVE_FILE);
        long inactiveFile = counters.global(NodeStat.NR_INACTIVE_FILE);
        long swapCached = counters.global(NodeStat.NR_SWAPCACHED);
        long reclaimableSlab = counters.global(NodeStat.NR_SLAB_RECLAIMABLE);
        long unreclaimableSlab = counters.global(NodeStat.NR_SLAB_UNRECLAIMABLE);
        long reclaimable = reclaimableSlab + counters.global(NodeStat.NR_KERNEL_MISC_RECLAIMABLE);
        pages(text, "MemTotal", state.boot().totalRamPages());
        pages(text, "MemFree", free);
        pages(text, "MemAvailable", available(state, free, activeFile + inactiveFile, reclaimable));
        pages(text, "Buffers", state.bufferPages());
        pages(text, "Cached", Math.max(0, counters.global(NodeStat.NR_FILE_PAGES) - swapCached - state.bufferPages()));
        pages(text, "SwapCached", swapCached);
        pages(text, "Active", activeAnon + activeFile);
        pages(text, "Inactive", inactiveAnon + inactiveFile);
        pages(text, "Active(anon)", activeAnon);
        pages(text, "Inactive(anon)", inactiveAnon);
        pages(text, "Active(file)", activeFile);
        pages(text, "Inactive(file)", inactiveFile);
        pages(text, "Unevictable", counters.global(NodeStat.NR_UNEVICTABLE));
        pages(text, "Mlocked", counters.global(ZoneStat.NR_MLOCK));
        if (state.paging().architecture() == PagingMode.Architecture.I386) {
            highMemory(text, state, free);
        }
        pages(text, "SwapTotal", 0);
        pages(text, "SwapFree", 0);
        pages(text, "Zswap", 0);
        pages(text, "Zswapped", 0);
        pages(text, "Dirty", counters.global(NodeStat.NR_DIRTY));
        pages(text, "Writeback", counters.global(NodeStat.NR_WRITEBACK));
        pages(text, "AnonPages", counters.global(NodeStat.NR_ANON_PAGES));
        pages(text, "Mapped", counters.global(NodeStat.NR_MAPPED));
        pages(text, "Shmem", counters.global(NodeStat.NR_SHMEM));
        pages(text, "KReclaimable", reclaimable);
        pages(text, "Slab", reclaimableSlab + unreclaimableSlab);
        pages(text, "SReclaimable", reclaimableSlab);
        pages(text, "SUnreclaim", unreclaimableSlab);
        Columns.kilobytes(text, "KernelStack", counters.global(NodeStat.NR_KERNEL_STACK));
        pages(text, "PageTables", counters.global(NodeStat.NR_PAGE_TABLE_PAGES));
        pages(text, "SecPageTables", counters.global(NodeStat.NR_SEC_PAGE_TABLE_PAGES));
        pages(text, "NFS_Unstable", 0);
        pages(text, "Bounce", 0);
        pages(text, "WritebackTmp", 0);
        pages(text, "CommitLimit", state.commitLimitPages());
        pages(text, "Committed_AS", state.committedPages());
        Columns.kilobytes(text, "VmallocTotal", state.vmallocTotalBytes() >> 10);
        pages(text, "VmallocUsed", state.vmallocPages());
        pages(text, "VmallocChunk", 0);
        pages(text, "Percpu", state.perCpuPages());
        hugePages(text, state, counters);
        return text.toString();
    }

    private static void hugePages(StringBuilder text, MemoryState state, VmCounters counters) {
        pages(text, "AnonHugePages", counters.global(NodeStat.NR_ANON_TRANSPARENT_HUGEPAGES));
        pages(text, "ShmemHugePages", counters.global(NodeStat.NR_SHMEM_HUGEPAGES));
        pages(text, "ShmemPmdMapped", counters.global(NodeStat.NR_SHMEM_PMDMAPPED));
        pages(text, "FileHugePages", counters.global(NodeStat.NR_FILE_HUGEPAGES));
        pages(text, "FilePmdMapped", counters.global(NodeStat.NR_FILE_PMDMAPPED));
        if (state.boot().totalCmaPages() > 0) {
            pages(text, "CmaTotal", state.boot().totalCmaPages());
            pages(text, "CmaFree", counters.global(ZoneStat.NR_FREE_CMA));
        }
        pages(text, "Balloon", counters.global(NodeStat.NR_BALLOON_PAGES));
        HugePool pool = state.hugePages().defaultPool();
        count(text, "HugePages_Total", pool.pages());
        count(text, "HugePages_Free", pool.free());
        count(text, "HugePages_Rsvd", pool.reserved());
        count(text, "HugePages_Surp", pool.surplus());
        pages(text, "Hugepagesize", pool.pageBytes() >> 12);
        pages(text, "Hugetlb", state.hugePages().totalPages());
        if (state.paging().architecture() != PagingMode.Architecture.RISCV64) {
            directMap(text, state);
        }
    }

    private static void count(StringBuilder text, String name, long value) {
        Columns.left(text, name + ":", 16);
        Columns.right(text, value, 8);
        text.append('\n');
    }

    /** {@code mm/show_mem.c:si_mem_available()}. */
    private static long available(MemoryState state, long free, long fileLru, long reclaimable) {
        long low = state.lowWatermarkPages();
        long available = free - state.totalReservePages();
        available += fileLru - Math.min(fileLru / 2, low);
        available += reclaimable - Math.min(reclaimable / 2, low);
        return Math.max(0, available);
    }

    private static void highMemory(StringBuilder text, MemoryState state, long free) {
        long total = 0;
        long freeHigh = 0;
        for (Zone zone : state.boot().zones()) {
            if (zone.type() == ZoneType.HIGHMEM) {
                total += zone.managedPages();
                freeHigh += state.boot().counters().get(zone, ZoneStat.NR_FREE_PAGES);
            }
        }
        pages(text, "HighTotal", total);
        pages(text, "HighFree", freeHigh);
        pages(text, "LowTotal", state.boot().totalRamPages() - total);
        pages(text, "LowFree", free - freeHigh);
    }

    /** Which pages map the memory directly: whole gigabytes by 1 GiB pages, the rest by 2 MiB and 4 KiB pages ({@code arch/x86/mm/pat/set_memory.c}). */
    private static void directMap(StringBuilder text, MemoryState state) {
        PagingMode paging = state.paging();
        boolean is64Bit = paging.architecture() == PagingMode.Architecture.X86_64;
        long middle = paging.pagesPerLeaf(2) << 12;
        long small = 0;
        long medium = 0;
        long large = 0;
        for (IoRange range : state.map()) {
            if (!range.name().equals("System RAM")) {
                continue;
            }
            long start = Bits.roundUp(range.start(), 4096);
            long end = Bits.roundDown(range.last() + 1, 4096);
            end = is64Bit ? end : Math.min(end, state.boot().conversion().lowmemFrames() << 12);
            long mediumStart = Math.min(end, Bits.roundUp(start, middle));
            long mediumEnd = Math.max(mediumStart, Bits.roundDown(end, middle));
            long largeStart = is64Bit ? Math.min(mediumEnd, Bits.roundUp(mediumStart, Size.GIB)) : mediumEnd;
            long largeEnd = Math.max(largeStart, Bits.roundDown(mediumEnd, Size.GIB));
            large += is64Bit ? largeEnd - largeStart : 0;
            medium += largeStart - mediumStart + (is64Bit ? mediumEnd - largeEnd : 0);
            small += Math.max(0, mediumStart - start) + Math.max(0, end - mediumEnd);
        }
        Columns.kilobytes(text, "DirectMap4k", small >> 10);
        Columns.kilobytes(text, middle == 4 * Size.MIB ? "DirectMap4M" : "DirectMap2M", medium >> 10);
        if (is64Bit) {
            Columns.kilobytes(text, "DirectMap1G", large >> 10);
        }
    }

    private static void pages(StringBuilder text, String name, long pages) {
        Columns.kilobytes(text, name, Columns.kilobytesOf(pages));
    }
}
