package io.pagewalk.hardware.paging;

/**
 * The register of protection keys: what user pages with each key refuse, on top of the rights that their page tables give.
 *
 * <pre>
 *   bit 31   30  ...  5    4    3    2    1    0
 *      WD15 AD15     WD2  AD2  WD1  AD1  WD0  AD0        AD: no loads and no stores, WD: no stores
 * </pre>
 *
 * <p>Only data accesses to user pages are refused, fetches never are. A supervisor is refused like a user: stores by WD too, because CR0.WP is set. Source: Intel SDM
 * volume 3, section 4.6.2.
 */
public final class Pkru {
    /** The number of keys. */
    public static final int KEYS = 16;

    /** What a key refuses: loads and stores (AD). */
    public static final int NO_ACCESS = 1;

    /** What a key refuses: stores (WD). */
    public static final int NO_WRITE = 2;

    private static final int BITS_PER_KEY = 2;

    private Pkru() {}

    /**
     * Returns what a key refuses.
     *
     * @param register the register
     * @param key 0 to 15
     * @return {@link #NO_ACCESS}, {@link #NO_WRITE}, both or 0
     */
    public static int refused(int register, int key) {
        return register >>> (BITS_PER_KEY * key) & (NO_ACCESS | NO_WRITE);
    }

    /**
     * Returns a register in which a key refuses something else.
     *
     * @param register the register before
     * @param key 0 to 15
     * @param refused {@link #NO_ACCESS}, {@link #NO_WRITE}, both or 0
     */
    public static int with(int register, int key, int refused) {
        int shift = BITS_PER_KEY * key;
        return (register & ~((NO_ACCESS | NO_WRITE) << shift)) | refused << shift;
    }

    /**
     * Returns whether a page's key refuses an access.
     *
     * @param register the register
     * @param flags the {@link PteFlags} of the page, its key among them; only a page with USER is refused
     * @param needed the {@link PteFlags} rights that the access needs
     */
    public static boolean refuses(int register, int flags, int needed) {
        int refused = refused(register, PteFlags.key(flags));
        return refused != 0
                && (flags & PteFlags.USER) != 0
                && (needed & PteFlags.EXEC) == 0
                && ((refused & NO_ACCESS) != 0 || (needed & PteFlags.WRITE) != 0);
    }
}
