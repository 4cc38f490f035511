package io.pagewalk.kernel.hugetlb;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What calls do to the entries of hugetlbfs areas: {@code mm/hugetlb.c:__unmap_hugepage_range()}, {@code copy_hugetlb_page_range()} and their neighbours. */
final class HugetlbTables {
    private static final int KEPT = PteFlags.ACCESSED | PteFlags.DIRTY | PteFlags.SOFT_DIRTY;

    private final HugeEntries entries;
    private final HugeFolios folios;
    private final TlbFlusher flusher;
    private final Set<HugetlbInode> inodes = new LinkedHashSet<>();

    HugetlbTables(HugeEntries entries, HugeFolios folios, TlbFlusher flusher) {
        this.entries = entries;
        this.folios = folios;
        this.flusher = flusher;
    }

    HugeFolios folios() {
        return folios;
    }

    HugeEntries entries() {
        return entries;
    }

    TlbFlusher flusher() {
        return flusher;
    }

    void remember(HugetlbInode inode) {
        inodes.add(inode);
    }

    void forget(HugetlbInode inode) {
        inodes.remove(inode);
    }

    Set<HugetlbInode> inodes() {
        return inodes;
    }

    int levelOf(Vma vma) {
        return entries.levelOf(vma.kernelPageBytes());
    }

    /** Drops the pages of a range and flushes: {@code unmap_hugepage_range()}. */
    void zap(Vma vma, long start, long end) {
        List<Long> gone = new ArrayList<>();
        clear(vma, start, end, gone);
        release(vma.mm(), start, end, gone);
    }

    /** Flushes, and lets pages go that were taken out of entries. */
    void release(Mm mm, long start, long end, List<Long> gone) {
        if (!gone.isEmpty()) {
            flusher.flushRange(mm, start, end, false);
            gone.forEach(folios::put);
        }
    }

    /** Takes the pages of a range out of their entries: {@code __unmap_hugepage_range()}. Their references go with the flush. */
    void clear(Vma vma, long start, long end, List<Long> gone) {
        Mm mm = vma.mm();
        int level = levelOf(vma);
        long bytes = vma.kernelPageBytes();
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        for (long vaddr = start; vaddr < end; vaddr += bytes) {
            long entry = entries.get(mm, vaddr, level);
            if (entry == 0) {
                continue;
            }
            long head = entries.pfn(entry, level);
            if ((entries.flags(entry, level) & PteFlags.DIRTY) != 0) {
                folios.memmap().setFlags(head, PageFlags.DIRTY);
            }
            entries.set(mm, vaddr, level, 0);
            folios.removeMapping(head, mm);
            restorePromise(inode, vma, vaddr, head);
            gone.add(head);
        }
    }

    /**
     * An anonymous page that leaves the area it was promised to will give the promise back, even when a child keeps it in use for a while; while there is surplus the promise is not
     * worth keeping.
     */
    private void restorePromise(HugetlbInode inode, Vma vma, long vaddr, long head) {
        HugePool pool = inode.pool();
        if (pool.surplus() > 0 || !PrivateReserve.isOwner(vma) || !folios.isAnon(head)) {
            return;
        }
        pool.setRestoresReserve(head, true);
        long index = HugetlbAreas.indexOf(inode, vma, vaddr);
        if (Reservations.needs(inode, vma, index)) {
            Reservations.restore(inode, vma, index);
        }
    }

    /** Takes one page out of an area whose process will find it lost: {@code unmap_ref_private()} for one area. */
    void steal(Vma vma, long vaddr, long head) {
        int level = levelOf(vma);
        long entry = entries.get(vma.mm(), vaddr, level);
        if (entry == 0 || entries.pfn(entry, level) != head) {
            return;
        }
        PrivateReserve.markUnmapped(vma);
        zap(vma, vaddr, vaddr + vma.kernelPageBytes());
    }

