package io.pagewalk.kernel.system;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.hugetlb.HugePools;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.vma.VmSettings;
import org.jspecify.annotations.Nullable;

/** The machine's sysctls as address spaces ask for them. */
final class KernelVmSettings implements VmSettings {
    private final Sysctls sysctls;
    private final BootMemory boot;
    private final PageAllocator allocator;
    private final int cpus;
    private final boolean tracksSoftDirty;
    private final boolean hasAnonymousNames;
    private @Nullable HugePools hugePages;
    private @Nullable Shmem shmem;

    KernelVmSettings(
            Sysctls sysctls,
            BootMemory boot,
            PageAllocator allocator,
            int cpus,
            boolean tracksSoftDirty,
            boolean hasAnonymousNames) {
        this.sysctls = sysctls;
        this.boot = boot;
        this.allocator = allocator;
        this.cpus = cpus;
        this.tracksSoftDirty = tracksSoftDirty;
        this.hasAnonymousNames = hasAnonymousNames;
    }

    void setHugePages(HugePools pools) {
        hugePages = pools;
    }

    void setShmem(Shmem files) {
        shmem = files;
    }

    @Override
    public int sharedAnonymousOrder() {
        return shmem == null ? 0 : shmem.anonymousAlignment();
    }

    @Override
    public long hugetlbPages() {
        return hugePages == null ? 0 : hugePages.totalPages();
    }

    @Override
    public int maxMapCount() {
        return (int) sysctls.get("max_map_count");
    }

    @Override
    public long mmapMinAddr() {
        return sysctls.get("mmap_min_addr");
    }

    @Override
    public int overcommitMemory() {
        return (int) sysctls.get("overcommit_memory");
    }

    @Override
    public int overcommitRatio() {
        return (int) sysctls.get("overcommit_ratio");
    }

    @Override
    public long overcommitKbytes() {
        return sysctls.get("overcommit_kbytes");
    }

    @Override
    public long userReserveKbytes() {
        return sysctls.get("user_reserve_kbytes");
    }

    @Override
    public long adminReserveKbytes() {
        return sysctls.get("admin_reserve_kbytes");
    }

    @Override
    public boolean hasAnonymousNames() {
        return hasAnonymousNames;
    }

    @Override
    public int cpus() {
        return cpus;
    }

    @Override
    public int currentCpu() {
        return allocator.currentCpu();
    }

    @Override
    public long totalRamPages() {
        return boot.totalRamPages();
    }

    @Override
    public boolean tracksSoftDirty() {
        return tracksSoftDirty;
    }
}
