package io.pagewalk.kernel.vma;

/** The sysctls and sizes that address spaces ask for; {@code system} answers from the machine's sysctls. Defaults are Linux's. */
public interface VmSettings {
    /** Returns how many CPUs there are: {@code num_present_cpus()}. */
    default int cpus() {
        return 1;
    }

    /** Returns the CPU that runs the present call, from 0. */
    default int currentCpu() {
        return 0;
    }

    /** Returns {@code vm.max_map_count}. */
    default int maxMapCount() {
        return 65530;
    }

    /** Returns {@code vm.mmap_min_addr} in bytes. */
    default long mmapMinAddr() {
        return 65536;
    }

    /** Returns {@code vm.overcommit_memory}: 0 heuristic, 1 always, 2 never. */
    default int overcommitMemory() {
        return 0;
    }

    /** Returns {@code vm.overcommit_ratio} in percent of RAM. */
    default int overcommitRatio() {
        return 50;
    }

    /** Returns {@code vm.overcommit_kbytes}; when not 0 it replaces the ratio. */
    default long overcommitKbytes() {
        return 0;
    }

    /** Returns {@code vm.user_reserve_kbytes}. */
    default long userReserveKbytes() {
        return 131072;
    }

    /** Returns {@code vm.admin_reserve_kbytes}. */
    default long adminReserveKbytes() {
        return 8192;
    }

    /** Returns the pages of RAM that the allocator manages ({@code totalram_pages()}). */
    long totalRamPages();

    /** Returns the small pages that belong to pools of huge pages ({@code hugetlb_total_pages()}). */
    default long hugetlbPages() {
        return 0;
    }

    /** Returns the pages of all swap areas ({@code total_swap_pages}). */
    default long totalSwapPages() {
        return 0;
    }

    /** Returns whether large mappings are placed at multiples of 2 MiB ({@code CONFIG_TRANSPARENT_HUGEPAGE}). */
    default boolean alignsForHugePages() {
        return true;
    }

    /** Returns the order of the huge pages at whose borders shared anonymous mappings are placed, 0 for none: {@code mm/shmem.c:shmem_get_unmapped_area()}. */
    default int sharedAnonymousOrder() {
        return 0;
    }

    /** Returns whether the kernel was built with {@code CONFIG_MEM_SOFT_DIRTY}, which tracks the pages that are written to. */
    default boolean tracksSoftDirty() {
        return false;
    }

    /** Returns whether areas of anonymous memory can be named ({@code CONFIG_ANON_VMA_NAME}). */
    default boolean hasAnonymousNames() {
        return false;
    }
}
