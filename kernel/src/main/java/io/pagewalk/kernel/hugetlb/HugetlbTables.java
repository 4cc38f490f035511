package io.pagewalk.kernel.hugetlb;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What calls do to the entries of hugetlbfs areas: {@code mm/hugetlb.c:__unmap_hugepage_range()}, {@code copy_hugetlb_page_range()} and their neighbours. */
final class HugetlbTables {
    /** Whether stores to places of a range are told to userfaultfd from now on. */
    enum Telling {
        /** As before: {@code mprotect()}. */
        UNCHANGED,
        /** They are: {@code MM_CP_UFFD_WP}. */
        BEGINS,
        /** They are not: {@code MM_CP_UFFD_WP_RESOLVE}. */
        ENDS
    }

    /** What becomes of marks for userfaultfd when pages go. */
    enum Marks {
        /** A place that was write-protected stays so, poison goes. */
        STAY,
        /** All go: {@code ZAP_FLAG_DROP_MARKER}. */
        GO
    }

    private static final int KEPT = PteFlags.ACCESSED | PteFlags.DIRTY | PteFlags.SOFT_DIRTY | PteFlags.UFFD_WP;

    private static final long WP_MARKER = PteMarkers.entry(PteMarkers.UFFD_WP);

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

    /** Returns whether a raw entry maps a page. */
    static boolean isPage(long entry) {
        return entry != 0 && !PteMarkers.is(entry);
    }

