package io.pagewalk.kernel.zone;

/** Free-page levels of one zone in pages, without the boost: {@code zone->_watermark[]}. */
public final class Watermarks {
    /** Index of the level below which only privileged requests are served. */
    public static final int MIN = 0;

    /** Index of the level that wakes kswapd. */
    public static final int LOW = 1;

    /** Index of the level where kswapd stops. */
    public static final int HIGH = 2;

    /** Index of the level for promotion between memory tiers. */
    public static final int PROMO = 3;

    private final long[] level = new long[4];
    private final long[] reserve;
    /** Invariant: {@code highAndReserve[z] == high() + reserve[z]}, the one sum that nearly every request asks for. */
    private final long[] highAndReserve;

    private long boost;

    /**
     * Creates levels of 0.
     *
     * @param zones zones of a node
     */
    public Watermarks(int zones) {
        reserve = new long[zones];
        highAndReserve = new long[zones];
    }

    /** Returns the number of zones of a node. */
    int zones() {
        return reserve.length;
    }

    /**
     * Returns the pages kept from requests that could use a higher zone: {@code lowmem_reserve[]}.
     *
     * @param highestZone zone index that the request could use
     */
    public long reserve(int highestZone) {
        return reserve[highestZone];
    }

    /**
     * Sets a reserve.
     *
     * @param highestZone zone index that requests could use
     * @param pages kept from them
     */
    public void setReserve(int highestZone, long pages) {
        reserve[highestZone] = pages;
        sumUp();
    }

    /**
     * Returns {@code high} with boost and reserve.
     *
     * @param highestZone zone index that the request could use
     */
    public long highAndReserve(int highestZone) {
        return highAndReserve[highestZone];
    }

    private void sumUp() {
        for (int z = 0; z < reserve.length; z++) {
            highAndReserve[z] = high() + reserve[z];
        }
    }

    /**
     * Returns a level with the boost: {@code wmark_pages()}.
     *
     * @param which {@link #MIN}, {@link #LOW}, {@link #HIGH} or {@link #PROMO}
     */
    public long pages(int which) {
        return level[which] + boost;
    }

    /** Returns {@code min} in pages, boost included. */
    public long min() {
        return pages(MIN);
    }

    /** Returns {@code low} in pages, boost included. */
    public long low() {
        return pages(LOW);
    }

    /** Returns {@code high} in pages, boost included. */
    public long high() {
        return pages(HIGH);
    }

    /** Returns {@code promo} in pages, boost included. */
    public long promo() {
        return pages(PROMO);
    }

    /**
     * Returns a level without the boost: {@code zone->_watermark[]}.
     *
     * @param which {@link #MIN}, {@link #LOW}, {@link #HIGH} or {@link #PROMO}
     */
    public long base(int which) {
        return level[which];
    }

    /** Returns the temporary raise after a pageblock was stolen, in pages. */
    public long boost() {
        return boost;
    }

    /**
     * Sets the temporary raise.
     *
     * @param pages at least 0
     */
    public void setBoost(long pages) {
        boost = pages;
        sumUp();
    }

    /**
     * Sets all levels and clears the boost, as {@code mm/page_alloc.c:__setup_per_zone_wmarks()} does.
     *
     * @param min pages
     * @param step pages between two levels
     */
    public void set(long min, long step) {
        boost = 0;
        for (int which = MIN; which <= PROMO; which++) {
            level[which] = min + which * step;
        }
        sumUp();
    }
}
