package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;

/** What areas of hugetlbfs tell about splitting, copies and their end: {@code hugetlb_vm_ops}. */
public final class HugetlbAreas implements VmaOperations {
    /** The one object, which has no state. */
    public static final HugetlbAreas OPERATIONS = new HugetlbAreas();

    private HugetlbAreas() {}

    /** Returns the file behind an area. */
    static HugetlbInode inodeOf(Vma vma) {
        if (vma.file() instanceof OpenFile file && file.inodeObject().hugetlb() instanceof HugetlbInode inode) {
            return inode;
        }
        throw new KernelBug("an area of huge pages maps " + vma.mapsName());
    }

    /** Returns the place of an address in the file, in huge pages: {@code vma_hugecache_offset()}. */
    static long indexOf(HugetlbInode inode, Vma vma, long vaddr) {
        HugePool pool = inode.pool();
        return ((vaddr - vma.start()) >>> pool.shift()) + (vma.pgoff() >>> pool.order());
    }

    @Override
    public boolean maySplit(Vma vma, long vaddr) {
        return (vaddr & (vma.kernelPageBytes() - 1)) == 0;
    }

    @Override
    public boolean hasFilePages() {
        return true;
    }

    @Override
    public boolean forbidsRemoval() {
        return true;
    }

    /** {@code hugetlb_vm_op_open()}: pieces of a private mapping share its promises. */
    @Override
    public void open(Vma vma) {
        ResvMap map = PrivateReserve.of(vma).map();
        if (map != null) {
            map.get();
        }
    }

    /** {@code hugetlb_vm_op_close()}: promises that were not used up go back. */
    @Override
    public void close(Vma vma) {
        ResvMap map = PrivateReserve.of(vma).map();
        if (vma.has(VmaFlags.VM_MAYSHARE) || map == null) {
            return;
        }
        HugetlbInode inode = inodeOf(vma);
        long unused = map.missing(indexOf(inode, vma, vma.start()), indexOf(inode, vma, vma.end()));
        if (unused > 0) {
            inode.pool().account(-Subpool.give(inode.subpool(), unused));
        }
        map.put();
    }

    @Override
    public void forked(Vma vma) {
        vma.setPrivateData(null);
    }

    /** {@code clear_vma_resv_huge_pages()}. */
    @Override
    public void moved(Vma vma) {
        ResvMap map = PrivateReserve.of(vma).map();
        if (map != null) {
            map.put();
        }
        vma.setPrivateData(null);
    }
}
