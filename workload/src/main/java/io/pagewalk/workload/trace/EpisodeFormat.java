package io.pagewalk.workload.trace;

/**
 * The bits of an episode in the columns of a block.
 *
 * <p>An <em>episode</em> is a stretch of one thread's accesses that touches at most four data pages and at most four
 * instruction pages. A set of a first-level TLB that replaces the least recently used of four or more entries cannot
 * evict a page of the episode inside it, so each page misses at most once, at its first touch. The episode is
 * therefore described completely by its <em>events</em> in order (the first touch of each page, and the first store to
 * a page that was loaded first), by how many accesses there were, and by the order in which its pages were used last.
 *
 * <pre>
 *  event, 16 bits            15                         2 1    0
 *                            | page's place in the block | type |   0 load, 1 store, 2 fetch: as Access numbers them
 *
 *  episode, 16 bits          15    14 13       9 8        4 3      0
 *                            | free  | code I   | code D   | events |
 *
 *  token, 8 bits             7        4 3      0
 *                            | fetches | symbol |    so many fetches from the current page, then the symbol
 *     0-7   an access to data slot symbol/2, a load when even and a store when odd
 *     8-11  fetches come from instruction slot symbol-8 from here on; one is made at once
 *     12    the access that follows is the second half of one that crosses a page border
 *     14    nothing: a count of 15 that goes on in the next token
 *     15    the episode ends
 * </pre>
 *
 * <p>A slot's number is the order of its page's first touch within the episode, for data and instructions apart. A
 * code says in which order the slots were used last: 0 when that is the order of their last events, otherwise one
 * more than the place of the permutation in {@link #PERMUTATIONS}.
 */
public final class EpisodeFormat {
    /** Most data pages, and most instruction pages, of one episode. */
    public static final int SLOTS = 4;

    /** Most distinct pages of one block. */
    public static final int MAX_PAGES = 1 << 14;

    /** Most episodes of one span: a span is the grain in which simulated time passes for accesses. */
    public static final int MAX_SPAN_EPISODES = 256;

    /** Token symbol: the next access is the second half of one that crosses a page border. */
    public static final int TOKEN_SECOND_HALF = 12;

    /** Token symbol: only the fetches count. */
    public static final int TOKEN_NONE = 14;

    /** Token symbol: the episode ends. */
    public static final int TOKEN_END = 15;

    /** Token symbol of instruction slot 0. */
    public static final int TOKEN_FETCH_SLOT = 8;

    /** Most fetches that one token counts. */
    public static final int MAX_TOKEN_FETCHES = 15;

    private static final byte[] PERMUTATIONS = listPermutations();

    private static final byte[] CODE_OF_PERMUTATION = invert();

    private EpisodeFormat() {}

    /**
     * Returns the 24 orders of four slots, each packed two bits a slot, the least recently used lowest. Orders of
     * fewer slots leave the missing ones at the end.
     */
    public static byte[] permutations() {
        return PERMUTATIONS.clone();
    }

    /** Returns the code of a packed order. */
    static int codeOf(int packedOrder) {
        return CODE_OF_PERMUTATION[packedOrder & 0xff];
    }

    private static byte[] listPermutations() {
        byte[] all = new byte[24];
        int count = 0;
        for (int packed = 0; packed < 256; packed++) {
            int seen = 0;
            for (int i = 0; i < SLOTS; i++) {
                seen |= 1 << (packed >>> (2 * i) & 3);
            }
            if (seen == 0xf) {
                all[count++] = (byte) packed;
            }
        }
        return all;
    }

    private static byte[] invert() {
        byte[] codes = new byte[256];
        for (int i = 0; i < PERMUTATIONS.length; i++) {
            codes[PERMUTATIONS[i] & 0xff] = (byte) (i + 1);
        }
        return codes;
    }

    /** Returns how many events an episode's 16 bits announce. */
    public static int eventCount(int episode) {
        return episode & 15;
    }

    /** Returns the code of the order in which data slots were used last. */
    public static int dataOrder(int episode) {
        return episode >>> 4 & 31;
    }

    /** Returns the code of the order in which instruction slots were used last. */
    public static int fetchOrder(int episode) {
        return episode >>> 9 & 31;
    }

    static int episode(int events, int dataOrder, int fetchOrder) {
        return events | dataOrder << 4 | fetchOrder << 9;
    }
}
