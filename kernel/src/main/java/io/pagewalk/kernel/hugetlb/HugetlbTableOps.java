package io.pagewalk.kernel.hugetlb;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.PageTableOps;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Sends what calls do to page tables to the hugetlb package or to the tables of small pages, as {@code is_vm_hugetlb_page()} does all over {@code mm/}. */
final class HugetlbTableOps implements PageTableOps {
    private final HugetlbTables tables;
    private final PageTableOps small;
    private final FaultHandler handler;
    private final Supplier<FaultTask> current;

    HugetlbTableOps(HugetlbTables tables, PageTableOps small, FaultHandler handler, Supplier<FaultTask> current) {
        this.tables = tables;
        this.small = small;
        this.handler = handler;
        this.current = current;
    }

    private static boolean isHuge(Vma vma) {
        return vma.has(VmaFlags.VM_HUGETLB);
    }

    @Override
    public void unmapRegion(Mm mm, List<Vma> vmas, long floor, long ceiling) {
        List<Long> gone = new ArrayList<>();
        long start = 0;
        long end = 0;
        for (Vma vma : vmas) {
            if (isHuge(vma) && mm.pgdPfn() >= 0 && vma.file() != null) {
                start = gone.isEmpty() ? vma.start() : start;
                tables.clear(vma, vma.start(), vma.end(), gone, HugetlbTables.Marks.GO);
                end = vma.end();
            }
        }
        small.unmapRegion(mm, vmas, floor, ceiling);
        tables.release(mm, start, end, gone);
    }

    @Override
    public void zapRange(Vma vma, long start, long end) {
        if (isHuge(vma)) {
            tables.zap(vma, start, end, HugetlbTables.Marks.STAY);
        } else {
            small.zapRange(vma, start, end);
        }
    }

    @Override
    public void discard(Vma vma, long start, long end) {
        if (isHuge(vma)) {
            tables.zap(vma, start, end, HugetlbTables.Marks.STAY);
        } else {
            small.discard(vma, start, end);
        }
    }

    @Override
    public void splitHuge(Vma vma, long address) {
        if (!isHuge(vma)) {
            small.splitHuge(vma, address);
        }
    }

    @Override
    public void changeProtection(Vma vma, long start, long end, long oldFlags) {
        if (isHuge(vma)) {
            tables.changeProtection(vma, start, end, HugetlbTables.Telling.UNCHANGED);
        } else {
            small.changeProtection(vma, start, end, oldFlags);
        }
    }

    @Override
    public long writeProtect(Vma vma, long start, long end, boolean isProtected) {
        if (!isHuge(vma)) {
            return small.writeProtect(vma, start, end, isProtected);
        }
        HugetlbTables.Telling telling = isProtected ? HugetlbTables.Telling.BEGINS : HugetlbTables.Telling.ENDS;
        return tables.changeProtection(vma, start, end, telling) ? 0 : -Errno.ENOMEM;
    }

    @Override
    public boolean moveTables(Vma from, long oldStart, Vma to, long newStart, long lengthBytes) {
        return isHuge(from)
                ? tables.move(from, oldStart, to, newStart, lengthBytes)
                : small.moveTables(from, oldStart, to, newStart, lengthBytes);
    }

    @Override
    public long populate(Vma vma, long start, long end, boolean write) {
        if (!isHuge(vma)) {
            return small.populate(vma, start, end, write);
        }
        long bytes = vma.kernelPageBytes();
        int level = tables.levelOf(vma);
        for (long vaddr = start & -bytes; vaddr < end; vaddr += bytes) {
            if (isReady(tables.entries().get(vma.mm(), vaddr, level), level, write)) {
                continue;
            }
            switch (handler.handleMmFault(current.get(), vma.mm(), vma, vaddr, write)) {
                case FaultOutcome.DONE -> {
                    // A page that still is write-protected: the next fault is about that.
                    long made = tables.entries().get(vma.mm(), vaddr, level);
                    vaddr -= vma.has(VmaFlags.VM_UFFD_WP) && !isReady(made, level, write) ? bytes : 0;
                }
                case FaultOutcome.NO_MEMORY -> {
                    return -Errno.ENOMEM;
                }
                case FaultOutcome.KILLED -> {
                    return -Errno.EINTR;
                }
                case FaultOutcome.POISONED -> {
                    return -Errno.EHWPOISON;
                }
                default -> {
                    return -Errno.EFAULT;
                }
            }
        }
        return 0;
    }

    private boolean isReady(long entry, int level, boolean write) {
        if (!HugetlbTables.isPage(entry)) {
            return false;
        }
        int flags = tables.entries().flags(entry, level);
        return (flags & PteFlags.PROT_NONE) == 0 && (!write || (flags & PteFlags.WRITE) != 0);
    }

    @Override
    public long faultIn(Vma vma, long start, long end, boolean write) {
        return isHuge(vma) ? populate(vma, start, end, write) : small.faultIn(vma, start, end, write);
    }

    @Override
    public long installGuards(Vma vma, long start, long end) {
        return small.installGuards(vma, start, end);
    }

    @Override
    public void removeGuards(Vma vma, long start, long end) {
        small.removeGuards(vma, start, end);
    }

    @Override
    public void lazyFree(Vma vma, long start, long end) {
        small.lazyFree(vma, start, end);
    }

    @Override
    public long collapse(Vma vma, long start, long end) {
        return small.collapse(vma, start, end);
    }

    @Override
    public void deactivate(Vma vma, long start, long end, boolean pageOut) {
        small.deactivate(vma, start, end, pageOut);
    }

    @Override
    public void willNeed(Vma vma, long start, long end) {
        if (!isHuge(vma)) {
            small.willNeed(vma, start, end);
        }
    }

    @Override
    public void lockChanged(Vma vma, long start, long end) {
        small.lockChanged(vma, start, end);
    }

    @Override
    public boolean isInCore(Vma vma, long vaddr) {
        if (!isHuge(vma)) {
            return small.isInCore(vma, vaddr);
        }
        int level = tables.levelOf(vma);
        // Only where there is no table at all the file is asked: mincore_unmapped_range().
        return tables.entries().has(vma.mm(), vaddr, level)
                ? HugetlbTables.isPage(tables.entries().get(vma.mm(), vaddr, level))
                : HugetlbAreas.inodeOf(vma).frameAt(vma.pgoffOf(vaddr) << 12) >= 0;
    }

    @Override
    public long removeFromFile(Vma vma, long start, long end) {
        if (isHuge(vma)) {
            long from = vma.pgoffOf(start) << 12;
            return HugetlbAreas.inodeOf(vma).punchHole(from, from + end - start);
        }
        return small.removeFromFile(vma, start, end);
    }

    @Override
    public long sync(Vma vma, long start, long end) {
        return isHuge(vma) ? 0 : small.sync(vma, start, end);
    }
}
