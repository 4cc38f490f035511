package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultAreas;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Gives the entries of a range other rights: {@code mm/mprotect.c:change_protection()}. */
final class ProtectionChange {
    /** Why rights change. */
    enum Reason {
        /** The area got other rights: {@code mprotect()}. */
        AREA,
        /** Stores are to be told to userfaultfd: {@code MM_CP_UFFD_WP}. */
        PROTECT,
        /** They are no longer: {@code MM_CP_UFFD_WP_RESOLVE}. */
        RESOLVE
    }

    private static final int CACHE = PteFlags.UNCACHED | PteFlags.WRITE_COMBINING;
    private static final int KEPT =
            PteFlags.ACCESSED | PteFlags.DIRTY | PteFlags.SOFT_DIRTY | PteFlags.SPECIAL | PteFlags.UFFD_WP | CACHE;
    private static final int COMPARED =
            PteFlags.WRITE | PteFlags.EXEC | PteFlags.USER | PteFlags.READ | PteFlags.PROT_NONE | PteFlags.KEY;
    private static final long WP_MARKER = PteMarkers.entry(PteMarkers.UFFD_WP);

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final MemMap memmap;
    private final HugeMappings huge;
    private final FolioBatch batch;
    private final TlbFlusher flusher;

    /** What an entry keeps of its old flags although the area has it in its own: {@code pte_modify()}, which on RISC-V makes every page a used one. */
    private final int old;

    ProtectionChange(KernelTables kernel, HugeMappings huge, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.memmap = kernel.folios().memmap();
        this.huge = huge;
        this.batch = new FolioBatch(mode, memory, kernel.folios());
        this.flusher = flusher;
        this.old = CACHE | (mode.architecture() == PagingMode.Architecture.RISCV64 ? 0 : PteFlags.ACCESSED);
    }

