package io.pagewalk.kernel.hugetlb;

import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** Asks and changes the promise for one page: {@code mm/hugetlb.c:__vma_reservation_common()} and {@code hugetlb_reserve_pages()}. */
final class Reservations {
    private Reservations() {}

    private static boolean isShared(@Nullable Vma vma) {
        return vma == null || vma.has(VmaFlags.VM_MAYSHARE);
    }

    private static @Nullable ResvMap mapOf(HugetlbInode inode, @Nullable Vma vma) {
        return vma == null || vma.has(VmaFlags.VM_MAYSHARE)
                ? inode.reservations()
                : PrivateReserve.of(vma).map();
    }

    /** Returns whether a page at a place was not promised: {@code vma_needs_reservation()}. */
    static boolean needs(HugetlbInode inode, @Nullable Vma vma, long index) {
        ResvMap map = mapOf(inode, vma);
        return map == null || (map.missing(index, index + 1) > 0) == isShared(vma);
    }

    /** Notes that the page was had: {@code vma_commit_reservation()}. */
    static void commit(HugetlbInode inode, @Nullable Vma vma, long index) {
        ResvMap map = mapOf(inode, vma);
        if (map != null) {
            map.add(index, index + 1);
        }
    }

    /** Promises a page again: {@code vma_add_reservation()}. */
    static void restore(HugetlbInode inode, Vma vma, long index) {
        ResvMap map = mapOf(inode, vma);
        if (map == null) {
            return;
        }
        if (isShared(vma)) {
            map.add(index, index + 1);
        } else {
            map.remove(index, index + 1);
        }
    }

    /** Drops the note that a page was had or promised: {@code vma_del_reservation()}. */
    static void forget(HugetlbInode inode, Vma vma, long index) {
        ResvMap map = mapOf(inode, vma);
        if (map == null) {
            return;
        }
        if (isShared(vma)) {
            map.remove(index, index + 1);
        } else {
            map.add(index, index + 1);
        }
    }

    /**
     * Promises the pages of a mapping: {@code hugetlb_reserve_pages()}.
     *
     * @param inode the file
     * @param from first page in the file
     * @param to first page behind
     * @param vma the area, or null for the file itself
     * @param vmFlags its flags; {@code VM_NORESERVE} promises nothing
     * @return whether there are enough
     */
    static boolean reserve(HugetlbInode inode, long from, long to, @Nullable Vma vma, long vmFlags) {
        if ((vmFlags & VmaFlags.VM_NORESERVE) != 0) {
            return true;
        }
        long wanted = isShared(vma) ? inode.reservations().missing(from, to) : to - from;
        long ofPool = Subpool.take(inode.subpool(), wanted);
        if (ofPool < 0) {
            return false;
        }
        if (!inode.pool().account(ofPool)) {
            Subpool.give(inode.subpool(), wanted);
            return false;
        }
        if (vma == null || isShared(vma)) {
            inode.reservations().add(from, to);
        } else {
            vma.setPrivateData(new PrivateReserve(new ResvMap(), false));
        }
        return true;
    }
}
