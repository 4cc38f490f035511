package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.Gfp;

/** What one attempt of the allocator may do: {@code ALLOC_*} of {@code mm/internal.h}. The lowest two bits choose the watermark. */
final class AllocFlags {
    /** Check against the min watermark. */
    static final int WMARK_MIN = 0;

    /** Check against the low watermark. */
    static final int WMARK_LOW = 1;

    /** Check against the high watermark. */
    static final int WMARK_HIGH = 2;

    /** Check nothing. */
    static final int NO_WATERMARKS = 4;

    /** Bits that number the watermark. */
    static final int WMARK_MASK = NO_WATERMARKS - 1;

    /** The caller is a victim of the OOM killer. */
    static final int OOM = 0x8;

    /** The caller cannot sleep. */
    static final int NON_BLOCK = 0x10;

    /** Half of the min reserve may be used; the same bit as {@code __GFP_HIGH}. */
    static final int MIN_RESERVE = Gfp.HIGH;

    /** Rather another zone than a mixed pageblock. */
    static final int NOFRAGMENT = 0x100;

    /** Pages of HIGHATOMIC pageblocks may be used. */
    static final int HIGHATOMIC = 0x200;

    /** Wakes kswapd; the same bit as {@code __GFP_KSWAPD_RECLAIM}. */
    static final int KSWAPD = Gfp.KSWAPD_RECLAIM;

    /** Any right to reserves. */
    static final int RESERVES = NON_BLOCK | MIN_RESERVE | HIGHATOMIC | OOM;

    private AllocFlags() {}

    /**
     * Returns the flags of the slow path: {@code gfp_to_alloc_flags()}.
     *
     * @param gfp request flags
     * @param order request order
     */
    static int of(int gfp, int order) {
        int flags = WMARK_MIN | (gfp & (Gfp.HIGH | Gfp.KSWAPD_RECLAIM));
        if ((gfp & (Gfp.DIRECT_RECLAIM | Gfp.NOMEMALLOC)) == 0) {
            flags |= NON_BLOCK;
            if (order > 0 && (flags & MIN_RESERVE) != 0) {
                flags |= HIGHATOMIC;
            }
        }
        return flags;
    }
}
