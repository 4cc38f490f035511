package io.pagewalk.kernel.io;

import io.pagewalk.hardware.paging.PteFlags;

/** How the caches treat accesses to a range: {@code enum page_cache_mode}, in its order. */
public enum CacheMode {
    /** Cached, written back later. */
    WRITE_BACK("write-back", 0),
    /** Not cached; stores may be gathered. */
    WRITE_COMBINING("write-combining", PteFlags.WRITE_COMBINING),
    /** Not cached, unless an MTRR says write-combining. */
    UNCACHED_MINUS("uncached-minus", PteFlags.UNCACHED),
    /** Not cached at all. */
    UNCACHED("uncached", PteFlags.UNCACHED),
    /** Cached, stores go through. */
    WRITE_THROUGH("write-through", 0);

    private final String text;
    private final int pteFlags;

    CacheMode(String text, int pteFlags) {
        this.text = text;
        this.pteFlags = pteFlags;
    }

    /** Returns its name in the log ({@code cattr_name()}). */
    public String text() {
        return text;
    }

    /** Returns its {@link PteFlags}: {@code cachemode2protval()}. Entries tell neither both kinds of uncached nor write-through from write-back apart. */
    public int pteFlags() {
        return pteFlags;
    }

    /**
     * Returns the mode that entry flags stand for: {@code pgprot2cachemode()}.
     *
     * @param flags {@link PteFlags}
     */
    public static CacheMode of(int flags) {
        if ((flags & PteFlags.UNCACHED) != 0) {
            return UNCACHED_MINUS;
        }
        return (flags & PteFlags.WRITE_COMBINING) != 0 ? WRITE_COMBINING : WRITE_BACK;
    }

    /**
     * Returns whether a caller may be given another mode than it asked for: {@code is_new_memtype_allowed()}.
     *
     * @param given what it would get
     */
    public boolean accepts(CacheMode given) {
        return switch (this) {
            case UNCACHED_MINUS, WRITE_COMBINING -> given != WRITE_BACK;
            case WRITE_THROUGH -> given != WRITE_BACK && given != WRITE_COMBINING;
            case WRITE_BACK, UNCACHED -> true;
        };
    }
}
