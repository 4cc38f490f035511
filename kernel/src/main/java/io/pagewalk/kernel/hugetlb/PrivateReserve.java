package io.pagewalk.kernel.hugetlb;

import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * What a private area keeps: the map of its promises and who it is ({@code HPAGE_RESV_OWNER}, {@code HPAGE_RESV_UNMAPPED} in {@code vm_private_data}).
 *
 * @param map the promises of the process that made the mapping, null in its children
 * @param isUnmapped whether a page was taken away from it, so that what is missing is lost
 */
record PrivateReserve(@Nullable ResvMap map, boolean isUnmapped) {
    private static final PrivateReserve NONE = new PrivateReserve(null, false);

    static PrivateReserve of(Vma vma) {
        return vma.privateData() instanceof PrivateReserve reserve ? reserve : NONE;
    }

    /** Returns whether an area is private and its process made it: {@code __vma_private_lock()}. */
    static boolean isOwner(Vma vma) {
        return !vma.has(VmaFlags.VM_MAYSHARE) && of(vma).map != null;
    }

    /** {@code set_vma_resv_flags(vma, HPAGE_RESV_UNMAPPED)}. */
    static void markUnmapped(Vma vma) {
        vma.setPrivateData(new PrivateReserve(of(vma).map, true));
    }
}
