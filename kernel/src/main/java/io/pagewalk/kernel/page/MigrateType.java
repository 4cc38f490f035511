package io.pagewalk.kernel.page;

/** How free pages are grouped by mobility: {@code enum migratetype} of {@code include/linux/mmzone.h} with CMA and memory isolation. */
public final class MigrateType {
    /** Stays where it is: kernel memory. */
    public static final int UNMOVABLE = 0;

    /** Can be migrated: user memory. */
    public static final int MOVABLE = 1;

    /** Cannot move, but shrinkers free it: inodes, dentries. */
    public static final int RECLAIMABLE = 2;

    /** Types with lists of their own in the per-CPU caches. */
    public static final int PCPTYPES = 3;

    /** Pageblocks kept for high-order atomic requests; shares the number of {@link #PCPTYPES}. */
    public static final int HIGHATOMIC = 3;

    /** Pageblocks of the contiguous memory allocator: only movable pages may use them. */
    public static final int CMA = 4;

    /** Taken out of use: free pages are neither counted nor handed out. */
    public static final int ISOLATE = 5;

    /** How many there are. */
    public static final int TYPES = 6;

    private static final String[] NAMES = {"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate"};

    private MigrateType() {}

    /**
     * Returns the name in {@code /proc/pagetypeinfo}.
     *
     * @param type one of the constants
     */
    public static String name(int type) {
        return NAMES[type];
    }
}