    /** Changes a range of an area whose flags are already the new ones. Returns false when there was no memory for tables that markers need. */
    boolean change(Vma vma, long start, long end, Reason reason) {
        Mm mm = vma.mm();
        FlushRange flush = new FlushRange(flusher);
        int base = protection.flags(vma) & ~old;
        boolean mayUpgrade = reason != Reason.PROTECT
                && vma.has(VmaFlags.VM_WRITE)
                && (!vma.has(VmaFlags.VM_SHARED) || Protection.wantsWriteNotify(vma));
        boolean putsMarkers = reason == Reason.PROTECT && UserfaultAreas.usesMarkers(vma);
        boolean hasMemory = true;
        long vaddr = start;
        while (vaddr < end && hasMemory) {
            long table = tables.findOrSkip(mm, vaddr);
            if (table == PageTables.HUGE) {
                if (putsMarkers || !huge.isWhole(vaddr, end)) {
                    huge.split(vma, vaddr);
                } else {
                    changeHuge(vma, vaddr, base, reason, mayUpgrade, flush);
                    vaddr = huge.endOf(vaddr);
                }
                continue;
            }
            if (table < 0 && !putsMarkers) {
                vaddr = ~table;
                continue;
            }
            table = table < 0 ? tables.findOrMake(mm, vaddr) : table;
            if (table < 0) {
                hasMemory = false;
                continue;
            }
            int index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long entry = mode.readEntry(memory, table, index);
                if (entry == 0) {
                    if (putsMarkers) {
                        mode.writeEntry(memory, table, index, WP_MARKER);
                    }
                } else if (PteMarkers.is(entry)) {
                    if (reason == Reason.RESOLVE && entry == WP_MARKER) {
                        mode.writeEntry(memory, table, index, 0);
                    }
                } else {
                    int together = changeEntries(vma, vaddr, end, table, index, entry, base, reason, mayUpgrade, flush);
                    index += together - 1;
                    vaddr += 4096L * (together - 1);
                }
            }
        }
        flush.finish(mm);
        return hasMemory;
    }

    /** Changes an entry and those behind it that belong to it, which all count as used or written to when one is. Returns how many those are. */
    private int changeEntries(
            Vma vma,
            long start,
            long end,
            long table,
            int first,
            long entry,
            int base,
            Reason reason,
            boolean mayUpgrade,
            FlushRange flush) {
        boolean isSpecial = (mode.flags(entry, 1) & PteFlags.SPECIAL) != 0;
        int count = isSpecial ? 1 : batch.count(table, first, mode.pfn(entry, 1), end - start, FolioBatch.USE);
        int use = count == 1 ? 0 : batch.use(table, first, count);
        for (int i = 0; i < count; i++) {
            long old = mode.readEntry(memory, table, first + i);
            int flags = mode.flags(old, 1);
            int changed = changed(vma, base, mode.pfn(old, 1), flags | use, reason, mayUpgrade);
            if (changed != flags) {
                mode.writeEntry(memory, table, first + i, mode.withFlags(old, changed, 1));
                if ((flags & PteFlags.PROT_NONE) == 0 && ((flags ^ changed) & COMPARED) != 0) {
                    flush.addPage(start + 4096L * i);
                }
            }
        }
        return count;
    }

    /** {@code mm/huge_memory.c:change_huge_pmd()}. */
    private void changeHuge(Vma vma, long vaddr, int base, Reason reason, boolean mayUpgrade, FlushRange flush) {
        long entry = tables.hugeEntry(vma.mm(), vaddr);
        int flags = mode.flags(entry, PageTables.HUGE_LEVEL);
        int changed = changed(vma, base, mode.pfn(entry, PageTables.HUGE_LEVEL), flags, reason, mayUpgrade);
        if (changed != flags) {
            huge.setFlags(vma.mm(), vaddr, entry, changed);
            flush.addTables(vaddr, huge.endOf(vaddr));
        }
    }

    private int changed(Vma vma, int base, long pfn, int flags, Reason reason, boolean mayUpgrade) {
        int changed = base | (flags & KEPT);
        if (reason == Reason.PROTECT) {
            changed = (changed | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
        } else if (reason == Reason.RESOLVE) {
            changed &= ~PteFlags.UFFD_WP;
        }
        if (mayUpgrade && (changed & PteFlags.PROT_NONE) == 0 && isWritableNow(vma, pfn, changed)) {
            changed |= PteFlags.WRITE;
        }
        return changed;
    }

    /** {@code mm/mprotect.c:can_change_pte_writable()}: spares a fault where writing needs no further work. */
    private boolean isWritableNow(Vma vma, long pfn, int flags) {
        if ((flags & PteFlags.UFFD_WP) != 0 && vma.has(VmaFlags.VM_UFFD_WP)) {
            return false;
        }
        if ((flags & PteFlags.SOFT_DIRTY) == 0 && vma.isSoftDirtyEnabled()) {
            return false;
        }
        if (vma.has(VmaFlags.VM_SHARED)) {
            return (flags & PteFlags.DIRTY) != 0;
        }
        if ((flags & PteFlags.SPECIAL) != 0) {
            return false;
        }
        return memmap.mapping(pfn) < 0 && memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE);
    }

    /** Forgets in a range that stores were to be told, because the area moves out of userfaultfd's sight: {@code mm/mremap.c:move_ptes()}. */
    void forgetUserfault(Mm mm, long start, long end) {
        long vaddr = start;
        while (vaddr < end) {
            long table = tables.findOrSkip(mm, vaddr);
            if (table == PageTables.HUGE) {
                long entry = tables.hugeEntry(mm, vaddr);
                int flags = mode.flags(entry, PageTables.HUGE_LEVEL);
                huge.setFlags(mm, vaddr, entry, flags & ~PteFlags.UFFD_WP);
                vaddr = huge.endOf(vaddr);
                continue;
            }
            if (table < 0) {
                vaddr = ~table;
                continue;
            }
            int index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long entry = mode.readEntry(memory, table, index);
                if (entry == WP_MARKER) {
                    mode.writeEntry(memory, table, index, 0);
                } else if (entry != 0 && !PteMarkers.is(entry)) {
                    int flags = mode.flags(entry, 1);
                    if ((flags & PteFlags.UFFD_WP) != 0) {
                        mode.writeEntry(memory, table, index, mode.withFlags(entry, flags & ~PteFlags.UFFD_WP, 1));
                    }
                }
            }
        }
    }
}
