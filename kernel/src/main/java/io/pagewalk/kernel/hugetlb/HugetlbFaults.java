package io.pagewalk.kernel.hugetlb;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.HugetlbFaultHandler;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.fault.UserfaultSource;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.List;
import java.util.function.Consumer;

/** Faults in hugetlbfs areas: {@code mm/hugetlb.c:hugetlb_fault()}, {@code hugetlb_no_page()} and {@code hugetlb_wp()}. */
final class HugetlbFaults implements HugetlbFaultHandler {
    /** What a page is copied for. */
    private enum CopyFor {
        /** The program writes to it. */
        WRITING,
        /** It must be an entry's own, but stays read-only. */
        READING
    }

    private final HugetlbTables tables;
    private final HugeEntries entries;
    private final HugeFolios folios;
    private final AnonVmas anonVmas;
    private final Consumer<String> log;

    HugetlbFaults(HugetlbTables tables, AnonVmas anonVmas, Consumer<String> log) {
        this.tables = tables;
        this.entries = tables.entries();
        this.folios = tables.folios();
        this.anonVmas = anonVmas;
        this.log = log;
    }

    @Override
    public int fault(FaultTask task, Vma vma, long vaddr, boolean isWrite, boolean isUser) {
        Mm mm = vma.mm();
        int level = tables.levelOf(vma);
        long page = vaddr & -vma.kernelPageBytes();
        if (!entries.make(mm, page, level)) {
            return FaultOutcome.NO_MEMORY;
        }
        long entry = entries.get(mm, page, level);
        if (!HugetlbTables.isPage(entry)) {
            if ((PteMarkers.marks(entry) & PteMarkers.POISONED) != 0) {
                return FaultOutcome.POISONED;
            }
            long reason = reasonToTell(vma, page);
            return reason != 0
                    ? tell(task, vma, vaddr, isWrite, reason, isUser)
                    : missing(vma, page, level, entry, isWrite);
        }
        int flags = entries.flags(entry, level);
        if (isWrite && (flags & PteFlags.WRITE) == 0) {
            if ((flags & PteFlags.UFFD_WP) != 0) {
                boolean isTold = vma.has(VmaFlags.VM_UFFD_WP);
                if (!isTold || !isWpAsync(vma)) {
                    // Where nobody is told any more, Linux tries for ever.
                    return isTold ? tell(task, vma, vaddr, true, VmaFlags.VM_UFFD_WP, isUser) : FaultOutcome.BEYOND_END;
                }
                entry = entries.leaf(entries.pfn(entry, level), flags & ~PteFlags.UFFD_WP, level);
                entries.set(mm, page, level, entry);
            }
            return copy(vma, page, level, entry, CopyFor.WRITING);
        }
        int wanted = flags | PteFlags.ACCESSED | (isWrite ? PteFlags.DIRTY : 0);
        entries.set(mm, page, level, entries.leaf(entries.pfn(entry, level), wanted, level));
        return FaultOutcome.DONE;
    }

    @Override
    public int unshare(Vma vma, long vaddr) {
        int level = tables.levelOf(vma);
        long page = vaddr & -vma.kernelPageBytes();
        return copy(vma, page, level, entries.get(vma.mm(), page, level), CopyFor.READING);
    }

    private static boolean isWpAsync(Vma vma) {
        UserfaultContext userfault = vma.userfault();
        return userfault != null && userfault.isWpAsync();
    }

    private static int tell(FaultTask task, Vma vma, long vaddr, boolean isWrite, long reason, boolean isUser) {
        return vma.userfault() instanceof UserfaultSource source
                ? source.handle(task, vma, vaddr, isWrite, reason, isUser)
                : FaultOutcome.BEYOND_END;
    }

    /** Returns what userfaultfd is to be told of a place without a page, or 0: what {@code hugetlb_no_page()} asks for once it knows whether the file has one. */
    private static long reasonToTell(Vma vma, long vaddr) {
        if (!vma.has(VmaFlags.VM_UFFD_MISSING | VmaFlags.VM_UFFD_MINOR)
                || PrivateReserve.of(vma).isUnmapped()) {
            return 0;
        }
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        long index = HugetlbAreas.indexOf(inode, vma, vaddr);
        if (inode.get(index) >= 0) {
            return vma.flags() & VmaFlags.VM_UFFD_MINOR;
        }
        boolean isInside = index < inode.inode().sizeBytes() >>> inode.pool().shift();
        return isInside ? vma.flags() & VmaFlags.VM_UFFD_MISSING : 0;
    }

