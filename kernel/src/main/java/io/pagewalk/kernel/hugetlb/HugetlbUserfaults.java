package io.pagewalk.kernel.hugetlb;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.HugetlbFills;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** What a reader of userfaultfd puts into areas of hugetlbfs: {@code mm/hugetlb.c:hugetlb_mfill_atomic_pte()} and the body of the loop in {@code mm/userfaultfd.c:mfill_atomic_hugetlb()}. */
final class HugetlbUserfaults implements HugetlbFills {
    private static final long POISON = PteMarkers.entry(PteMarkers.POISONED);

    /** Level of entries that a look for a 2 MiB page finds. */
    private static final int SEEN_LEVEL = 2;

    private final HugetlbTables tables;
    private final HugeEntries entries;
    private final HugeFolios folios;

    HugetlbUserfaults(HugetlbTables tables) {
        this.tables = tables;
        this.entries = tables.entries();
        this.folios = tables.folios();
    }

    private boolean hasPage(Vma vma, long vaddr) {
        return HugetlbTables.isPage(entries.get(vma.mm(), vaddr, tables.levelOf(vma)));
    }

    private boolean makeTables(Vma vma, long vaddr) {
        return entries.make(vma.mm(), vaddr, tables.levelOf(vma));
    }

    @Override
    public long copy(Vma vma, long vaddr, Contents contents, boolean isTold) {
        if (!makeTables(vma, vaddr)) {
            return -Errno.ENOMEM;
        }
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        long index = HugetlbAreas.indexOf(inode, vma, vaddr);
        long head = allocate(inode, vma, vaddr, index);
        if (head == -Errno.ENOMEM && tables.levelOf(vma) == SEEN_LEVEL) {
            // Linux looks whether somebody else was faster, but only whether there is a table.
            return -Errno.EEXIST;
        }
        if (head < 0) {
            return head;
        }
        if (!contents.isPresent()) {
            folios.giveUp(head, inode, vma, index);
            head = copyTwice(inode, vma, vaddr, index, contents);
            if (head < 0) {
                return head;
            }
        } else if (!folios.fill(head, contents)) {
            folios.giveUp(head, inode, vma, index);
            return -Errno.EFAULT;
        }
        if (vma.has(VmaFlags.VM_SHARED)) {
            if (index >= inode.inode().sizeBytes() >>> inode.pool().shift()) {
                folios.giveUp(head, inode, vma, index);
                return -Errno.EFAULT;
            }
            folios.addToFile(head, inode, index);
            folios.addMapping(head, vma.mm());
        } else {
            folios.addNewAnon(head, vma, vaddr);
        }
        map(vma, vaddr, head, vma.has(VmaFlags.VM_WRITE), isTold);
        return 0;
    }

    /** Allocates the page of a place that has none; a negative errno when it has one or the pool has none. */
    private long allocate(HugetlbInode inode, Vma vma, long vaddr, long index) {
        if (hasPage(vma, vaddr) || (vma.has(VmaFlags.VM_SHARED) && inode.get(index) >= 0)) {
            return -Errno.EEXIST;
        }
        long head = folios.allocate(inode, vma, index, false);
        return head < 0 ? -Errno.ENOMEM : head;
    }

    /** Contents that take page faults are read into a page for the time being, and then copied into the page of the place. */
    private long copyTwice(HugetlbInode inode, Vma vma, long vaddr, long index, Contents contents) {
        long buffer = folios.allocateTemporary(inode, vma, index);
        if (buffer < 0) {
            return -Errno.ENOMEM;
        }
        long head = folios.fill(buffer, contents) ? allocate(inode, vma, vaddr, index) : -Errno.EFAULT;
        if (head >= 0) {
            folios.copy(buffer, head);
        }
        folios.put(buffer);
        return head;
    }

    @Override
    public long proceed(Vma vma, long vaddr, boolean isTold) {
        if (!makeTables(vma, vaddr)) {
            return -Errno.ENOMEM;
        }
        HugetlbInode inode = HugetlbAreas.inodeOf(vma);
        long head = inode.get(HugetlbAreas.indexOf(inode, vma, vaddr));
        if (head < 0) {
            return -Errno.EFAULT;
        }
        if (hasPage(vma, vaddr)) {
            return -Errno.EEXIST;
        }
        folios.addMapping(head, vma.mm());
        long writable = VmaFlags.VM_SHARED | VmaFlags.VM_WRITE;
        map(vma, vaddr, head, (vma.flags() & writable) == writable, isTold);
        return 0;
    }

    private void map(Vma vma, long vaddr, long head, boolean isWritable, boolean isTold) {
        Mm mm = vma.mm();
        int level = tables.levelOf(vma);
        int rights = (entries.protection(vma) & ~PteFlags.WRITE) | PteFlags.ACCESSED | PteFlags.DIRTY;
        if (isTold) {
            rights |= PteFlags.UFFD_WP;
        } else if (isWritable) {
            rights |= PteFlags.WRITE;
        }
        entries.set(mm, vaddr, level, entries.leaf(head, rights, level));
    }

    @Override
    public long poison(Vma vma, long vaddr) {
        if (!makeTables(vma, vaddr)) {
            return -Errno.ENOMEM;
        }
        int level = tables.levelOf(vma);
        if (entries.get(vma.mm(), vaddr, level) != 0) {
            return -Errno.EEXIST;
        }
        entries.set(vma.mm(), vaddr, level, POISON);
        return 0;
    }
}
