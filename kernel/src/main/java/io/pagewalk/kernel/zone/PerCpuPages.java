package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;

/**
 * Free pages that one CPU keeps of one zone: {@code struct per_cpu_pages}. Data only; {@code buddy} works on it.
 *
 * <pre>
 *   lists: order 0: U M R | order 1: U M R | order 2: U M R | order 3: U M R | huge page: unmovable/reclaimable, movable
 * </pre>
 */
public final class PerCpuPages {
    /** Largest order with lists for each of the three types: {@code PAGE_ALLOC_COSTLY_ORDER}. */
    public static final int COSTLY_ORDER = 3;

    /** Number of lists: {@code NR_PCP_LISTS} with transparent huge pages. */
    public static final int LISTS = MigrateType.PCPTYPES * (COSTLY_ORDER + 1) + 2;

    /** The lists, indexed as drawn above. */
    public final PageDeque[] lists = new PageDeque[LISTS];

    /** Base pages on all lists. */
    public int count;

    /** Base pages above which lists are given back; moves between {@link #highMin} and {@link #highMax}. */
    public int high;

    /** Lower limit of {@link #high}. */
    public int highMin;

    /** Upper limit of {@link #high}. */
    public int highMax;

    /** Base pages moved between these lists and the buddy lists at once. */
    public int batch = 1;

    /** Scales batches up while a CPU only allocates: {@code pcp->alloc_factor}. */
    public int allocFactor;

    /** Base pages freed in a row without an allocation: {@code pcp->free_count}. */
    public int freeCount;

    /** Whether the last frees were of a high order: {@code PCPF_PREV_FREE_HIGH_ORDER}. */
    public boolean prevFreeHighOrder;

    /** Creates empty lists. */
    public PerCpuPages() {
        for (int list = 0; list < LISTS; list++) {
            lists[list] = new PageDeque();
        }
    }

    /**
     * Returns the list of a migrate type and order: {@code order_to_pindex()}.
     *
     * @param migrateType below {@link MigrateType#PCPTYPES}
     * @param order at most {@link #COSTLY_ORDER}, or that of a pageblock
     */
    public static int listOf(int migrateType, int order) {
        if (order > COSTLY_ORDER) {
            return LISTS - 2 + (migrateType == MigrateType.MOVABLE ? 1 : 0);
        }
        return MigrateType.PCPTYPES * order + migrateType;
    }

    /**
     * Returns the order of the blocks on a list: {@code pindex_to_order()}.
     *
     * @param list from 0 to {@link #LISTS} - 1
     */
    public static int orderOf(int list) {
        return list >= LISTS - 2 ? MemMap.PAGEBLOCK_ORDER : list / MigrateType.PCPTYPES;
    }
}
