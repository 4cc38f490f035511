package io.pagewalk.kernel.fault;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;

/** Writes to pages that are mapped read-only, and pages that must become a program's own without being written to: {@code mm/memory.c:do_wp_page()}. */
final class CopyOnWrite {
    private static final int USER_GFP = Gfp.GFP_HIGHUSER_MOVABLE;
    private static final int ZEROED_GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.ZERO;

    /** What a page is copied for. */
    private enum CopyFor {
        /** The program writes to it. */
        WRITING,
        /** It must be an entry's own, but stays read-only. */
        READING
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final DriverFaults driverFaults;
    private final UserfaultChecks userfaults;
    private final TlbFlusher flusher;
    private final TimeAccount time;
    private final CostModel costs;
    private final long zeroPfn;

    CopyOnWrite(
            KernelTables kernel,
            AnonVmas anonVmas,
            DriverFaults driverFaults,
            UserfaultChecks userfaults,
            TlbFlusher flusher,
            TimeAccount time,
            CostModel costs) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.driverFaults = driverFaults;
        this.userfaults = userfaults;
        this.flusher = flusher;
        this.time = time;
        this.costs = costs;
        this.zeroPfn = kernel.zeroPfn();
    }

    /** {@code mm/memory.c:do_wp_page()}: a write to a page that is mapped read-only in an area that allows writing. */
    int writeProtected(FaultTask task, Mm mm, Vma vma, long vaddr, long table, int index, long oldEntry, int oldFlags) {
        long entry = oldEntry;
        int flags = oldFlags;
        if ((flags & PteFlags.UFFD_WP) != 0 && vma.has(VmaFlags.VM_UFFD_WP)) {
            UserfaultContext userfault = vma.userfault();
            if (userfault == null || !userfault.isWpAsync()) {
                return userfaults.tell(task, vma, true, VmaFlags.VM_UFFD_WP);
            }
            flags &= ~PteFlags.UFFD_WP;
            entry = mode.withFlags(entry, flags, 1);
            mode.writeEntry(memory, table, index, entry);
        }
        boolean isSpecial = (flags & PteFlags.SPECIAL) != 0;
        long old = mode.pfn(entry, 1);
        if (vma.has(VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE)) {
            if (!isSpecial) {
                folios.markDirty(old);
            }
            reuse(vma, table, index, entry, flags);
            return FaultOutcome.DONE;
        }
        if (mayReuse(old, flags)) {
            makeOwn(vma, old);
            reuse(vma, table, index, entry, flags);
            return FaultOutcome.DONE;
        }
        return copyPage(task, mm, vma, vaddr, entry, CopyFor.WRITING);
    }

