package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.Gfp;

/** What one attempt of the allocator may do: {@code ALLOC_*} of {@code mm/internal.h}. The lowest two bits choose the watermark. */
public final class AllocFlags {
    /** Check against the min watermark. */
    public static final int WMARK_MIN = 0;

    /** Check against the low watermark. */
    public static final int WMARK_LOW = 1;

    /** Check against the high watermark. */
    public static final int WMARK_HIGH = 2;

    /** Check nothing. */
    public static final int NO_WATERMARKS = 4;

    /** Bits that number the watermark. */
    public static final int WMARK_MASK = NO_WATERMARKS - 1;

    /** The caller is a victim of the OOM killer. */
    public static final int OOM = 0x8;

    /** The caller cannot sleep. */
    public static final int NON_BLOCK = 0x10;

    /** Half of the min reserve may be used; the same bit as {@code __GFP_HIGH}. */
    public static final int MIN_RESERVE = Gfp.HIGH;

    /** Pages of CMA pageblocks may be used. */
    public static final int CMA = 0x80;

    /** Rather another zone than a mixed pageblock. */
    public static final int NOFRAGMENT = 0x100;

    /** Pages of HIGHATOMIC pageblocks may be used. */
    public static final int HIGHATOMIC = 0x200;

    /** Wakes kswapd; the same bit as {@code __GFP_KSWAPD_RECLAIM}. */
    public static final int KSWAPD = Gfp.KSWAPD_RECLAIM;

    /** Any right to reserves. */
    public static final int RESERVES = NON_BLOCK | MIN_RESERVE | HIGHATOMIC | OOM;

    private AllocFlags() {}

    /**
     * Returns {@link #CMA} for movable requests: {@code gfp_to_alloc_flags_cma()}.
     *
     * @param gfp request flags
     */
    static int cma(int gfp) {
        return (gfp & (Gfp.MOVABLE | Gfp.RECLAIMABLE)) == Gfp.MOVABLE ? CMA : 0;
    }

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
        return flags | cma(gfp);
    }
}