    /**
     * Copies the entries of an area for fork: {@code copy_hugetlb_page_range()}. Shared areas without private pages are left to faults.
     *
     * @return 0, {@code -ENOMEM}, or {@code -ENOSPC} when a pinned page cannot be copied
     */
    long copy(Vma child, Vma parent) {
        if (parent.anonVma() == null) {
            return 0;
        }
        int level = levelOf(parent);
        long bytes = parent.kernelPageBytes();
        boolean isCow = VmaFlags.isCowMapping(parent.flags());
        Mm source = parent.mm();
        Mm target = child.mm();
        for (long vaddr = parent.start(); vaddr < parent.end(); vaddr += bytes) {
            // Linux makes the child's table for every table that the parent has.
            if (entries.has(source, vaddr, level) && !entries.make(target, vaddr, level)) {
                return -Errno.ENOMEM;
            }
            long entry = entries.get(source, vaddr, level);
            if (entry == 0) {
                continue;
            }
            long head = entries.pfn(entry, level);
            int flags = entries.flags(entry, level);
            if (folios.isAnon(head)) {
                boolean isExclusive = folios.memmap().hasFlags(head, PageFlags.ANON_EXCLUSIVE);
                if (isExclusive && source.hasPinned() && folios.folios().isMaybePinned(head)) {
                    long error = copyNow(child, vaddr, head);
                    if (error != 0) {
                        return error;
                    }
                    continue;
                }
                folios.memmap().clearFlags(head, PageFlags.ANON_EXCLUSIVE);
            }
            folios.addMapping(head, target);
            if (isCow) {
                flags &= ~PteFlags.WRITE;
                entries.set(source, vaddr, level, entries.leaf(head, flags, level));
            }
            entries.set(target, vaddr, level, entries.leaf(head, flags, level));
        }
        return 0;
    }

    /** {@code hugetlb_install_folio()}: a page that somebody has pinned stays the parent's own. */
    private long copyNow(Vma child, long vaddr, long from) {
        HugetlbInode inode = HugetlbAreas.inodeOf(child);
        long head = folios.allocate(inode, child, HugetlbAreas.indexOf(inode, child, vaddr), false);
        if (head < 0) {
            return -Errno.ENOSPC;
        }
        folios.copy(from, head);
        folios.addNewAnon(head, child, vaddr);
        int level = levelOf(child);
        int rights = entries.protection(child) | PteFlags.ACCESSED;
        entries.set(child.mm(), vaddr, level, entries.leaf(head, withWrite(child, rights), level));
        return 0;
    }

    static int withWrite(Vma vma, int rights) {
        return vma.has(VmaFlags.VM_WRITE) ? rights | PteFlags.WRITE | PteFlags.DIRTY : rights & ~PteFlags.WRITE;
    }

    /** {@code hugetlb_change_protection()}. */
    void changeProtection(Vma vma, long start, long end) {
        int level = levelOf(vma);
        long bytes = vma.kernelPageBytes();
        boolean isChanged = false;
        int rights = entries.protection(vma) & ~(PteFlags.ACCESSED | PteFlags.DIRTY);
        for (long vaddr = start; vaddr < end; vaddr += bytes) {
            long entry = entries.get(vma.mm(), vaddr, level);
            if (entry != 0) {
                int kept = entries.flags(entry, level) & KEPT;
                entries.set(vma.mm(), vaddr, level, entries.leaf(entries.pfn(entry, level), rights | kept, level));
                isChanged = true;
            }
        }
        if (isChanged) {
            flusher.flushRange(vma.mm(), start, end, false);
        }
    }

    /** {@code move_hugetlb_page_tables()}: returns whether there was memory for all tables; otherwise everything is back where it was. */
    boolean move(Vma from, long oldStart, Vma to, long newStart, long length) {
        int level = levelOf(from);
        long bytes = from.kernelPageBytes();
        Mm mm = from.mm();
        for (long offset = 0; offset < length; offset += bytes) {
            long entry = entries.get(mm, oldStart + offset, level);
            if (entry == 0) {
                continue;
            }
            if (!entries.make(mm, newStart + offset, level)) {
                move(to, newStart, from, oldStart, offset);
                return false;
            }
            entries.set(mm, oldStart + offset, level, 0);
            entries.set(mm, newStart + offset, level, entry);
        }
        flusher.flushRange(mm, oldStart, oldStart + length, false);
        return true;
    }

    /** Returns how many huge pages an area maps. */
    long mapped(Vma vma) {
        int level = levelOf(vma);
        long count = 0;
        for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += vma.kernelPageBytes()) {
            count += entries.get(vma.mm(), vaddr, level) != 0 ? 1 : 0;
        }
        return count;
    }
}