    /** {@code folio_move_anon_rmap()} and {@code SetPageAnonExclusive()}. */
    private void makeOwn(Vma vma, long pfn) {
        if (!memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE)) {
            memmap.setFlags(pfn, PageFlags.ANON_EXCLUSIVE);
            // Other areas may map other pages of a large folio: it stays where its reverse map finds all.
            if (!folios.large().isLarge(pfn)) {
                folios.moveAnon(pfn, anonVmas.prepared(vma));
            }
        }
    }

    /** A fault with {@code FAULT_FLAG_UNSHARE} at a page address whose entry is present: its page becomes the entry's own, which stays read-only. */
    int unshare(FaultTask task, Vma vma, long vaddr) {
        long table = tables.find(vma.mm(), vaddr);
        KernelBug.on(table < 0, "nothing to unshare");
        long entry = mode.readEntry(memory, table, mode.index(vaddr, 1));
        KernelBug.on(entry == 0 || PteMarkers.is(entry), "nothing to unshare");
        int flags = mode.flags(entry, 1);
        int outcome = FaultOutcome.DONE;
        if ((flags & PteFlags.WRITE) == 0) {
            if (mayReuse(mode.pfn(entry, 1), flags)) {
                makeOwn(vma, mode.pfn(entry, 1));
            } else {
                outcome = copyPage(task, vma.mm(), vma, vaddr, entry, CopyFor.READING);
            }
        }
        folios.counters().count(VmEvent.PGFAULT);
        if (outcome == FaultOutcome.DONE) {
            task.countMinorFault();
        }
        time.charge(Cause.MINOR_FAULT, costs.minorFaultNanos());
        return outcome;
    }

    /** Returns whether a page is anonymous and one program's own: {@code mm/memory.c:wp_can_reuse_anon_folio()}. A merged page never is. */
    private boolean mayReuse(long pfn, int flags) {
        if ((flags & PteFlags.SPECIAL) != 0 || memmap.mapping(pfn) >= 0) {
            return false;
        }
        if (memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE)) {
            return true;
        }
        int references = memmap.refcount(pfn);
        if (folios.large().isLarge(pfn)) {
            int mapcount = folios.large().mapcount(pfn);
            // A folio of which one page is left is given up.
            return mapcount > 1 && !folios.large().isMaybeShared(pfn) && references == mapcount;
        }
        return references == 1 && !memmap.hasFlags(pfn, PageFlags.KSM);
    }

    /** {@code mm/memory.c:wp_page_reuse()}. */
    private void reuse(Vma vma, long table, int index, long entry, int flags) {
        int writable = flags | PteFlags.ACCESSED | protection.dirty() | Protection.writeRight(vma);
        mode.writeEntry(memory, table, index, mode.withFlags(entry, writable, 1));
        folios.counters().count(VmEvent.PGREUSE);
    }

    /** {@code mm/memory.c:wp_page_copy()}. */
    private int copyPage(FaultTask task, Mm mm, Vma vma, long vaddr, long entry, CopyFor purpose) {
        int oldFlags = mode.flags(entry, 1);
        long old = mode.pfn(entry, 1);
        boolean isSpecial = (oldFlags & PteFlags.SPECIAL) != 0;
        boolean isAnon = !isSpecial && memmap.mapping(old) < 0;
        if (isAnon && memmap.hasFlags(old, PageFlags.KSM)) {
            folios.counters().count(VmEvent.COW_KSM);
        }
        AnonVma anonVma = anonVmas.prepared(vma);
        long copy = folios.allocate(isSpecial ? ZEROED_GFP : USER_GFP, vma, vaddr);
        if (copy < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        if (task.isKilled()) {
            folios.put(copy);
            return FaultOutcome.KILLED;
        }
        if (isSpecial && old == zeroPfn) {
            time.charge(Cause.MINOR_FAULT, costs.clearPageNanos());
        } else if (isSpecial) {
            driverFaults.copyRaw(old, copy);
            time.charge(Cause.MINOR_FAULT, costs.copyPageNanos());
        } else {
            memory.copyFrame(old, copy);
            time.charge(Cause.MINOR_FAULT, costs.copyPageNanos());
        }
        if (isSpecial) {
            FaultHandler.forgetMergedZeroPage(mm, old, oldFlags, zeroPfn);
            mm.addRss(RssCounter.ANON, 1);
        } else if (!isAnon) {
            mm.addRss(FaultHandler.rssKind(memmap, old), -1);
            mm.addRss(RssCounter.ANON, 1);
        }
        folios.addNewAnon(copy, vma, anonVma, vaddr);
        long table = tables.find(mm, vaddr);
        int flags = protection.flags(vma);
        flags |= purpose == CopyFor.WRITING
                ? protection.dirty() | Protection.writeRight(vma)
                : oldFlags & (PteFlags.SOFT_DIRTY | PteFlags.UFFD_WP);
        mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(copy, flags, 1));
        flusher.flushRange(mm, vaddr, vaddr + 4096, false);
        if (!isSpecial) {
            folios.unmap(old, vma);
        }
        return FaultOutcome.DONE;
    }
}