    /** {@code hugetlb_no_page()}; the old entry is empty or a marker. */
    private int missing(Vma vma, long vaddr, int level, long oldEntry, boolean isWrite) {
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        long index = HugetlbAreas.indexOf(inode, vma, vaddr);
        if (PrivateReserve.of(vma).isUnmapped()) {
            log.accept("PID " + vma.mm().ownerPid() + " killed due to inadequate hugepage pool");
            return FaultOutcome.BEYOND_END;
        }
        boolean isShared = vma.has(VmaFlags.VM_MAYSHARE);
        boolean isAnon = false;
        long head = inode.get(index);
        if (head < 0) {
            if (index >= inode.inode().sizeBytes() >>> inode.pool().shift()) {
                return FaultOutcome.BEYOND_END;
            }
            if (!isShared) {
                anonVmas.prepare(vma);
            }
            head = folios.allocate(inode, vma, index, false);
            if (head < 0) {
                return FaultOutcome.BEYOND_END;
            }
            folios.zero(head);
            if (isShared) {
                folios.addToFile(head, inode, index);
            } else {
                isAnon = true;
            }
        }
        int rights = entries.protection(vma) | PteFlags.ACCESSED;
        if (isAnon) {
            folios.addNewAnon(head, vma, vaddr);
        } else {
            folios.addMapping(head, vma.mm());
        }
        boolean isWritable = vma.has(VmaFlags.VM_SHARED);
        int flags = isWritable ? HugetlbTables.withWrite(vma, rights) : rights & ~PteFlags.WRITE;
        if (oldEntry != 0) {
            flags = HugetlbTables.told(flags);
        }
        long entry = entries.leaf(head, flags, level);
        entries.set(vma.mm(), vaddr, level, entry);
        // Copied at once, without a second fault; where stores are to be told, the next one is.
        return isWrite && oldEntry == 0 && !isWritable
                ? copy(vma, vaddr, level, entry, CopyFor.WRITING)
                : FaultOutcome.DONE;
    }

    /** {@code hugetlb_wp()}. Differs from Linux: a store whose page only a child has, at another place, ends in SIGBUS. */
    private int copy(Vma vma, long vaddr, int level, long entry, CopyFor purpose) {
        long old = entries.pfn(entry, level);
        boolean isAnon = folios.isAnon(old);
        if (vma.has(VmaFlags.VM_MAYSHARE)) {
            makeWritable(vma, vaddr, level, entry);
            return FaultOutcome.DONE;
        }
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        long index = HugetlbAreas.indexOf(inode, vma, vaddr);
        boolean isCowOfOwner = isAnon && PrivateReserve.isOwner(vma);
        if (isAnon && isOnlyMapping(old)) {
            folios.becomeExclusive(old, vma, vaddr);
            if (purpose == CopyFor.WRITING) {
                makeWritable(vma, vaddr, level, entry);
            }
            return FaultOutcome.DONE;
        }
        long head = folios.allocate(inode, vma, index, isCowOfOwner);
        if (head < 0) {
            if (!isCowOfOwner) {
                return FaultOutcome.BEYOND_END;
            }
            // Who made the mapping was promised this page; its children have to do without.
            int mappings = folios.folios().large().mapcount(old);
            takeFromOthers(inode, vma, vaddr, old);
            // Where a child has moved its area, Linux looks at the old place only and tries for ever.
            return folios.folios().large().mapcount(old) == mappings
                    ? FaultOutcome.BEYOND_END
                    : copy(vma, vaddr, level, entry, purpose);
        }
        anonVmas.prepare(vma);
        folios.copy(old, head);
        Mm mm = vma.mm();
        entries.set(mm, vaddr, level, 0);
        tables.flusher().flushRange(mm, vaddr, vaddr + vma.kernelPageBytes(), false);
        folios.removeMapping(old, mm);
        folios.addNewAnon(head, vma, vaddr);
        int rights = entries.protection(vma) | PteFlags.ACCESSED;
        int flags = purpose == CopyFor.WRITING ? HugetlbTables.withWrite(vma, rights) : rights & ~PteFlags.WRITE;
        if ((entries.flags(entry, level) & PteFlags.UFFD_WP) != 0) {
            flags = HugetlbTables.told(flags);
        }
        entries.set(mm, vaddr, level, entries.leaf(head, flags, level));
        folios.put(old);
        return FaultOutcome.DONE;
    }

    private boolean isOnlyMapping(long head) {
        return folios.folios().large().mapcount(head) == 1;
    }

    /** {@code set_huge_ptep_writable()}. */
    private void makeWritable(Vma vma, long vaddr, int level, long entry) {
        int flags = entries.flags(entry, level) | PteFlags.WRITE | PteFlags.DIRTY | PteFlags.ACCESSED;
        entries.set(vma.mm(), vaddr, level, entries.leaf(entries.pfn(entry, level), flags, level));
    }

    /** {@code unmap_ref_private()}. */
    private void takeFromOthers(HugetlbInode inode, Vma vma, long vaddr, long head) {
        long pgoff = vma.pgoffOf(vaddr);
        for (Vma other : List.copyOf(inode.inode().mappings())) {
            boolean isThere = other.pgoff() <= pgoff && pgoff < other.pgoff() + other.pages();
            if (other != vma && isThere && !other.has(VmaFlags.VM_MAYSHARE) && !PrivateReserve.isOwner(other)) {
                // As in Linux, at the address that the page has here.
                if (vaddr >= other.start() && vaddr < other.end()) {
                    tables.steal(other, vaddr, head);
                }
            }
        }
    }
}
