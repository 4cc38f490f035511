package io.pagewalk.kernel.procfs;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/**
 * One 64-bit word of {@code /proc/PID/pagemap}: {@code fs/proc/task_mmu.c:pte_to_pagemap_entry()}.
 *
 * <pre>
 *   63       62    61    60..59  58     57       56         55          54 .. 0
 *   present  swap  file  0       guard  uffd-wp  exclusive  soft-dirty  frame, or type and offset of a swap entry
 * </pre>
 */
public final class PagemapEntry {
    /** Written since somebody asked. */
    public static final long SOFT_DIRTY = 1L << 55;
    /** Mapped by nobody else. */
    public static final long EXCLUSIVE = 1L << 56;
    /** Write-protected for a userfaultfd. */
    public static final long UFFD_WP = 1L << 57;
    /** A guard page. */
    public static final long GUARD = 1L << 58;
    /** A page of a file, or of shared memory. */
    public static final long FILE = 1L << 61;
    /** Swapped, or a mark in place of a page. */
    public static final long SWAP = 1L << 62;
    /** There is a page. */
    public static final long PRESENT = 1L << 63;

    /** A marker is a swap entry of type {@code SWP_PTE_MARKER}, here with the marks in place of an offset. */
    private static final int MARKER_TYPE = 31;

    private static final int MAX_SWAPFILES_SHIFT = 5;

    private final PagingMode mode;
    private final MemMap memmap;
    private final LargeFolios folios;

    /**
     * Creates the reader.
     *
     * @param mode format of page tables
     * @param memmap page structures
     */
    public PagemapEntry(PagingMode mode, MemMap memmap) {
        this.mode = mode;
        this.memmap = memmap;
        this.folios = new LargeFolios(memmap);
    }

    /** Returns the word of a page without an entry. */
    public static long ofHole(Vma vma) {
        return vma.has(VmaFlags.VM_SOFTDIRTY) ? SOFT_DIRTY : 0;
    }

    long of(Vma vma, long entry, boolean isHuge, boolean showsFrames) {
        return ofHole(vma) | of(entry, isHuge, showsFrames);
    }

    /** Returns the word of a page of hugetlbfs, for whose marks nothing is swapped: {@code pagemap_hugetlb_range()}. */
    long ofHugetlb(Vma vma, long entry, boolean showsFrames) {
        if (PteMarkers.is(entry)) {
            return ofHole(vma) | ((PteMarkers.marks(entry) & PteMarkers.UFFD_WP) != 0 ? UFFD_WP : 0);
        }
        return of(vma, entry, true, showsFrames);
    }

    /**
     * Returns the word of an entry in an area that is not soft-dirty as a whole. Of a huge page that one entry maps, all pages count as exclusive when the first one is
     * ({@code pagemap_pmd_range()}).
     *
     * @param entry of a page table, 0 for none
     * @param isHuge whether it is of the second level
     * @param showsFrames whether the reader is privileged
     */
    public long of(long entry, boolean isHuge, boolean showsFrames) {
        long word = 0;
        if (entry == 0) {
            return word;
        }
        if (PteMarkers.is(entry)) {
            int marks = PteMarkers.marks(entry);
            word |= SWAP;
            word |= (marks & PteMarkers.UFFD_WP) != 0 ? UFFD_WP : 0;
            word |= (marks & PteMarkers.GUARD) != 0 ? GUARD : 0;
            return showsFrames ? word | MARKER_TYPE | (long) marks << MAX_SWAPFILES_SHIFT : word;
        }
        int flags = mode.flags(entry, 1);
        long pfn = mode.pfn(entry, 1);
        word |= PRESENT;
        word |= showsFrames ? pfn : 0;
        word |= (flags & PteFlags.SOFT_DIRTY) != 0 ? SOFT_DIRTY : 0;
        word |= (flags & PteFlags.UFFD_WP) != 0 ? UFFD_WP : 0;
        if ((flags & PteFlags.SPECIAL) == 0) {
            word |= memmap.mapping(pfn) < 0 ? 0 : FILE;
            word |= folios.preciseMapcount(isHuge ? memmap.compoundHead(pfn) : pfn) == 1 ? EXCLUSIVE : 0;
        } else if (memmap.isValid(pfn) && memmap.owner(pfn) == FrameOwner.ZERO_PAGE && folios.isLarge(pfn)) {
            // The huge page of zeros is not anonymous, and that is all that pagemap_pmd_range() asks.
            word |= FILE;
        }
        return word;
    }
}
