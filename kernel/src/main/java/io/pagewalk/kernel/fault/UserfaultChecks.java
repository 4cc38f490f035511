package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Where the fault handler asks whether userfaultfd wants to know. One fault at a time. */
final class UserfaultChecks {
    /** Outcome: nobody is told, the fault goes on. */
    static final int GO_ON = -1;

    private static final long WP_MARKER = PteMarkers.entry(PteMarkers.UFFD_WP);

    private final PageCache cache;
    private long vaddr;
    private boolean isUser;

    UserfaultChecks(PageCache cache) {
        this.cache = cache;
    }

    /** Begins a fault at an address that is not rounded. */
    void begin(long faultAddress, boolean isUserAccess) {
        vaddr = faultAddress;
        isUser = isUserAccess;
    }

    /** Returns whether the attempt holds the lock of the whole address space, so that the next one counts as one more try: all but those of programs on areas that are ready. */
    boolean isUnderMmapLock(Vma vma, boolean isWrite) {
        // hugetlb_no_page() asks userfaultfd before it wants an anon_vma.
        return !isUser || (isWrite && vma.anonVma() == null && !vma.has(VmaFlags.VM_SHARED | VmaFlags.VM_HUGETLB));
    }

    /** Returns whether the program itself makes the access. */
    boolean isUser() {
        return isUser;
    }

    /** {@code fs/userfaultfd.c:handle_userfault()}. */
    int tell(FaultTask task, Vma vma, boolean isWrite, long reason) {
        return vma.userfault() instanceof UserfaultSource source
                ? source.handle(task, vma, vaddr, isWrite, reason, isUser)
                : FaultOutcome.BEYOND_END;
    }

    /** Asks about a page of a file in memory, before it is looked for: {@code mm/shmem.c:shmem_get_folio_gfp()}. */
    int ofFile(FaultTask task, Vma vma, OpenFile file, boolean isWrite) {
        if (!vma.has(VmaFlags.VM_UFFD_MISSING | VmaFlags.VM_UFFD_MINOR) || !file.isShmem()) {
            return GO_ON;
        }
        cache.settle();
        Inode inode = file.inodeObject();
        long index = vma.pgoffOf(vaddr);
        if (index >= inode.sizePages()) {
            return GO_ON;
        }
        boolean isCached = inode.cachedPfn(index) >= 0;
        if (isCached && vma.has(VmaFlags.VM_UFFD_MINOR)) {
            return tell(task, vma, isWrite, VmaFlags.VM_UFFD_MINOR);
        }
        return !isCached && vma.has(VmaFlags.VM_UFFD_MISSING)
                ? tell(task, vma, isWrite, VmaFlags.VM_UFFD_MISSING)
                : GO_ON;
    }

    /** Returns the flags of a new entry: write-protected when the place was so before it had a page ({@code vmf_orig_pte_uffd_wp()}). */
    static int protectedAsBefore(Vma vma, long oldEntry, int flags) {
        return oldEntry == WP_MARKER && vma.has(VmaFlags.VM_UFFD_WP)
                ? (flags | PteFlags.UFFD_WP) & ~PteFlags.WRITE
                : flags;
    }
}
