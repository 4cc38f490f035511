package io.pagewalk.kernel.ksm;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.PageEntries;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** Makes entries share a page, and makes them stop: {@code mm/ksm.c:try_to_merge_one_page()} and {@code break_ksm()}. */
final class PageMerger {
    /** No page. */
    static final long NONE = -1;

    private final PageEntries entries;
    private final FaultHandler faults;
    private final Folios folios;
    private final MemMap memmap;
    private final PageContents contents;

    PageMerger(PageEntries entries, FaultHandler faults, Folios folios, PageContents contents) {
        this.entries = entries;
        this.faults = faults;
        this.folios = folios;
        this.memmap = folios.memmap();
        this.contents = contents;
    }

    /** Returns the area of a place whose pages may be merged, or null: {@code find_mergeable_vma()}. */
    static @Nullable Vma areaOf(Mm mm, long vaddr) {
        Vma vma = mm.users() == 0 ? null : mm.vmas().find(vaddr);
        return vma == null || !vma.has(VmaFlags.VM_MERGEABLE) || vma.anonVma() == null ? null : vma;
    }

    /** Returns the anonymous page of an item's place, or {@link #NONE}: {@code get_mergeable_page()}. */
    long pageOf(RmapItem item) {
        if (areaOf(item.mm, item.vaddr) == null) {
            return NONE;
        }
        long pfn = entries.normalPfn(entries.present(item.mm, item.vaddr));
        return pfn >= 0 && memmap.mapping(pfn) < 0 ? pfn : NONE;
    }

    /** Returns the page of zeros. */
    long zeroPfn() {
        return entries.zeroPfn();
    }

    /**
     * Merges a page of an area: {@code try_to_merge_one_page()}.
     *
     * @param vma its area
     * @param pfn the page
     * @param target the merged page or the page of zeros that takes its place, {@link #NONE} to make a merged page of the page itself
     * @return whether it is done
     */
    boolean merge(Vma vma, long pfn, long target) {
        if (pfn == target) {
            return true;
        }
        if (folios.large().isLarge(pfn) && !faults.hugePages().split(memmap.compoundHead(pfn))) {
            return false;
        }
        long vaddr = writeProtect(vma, pfn);
        if (vaddr < 0) {
            return false;
        }
        if (target == NONE) {
            memmap.setFlags(pfn, PageFlags.KSM);
            memmap.setMapping(pfn, StableTree.NO_NODE, memmap.index(pfn));
            folios.lru().markAccessed(pfn);
            folios.markDirty(pfn);
            return true;
        }
        if (contents.compare(pfn, target) != 0) {
            return false;
        }
        replace(vma, vaddr, pfn, target);
        return true;
    }

    /** Makes the entry of a page read-only and clean, so that its contents cannot change unseen: {@code write_protect_page()}. Returns the place, or -1. */
    private long writeProtect(Vma vma, long pfn) {
        long page = memmap.index(pfn) - vma.pgoff();
        // A merged page has no anon_vma, so that its place is not found.
        if (memmap.hasFlags(pfn, PageFlags.KSM) || page < 0 || page >= vma.pages()) {
            return -1;
        }
        long vaddr = vma.start() + (page << 12);
        long entry = entries.present(vma.mm(), vaddr);
        if (entries.normalPfn(entry) != pfn) {
            return -1;
        }
        int flags = entries.flags(entry);
        boolean isExclusive = memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE);
        if ((flags & (PteFlags.WRITE | PteFlags.DIRTY)) == 0 && !isExclusive) {
            return vaddr;
        }
        if (memmap.refcount(pfn) != memmap.mapcount(pfn)) {
            return -1;
        }
        memmap.clearFlags(pfn, PageFlags.ANON_EXCLUSIVE);
        if ((flags & PteFlags.DIRTY) != 0) {
            folios.markDirty(pfn);
        }
        entries.setFlags(vma.mm(), vaddr, flags & ~(PteFlags.WRITE | PteFlags.DIRTY));
        return vaddr;
    }

    /** {@code replace_page()}. */
    private void replace(Vma vma, long vaddr, long pfn, long target) {
        Mm mm = vma.mm();
        if (target == entries.zeroPfn()) {
            mm.ksm().addZeroPages(1);
            mm.addRss(RssCounter.ANON, -1);
        } else {
            folios.dupAnon(target, vma.mm());
        }
        entries.point(vma, vaddr, target);
        folios.unmap(pfn, vma);
    }

    /** Gives a place that maps a merged page a page of its own: {@code break_ksm()}. Returns 0 or {@code -ENOMEM}. */
    long unshare(FaultTask task, Vma vma, long vaddr) {
        long entry = entries.present(vma.mm(), vaddr);
        long pfn = entries.normalPfn(entry);
        boolean isMerged = (pfn >= 0 && memmap.hasFlags(pfn, PageFlags.KSM)) || entries.isMergedZeroPage(entry);
        if (!isMerged) {
            return 0;
        }
        return faults.unshare(task, vma, vaddr) == FaultOutcome.DONE ? 0 : -Errno.ENOMEM;
    }

    /** Undoes a merge that came to nothing: {@code break_cow()}. */
    void breakCow(FaultTask task, RmapItem item) {
        item.anonVma = null;
        Vma vma = areaOf(item.mm, item.vaddr);
        if (vma != null) {
            unshare(task, vma, item.vaddr);
        }
    }
}
