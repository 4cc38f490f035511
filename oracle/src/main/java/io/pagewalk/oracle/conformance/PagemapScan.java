package io.pagewalk.oracle.conformance;

/** The PAGEMAP_SCAN ioctl of a case: its masks stay until they are set anew. */
final class PagemapScan {
    static final long WPALLOWED = 1;
    static final long WRITTEN = 1 << 1;
    static final long FILE = 1 << 2;
    static final long PRESENT = 1 << 3;
    static final long SWAPPED = 1 << 4;
    static final long PFNZERO = 1 << 5;
    static final long HUGE = 1 << 6;
    static final long GUARD = 1 << 8;
    static final long NON_WRITTEN = WPALLOWED | FILE | PRESENT | SWAPPED | PFNZERO | HUGE;
    static final long ALL = NON_WRITTEN | WRITTEN;

    /** {@code PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC}. */
    static final int WRITE_PROTECT = 3;

    private static final long IOCTL = 0xc0606610L;
    private static final int ARG_BYTES = 96;
    private static final int REGION_BYTES = 24;
    private static final long PAGE = 4096;

    private final Subject s;
    private final int fd;
    private final long arg;
    private final long regions;
    private int flags;
    private long capacity;
    private long vector;
    private long maxPages;
    private long inverted;
    private long required;
    private long any;
    private long returned;

    /** Opens {@code /proc/self/pagemap}, with room for so many regions. */
    PagemapScan(Subject s, int capacity) {
        this.s = s;
        this.fd = s.open("/proc/self/pagemap", Linux.O_RDONLY);
        this.arg = s.space(ARG_BYTES);
        this.regions = s.space((long) capacity * REGION_BYTES);
        this.capacity = capacity;
        this.vector = regions;
    }

    /** Clears masks, flags and limit. */
    PagemapScan clear() {
        flags = 0;
        maxPages = 0;
        inverted = 0;
        required = 0;
        any = 0;
        returned = 0;
        vector = regions;
        return this;
    }

    PagemapScan flags(int value) {
        flags = value;
        return this;
    }

    /** How many regions are asked for. */
    PagemapScan room(long value) {
        capacity = value;
        return this;
    }

    PagemapScan atMost(long pages) {
        maxPages = pages;
        return this;
    }

    PagemapScan required(long mask) {
        required = mask;
        return this;
    }

    PagemapScan anyOf(long mask) {
        any = mask;
        return this;
    }

    PagemapScan inverted(long mask) {
        inverted = mask;
        return this;
    }

    PagemapScan returning(long mask) {
        returned = mask;
        return this;
    }

    PagemapScan withoutVector() {
        vector = 0;
        return this;
    }

    /** Asks for pages that were written. */
    PagemapScan written() {
        return clear().required(WRITTEN).returning(WRITTEN);
    }

    /** Asks for pages that were written and write-protects them again. */
    PagemapScan writtenAndProtect() {
        return written().flags(WRITE_PROTECT);
    }

    /** Makes the call and returns its result. */
    long call(long addr, long bytes) {
        long[] words = {
            ARG_BYTES, flags, addr, addr + bytes, 0, vector, capacity, maxPages, inverted, required, any, returned
        };
        for (int i = 0; i < words.length; i++) {
            s.store(arg + i * 8L, words[i]);
        }
        return s.call("ioctl", fd, IOCTL, arg);
    }

    PagemapScan gives(long expected, long addr, long bytes) {
        s.equal(expected, call(addr, bytes), "the result of PAGEMAP_SCAN");
        return this;
    }

    /** The call must find regions or nothing; returns their number. */
    long ok(long addr, long bytes) {
        long result = call(addr, bytes);
        s.isTrue(result >= 0, "PAGEMAP_SCAN gives " + result);
        return result;
    }

    /** Write-protects what was written, and nothing is reported. */
    void protect(long addr, long bytes) {
        long room = capacity;
        writtenAndProtect().withoutVector().room(0).ok(addr, bytes);
        clear().room(room);
    }

    long walkEnd() {
        return s.load(arg + 4 * 8);
    }

    long start(int region) {
        return s.load(regions + (long) region * REGION_BYTES);
    }

    /** Length of a region in pages. */
    long pages(int region) {
        return (s.load(regions + (long) region * REGION_BYTES + 8) - start(region)) / PAGE;
    }

    long categories(int region) {
        return s.load(regions + (long) region * REGION_BYTES + 16);
    }

    void region(int index, long start, long pages, long categories) {
        s.equal(start, start(index), "the start of region " + index);
        s.equal(pages, pages(index), "the pages of region " + index);
        s.equal(categories, categories(index), "the categories of region " + index);
    }
}
