package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.bus.PhysicalBus;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;

/** Faults in areas of drivers: {@code mm/memory.c:do_fault()} where the page comes from {@code vm_ops->fault()}, and the copies of device memory that private mappings make. */
final class DriverFaults {
    private static final int PAGE = 4096;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final AnonVmas anonVmas;
    private final PhysicalBus bus;
    private final byte[] scratch = new byte[PAGE];

    DriverFaults(KernelTables kernel, AnonVmas anonVmas, PhysicalBus bus) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.anonVmas = anonVmas;
        this.bus = bus;
    }

    /** Makes a page usable that has no entry yet. Returns a {@link FaultOutcome}. */
    int fault(FaultTask task, Mm mm, Vma vma, VmaOperations operations, long vaddr, boolean isWrite) {
        boolean isCow = isWrite && !vma.has(VmaFlags.VM_SHARED);
        long copy = -1;
        if (isCow) {
            if (vma.anonVma() == null) {
                anonVmas.prepare(vma);
            }
            copy = folios.allocate(Gfp.GFP_HIGHUSER_MOVABLE, vma, vaddr);
            if (copy < 0) {
                return FaultOutcome.NO_MEMORY;
            }
        }
        long pfn = operations.fault(vma, vaddr, isWrite);
        if (pfn < 0) {
            if (isCow) {
                folios.put(copy);
            }
            return pfn == VmaOperations.NOPAGE
                    ? FaultOutcome.DONE
                    : pfn == VmaOperations.OOM ? FaultOutcome.NO_MEMORY : FaultOutcome.BEYOND_END;
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0 || task.isKilled()) {
            folios.put(pfn);
            if (isCow) {
                folios.put(copy);
            }
            return table < 0 ? FaultOutcome.NO_MEMORY : FaultOutcome.KILLED;
        }
        int flags = protection.flags(vma);
        if (isWrite) {
            flags |= PteFlags.DIRTY | (vma.has(VmaFlags.VM_WRITE) ? PteFlags.WRITE : 0);
        }
        AnonVma anonVma = vma.anonVma();
        if (isCow && anonVma != null) {
            memory.copyFrame(pfn, copy);
            folios.put(pfn);
            mm.addRss(RssCounter.ANON, 1);
            folios.addNewAnon(copy, vma, anonVma, vaddr);
            mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(copy, flags, 1));
        } else {
            mm.addRss(RssCounter.FILE, 1);
            folios.addMapping(pfn, mm);
            mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(pfn, flags, 1));
        }
        return FaultOutcome.DONE;
    }

    /** Copies a raw frame, which may be a device's, into a page of RAM: {@code __wp_page_copy_user()} without a source page. */
    void copyRaw(long from, long to) {
        bus.copyOut(from << 12, scratch, 0, PAGE);
        memory.copyIn(to << 12, scratch, 0, PAGE);
    }
}
