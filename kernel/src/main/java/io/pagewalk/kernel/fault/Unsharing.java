package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;
import org.jspecify.annotations.Nullable;

/** Gives a program a page of its own without letting it write: {@code mm/memory.c:do_wp_page()} with {@code FAULT_FLAG_UNSHARE}, and the copy of pinned pages that fork makes. */
public final class Unsharing {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final TlbFlusher flusher;

    /**
     * Creates the copier of one machine.
     *
     * @param kernel the kernel's tables
     * @param anonVmas the reverse map
     * @param flusher flushes TLBs
     */
    public Unsharing(KernelTables kernel, AnonVmas anonVmas, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = new Protection(mode);
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.flusher = flusher;
    }

    /**
     * Makes the page at a place the program's own: exclusive as it is when nobody else refers to it, else a copy that is read-only.
     *
     * @param task who is charged with the fault
     * @param vma a private area that may be written to
     * @param vaddr page address, where a page is mapped
     * @return {@link FaultOutcome#DONE} or {@link FaultOutcome#NO_MEMORY}
     */
    public int unshare(FaultTask task, Vma vma, long vaddr) {
        folios.counters().count(VmEvent.PGFAULT);
        long table = tables.find(vma.mm(), vaddr);
        int index = mode.index(vaddr, 1);
        long entry = mode.readEntry(memory, table, index);
        int flags = mode.flags(entry, 1);
        long old = mode.pfn(entry, 1);
        boolean isSpecial = (flags & PteFlags.SPECIAL) != 0;
        boolean isAnon = !isSpecial && memmap.mapping(old) < 0;
        AnonVma anonVma = prepared(vma);
        if (anonVma == null) {
            return FaultOutcome.NO_MEMORY;
        }
        if (isAnon && memmap.refcount(old) == 1) {
            memmap.setFlags(old, PageFlags.ANON_EXCLUSIVE);
            memmap.setMapping(old, -(int) anonVma.id(), vma.pgoffOf(vaddr));
        } else {
            long copy = folios.allocate(Gfp.GFP_HIGHUSER_MOVABLE, vma, vaddr);
            if (copy < 0) {
                return FaultOutcome.NO_MEMORY;
            }
            memory.copyFrame(old, copy);
            Mm mm = vma.mm();
            if (!isAnon) {
                if (!isSpecial) {
                    mm.addRss(FaultHandler.rssKind(memmap, old), -1);
                }
                mm.addRss(RssCounter.ANON, 1);
            }
            folios.addNewAnon(copy, vma, anonVma, vaddr);
            int kept = flags & (PteFlags.SOFT_DIRTY | PteFlags.UFFD_WP);
            mode.writeEntry(memory, table, index, mode.leaf(copy, protection.flags(vma) | kept, 1));
            flusher.flushRange(mm, vaddr, vaddr + 4096, false);
            if (!isSpecial) {
                folios.unmap(old, mm);
            }
        }
        task.countMinorFault();
        return FaultOutcome.DONE;
    }

    private @Nullable AnonVma prepared(Vma vma) {
        if (vma.anonVma() == null) {
            anonVmas.prepare(vma);
        }
        return vma.anonVma();
    }

    /** Whether a child must get a copy at once, because somebody who holds the page wants to see the parent's writes: {@code folio_needs_cow_for_dma()}. */
    boolean mustCopy(Mm parent, long pfn) {
        return parent.hasPinned() && memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE) && folios.isMaybePinned(pfn);
    }

    /** Maps a copy of a parent's page into a child: {@code mm/memory.c:copy_present_page()}. Returns false when there was no memory. */
    boolean copyForChild(Vma child, long vaddr, long childTable, long pfn, int parentFlags) {
        AnonVma anonVma = prepared(child);
        long copy = anonVma == null ? -1 : folios.allocate(Gfp.GFP_HIGHUSER_MOVABLE, child, vaddr);
        if (anonVma == null || copy < 0) {
            return false;
        }
        memory.copyFrame(pfn, copy);
        folios.addNewAnon(copy, child, anonVma, vaddr);
        child.mm().addRss(RssCounter.ANON, 1);
        int flags = protection.flags(child) | PteFlags.DIRTY | (parentFlags & PteFlags.SOFT_DIRTY);
        if (child.has(VmaFlags.VM_WRITE)) {
            flags |= PteFlags.WRITE;
        }
        if (child.has(VmaFlags.VM_UFFD_WP) && (parentFlags & PteFlags.UFFD_WP) != 0) {
            flags = (flags | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
        }
        mode.writeEntry(memory, childTable, mode.index(vaddr, 1), mode.leaf(copy, flags, 1));
        return true;
    }
}
