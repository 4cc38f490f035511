package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import java.util.List;

/**
 * What the address-space calls do to page tables and pages; implemented by the fault package. Every operation flushes the TLBs
 * of the CPUs that run the mm before it returns. Ranges are page aligned, ends are exclusive.
 */
public interface PageTableOps {
    /**
     * Drops the pages of areas that have left the tree, then the page tables that no remaining area can use:
     * {@code mm/vma.c:unmap_region()} with {@code unmap_vmas()} and {@code free_pgtables()}.
     *
     * @param mm the address space
     * @param vmas the areas, in address order; their links to files and anon_vmas are still in place
     * @param floor end of the area below, or 0: tables at and above it may go
     * @param ceiling start of the area above, or 0 for the end of the address space
     */
    void unmapRegion(Mm mm, List<Vma> vmas, long floor, long ceiling);

    /**
     * Drops pages inside one area and keeps its page tables: {@code mm/memory.c:zap_page_range_single()}.
     *
     * @param vma an area in the tree
     * @param start first address
     * @param end first address behind
     */
    void zapRange(Vma vma, long start, long end);

    /**
     * Drops pages inside one area and the page tables that are empty then: {@code mm/madvise.c:madvise_dontneed_single_vma()}.
     *
     * @param vma an area in the tree
     * @param start first address
     * @param end first address behind
     */
    void discard(Vma vma, long start, long end);

    /**
     * Splits the entry of a huge page that lies across an address where two areas are about to meet: {@code mm/huge_memory.c:vma_adjust_trans_huge()}.
     *
     * @param vma the area that still covers both sides
     * @param address a page border inside it
     */
    void splitHuge(Vma vma, long address);

    /**
     * Makes the entries of a range agree with the area's new flags: {@code mm/mprotect.c:change_protection()}.
     *
     * @param vma the area, whose flags are already the new ones
     * @param start first address
     * @param end first address behind
     * @param oldFlags the flags before
     */
    void changeProtection(Vma vma, long start, long end, long oldFlags);

    /**
     * Write-protects a range for userfaultfd, or lifts that: {@code mm/userfaultfd.c:uffd_wp_range()}.
     *
     * @param vma an area that is registered for it
     * @param start first address
     * @param end first address behind
     * @param isProtected whether a store is told from now on
     * @return 0, or {@code -ENOMEM} when there was no memory for page tables
     */
    long writeProtect(Vma vma, long start, long end, boolean isProtected);

    /**
     * Moves entries, without their pages: {@code mm/mremap.c:move_page_tables()}.
     *
     * @param from the old area
     * @param oldStart first address in it
     * @param to the new area, already in the tree and linked
     * @param newStart first address in it
     * @param lengthBytes how much
     * @return whether everything moved; on false everything must be back where it was
     */
    boolean moveTables(Vma from, long oldStart, Vma to, long newStart, long lengthBytes);

    /**
     * Faults in pages as a read or a write of the program would, which locks them in a locked area: {@code mm/gup.c:populate_vma_page_range()}
     * and {@code faultin_page_range()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @param write whether pages are made writable (copy-on-write is broken)
     * @return 0, or a negative {@link Errno} value of the first page that failed
     */
    long populate(Vma vma, long start, long end, boolean write);

    /**
     * The same for {@code MADV_POPULATE_READ} and {@code MADV_POPULATE_WRITE}: a page that had to be read counts as a major fault ({@code mm/gup.c:faultin_page_range()}).
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @param write whether pages are made writable
     * @return as {@link #populate}
     */
    long faultIn(Vma vma, long start, long end, boolean write);

    /**
     * Drops the pages of a range and puts guard pages there: {@code mm/madvise.c:madvise_guard_install()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @return 0, or {@code -ENOMEM} when a page table could not be had; the guards put in before stay
     */
    long installGuards(Vma vma, long start, long end);

    /**
     * Takes guard pages away; other pages stay: {@code mm/madvise.c:madvise_guard_remove()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     */
    void removeGuards(Vma vma, long start, long end);

    /**
     * Marks clean anonymous pages to be dropped first: {@code mm/madvise.c:madvise_free_single_vma()}.
     *
     * @param vma a private anonymous area
     * @param start first address
     * @param end first address behind
     */
    void lazyFree(Vma vma, long start, long end);

    /**
     * Makes huge pages of the small ones of a range: {@code mm/khugepaged.c:madvise_collapse()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @return 0, or the negative errno of the last whole region that could not become one
     */
    long collapse(Vma vma, long start, long end);

    /**
     * Makes pages reclaim candidates: {@code MADV_COLD} and {@code MADV_PAGEOUT}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     * @param pageOut whether to reclaim now rather than only to deactivate
     */
    void deactivate(Vma vma, long start, long end, boolean pageOut);

    /**
     * Reads file or swap pages ahead: {@code mm/madvise.c:madvise_willneed()}.
     *
     * @param vma the area
     * @param start first address
     * @param end first address behind
     */
    void willNeed(Vma vma, long start, long end);

    /**
     * Takes the pages of a range off or on the unevictable list after {@code VM_LOCKED} changed: {@code mm/mlock.c:mlock_vma_pages_range()}.
     *
     * @param vma the area, whose flags are already the new ones
     * @param start first address
     * @param end first address behind
     */
    void lockChanged(Vma vma, long start, long end);

    /**
     * Tells whether a page is in memory, as {@code mincore()} sees it: {@code mm/mincore.c:mincore_pte_range()}.
     *
     * @param vma the area
     * @param vaddr a page's address in it
     */
    boolean isInCore(Vma vma, long vaddr);

    /**
     * Removes a hole from the file behind a shared mapping: {@code MADV_REMOVE}.
     *
     * @param vma a shared, writable file area
     * @param start first address
     * @param end first address behind
     * @return 0 or a negative errno
     */
    long removeFromFile(Vma vma, long start, long end);

    /**
     * Writes the dirty pages of a shared file range: {@code msync(MS_SYNC)}, {@code vfs_fsync_range()}.
     *
     * @param vma a shared file area
     * @param start first address
     * @param end first address behind
     * @return 0 or a negative errno
     */
    long sync(Vma vma, long start, long end);
}
