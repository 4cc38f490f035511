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

/** The copies that fork makes at once of pages that somebody has pinned: {@code mm/memory.c:copy_present_page()}. */
final class PinnedCopies {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;

    PinnedCopies(KernelTables kernel, AnonVmas anonVmas) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
    }

    /** Whether a child must get a copy at once, because somebody who holds the page wants to see the parent's writes: {@code folio_needs_cow_for_dma()}. */
    boolean mustCopy(Mm parent, long pfn) {
        return parent.hasPinned() && memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE) && folios.isMaybePinned(pfn);
    }

    /** Maps a copy of a parent's page into a child: {@code mm/memory.c:copy_present_page()}. Returns false when there was no memory. */
    boolean copyForChild(Vma child, long vaddr, long childTable, long pfn, int parentFlags) {
        AnonVma anonVma = anonVmas.prepared(child);
        long copy = folios.allocate(Gfp.GFP_HIGHUSER_MOVABLE, child, vaddr);
        if (copy < 0) {
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