    /** Drops the pages of a range and flushes: {@code unmap_hugepage_range()}. */
    void zap(Vma vma, long start, long end, Marks marks) {
        List<Long> gone = new ArrayList<>();
        clear(vma, start, end, gone, marks);
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
    void clear(Vma vma, long start, long end, List<Long> gone, Marks marks) {
        Mm mm = vma.mm();
        int level = levelOf(vma);
        long bytes = vma.kernelPageBytes();
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        for (long vaddr = start; vaddr < end; vaddr += bytes) {
            long entry = entries.get(mm, vaddr, level);
            if (entry == 0) {
                continue;
            }
            if (PteMarkers.is(entry)) {
                if (marks == Marks.GO || entry != WP_MARKER) {
                    entries.set(mm, vaddr, level, 0);
                }
                continue;
            }
            long head = entries.pfn(entry, level);
            int flags = entries.flags(entry, level);
            if ((flags & PteFlags.DIRTY) != 0) {
                folios.memmap().setFlags(head, PageFlags.DIRTY);
            }
            boolean staysProtected = marks == Marks.STAY && (flags & PteFlags.UFFD_WP) != 0;
            entries.set(mm, vaddr, level, staysProtected ? WP_MARKER : 0);
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
        if (!isPage(entry) || entries.pfn(entry, level) != head) {
            return;
        }
        PrivateReserve.markUnmapped(vma);
        zap(vma, vaddr, vaddr + vma.kernelPageBytes(), Marks.STAY);
    }

    /**
     * Copies the entries of an area for fork: {@code copy_hugetlb_page_range()}. Shared areas without private pages are left to faults, unless the child's stores are told to userfaultfd
     * too.
     *
     * @return 0, {@code -ENOMEM}, or {@code -ENOSPC} when a pinned page cannot be copied
     */
    long copy(Vma child, Vma parent) {
        boolean isTold = child.has(VmaFlags.VM_UFFD_WP);
        if (parent.anonVma() == null && !isTold) {
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
            if (PteMarkers.is(entry)) {
                int marks = PteMarkers.marks(entry) & (isTold ? -1 : ~PteMarkers.UFFD_WP);
                if (marks != 0) {
                    entries.set(target, vaddr, level, PteMarkers.entry(marks));
                }
                continue;
            }
            long head = entries.pfn(entry, level);
            int flags = entries.flags(entry, level);
            if (folios.isAnon(head)) {
                boolean isExclusive = folios.memmap().hasFlags(head, PageFlags.ANON_EXCLUSIVE);
                if (isExclusive && source.hasPinned() && folios.folios().isMaybePinned(head)) {
                    long error = copyNow(child, vaddr, head, isTold ? flags & PteFlags.UFFD_WP : 0);
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
            flags &= isTold ? -1 : ~PteFlags.UFFD_WP;
            entries.set(target, vaddr, level, entries.leaf(head, flags, level));
        }
        return 0;
    }

    /** {@code hugetlb_install_folio()}: a page that somebody has pinned stays the parent's own. */
    private long copyNow(Vma child, long vaddr, long from, int mark) {
        HugetlbInode inode = HugetlbAreas.inodeOf(child);
        long head = folios.allocate(inode, child, HugetlbAreas.indexOf(inode, child, vaddr), false);
        if (head < 0) {
            return -Errno.ENOSPC;
        }
        folios.copy(from, head);
        folios.addNewAnon(head, child, vaddr);
        int level = levelOf(child);
        int rights = withWrite(child, entries.protection(child) | PteFlags.ACCESSED);
        entries.set(child.mm(), vaddr, level, entries.leaf(head, mark != 0 ? told(rights) : rights, level));
        return 0;
    }

    /** {@code huge_pte_mkuffd_wp()}. */
    static int told(int flags) {
        return (flags | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
    }

    static int withWrite(Vma vma, int rights) {
        return vma.has(VmaFlags.VM_WRITE) ? rights | PteFlags.WRITE | PteFlags.DIRTY : rights & ~PteFlags.WRITE;
    }

    /** {@code hugetlb_change_protection()}: returns false when there was no memory for tables that markers need. */
    boolean changeProtection(Vma vma, long start, long end, Telling telling) {
        int level = levelOf(vma);
        long bytes = vma.kernelPageBytes();
        Mm mm = vma.mm();
        boolean isChanged = false;
        boolean hasMemory = true;
        int rights = entries.protection(vma) & ~(PteFlags.ACCESSED | PteFlags.DIRTY);
        for (long vaddr = start; vaddr < end && hasMemory; vaddr += bytes) {
            long entry = entries.get(mm, vaddr, level);
            if (isPage(entry)) {
                int flags = rights | (entries.flags(entry, level) & KEPT);
                if (telling == Telling.BEGINS) {
                    flags = told(flags);
                } else if (telling == Telling.ENDS) {
                    flags &= ~PteFlags.UFFD_WP;
                }
                entries.set(mm, vaddr, level, entries.leaf(entries.pfn(entry, level), flags, level));
                isChanged = true;
            } else if (entry == 0 && telling == Telling.BEGINS) {
                hasMemory = entries.make(mm, vaddr, level);
                if (hasMemory) {
                    entries.set(mm, vaddr, level, WP_MARKER);
                }
            } else if (entry == WP_MARKER && telling == Telling.ENDS) {
                entries.set(mm, vaddr, level, 0);
            }
        }
        if (isChanged) {
            flusher.flushRange(mm, start, end, false);
        }
        return hasMemory;
    }

    /** {@code move_hugetlb_page_tables()}: returns whether there was memory for all tables; otherwise everything is back where it was. */
    boolean move(Vma from, long oldStart, Vma to, long newStart, long length) {
        int level = levelOf(from);
        long bytes = from.kernelPageBytes();
        Mm mm = from.mm();
        UserfaultContext userfault = from.userfault();
        boolean endsTelling = userfault != null && !userfault.followsMoves();
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
            entries.set(mm, newStart + offset, level, endsTelling ? untold(entry, level) : entry);
        }
        flusher.flushRange(mm, oldStart, oldStart + length, false);
        return true;
    }

    /** An area that moves out of userfaultfd's sight forgets which stores were to be told: {@code move_huge_pte()}. */
    private long untold(long entry, int level) {
        if (PteMarkers.is(entry)) {
            return entry == WP_MARKER ? 0 : entry;
        }
        return entries.leaf(entries.pfn(entry, level), entries.flags(entry, level) & ~PteFlags.UFFD_WP, level);
    }

    /** Returns how many huge pages an area maps. */
    long mapped(Vma vma) {
        int level = levelOf(vma);
        long count = 0;
        for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += vma.kernelPageBytes()) {
            count += isPage(entries.get(vma.mm(), vaddr, level)) ? 1 : 0;
        }
        return count;
    }
}
