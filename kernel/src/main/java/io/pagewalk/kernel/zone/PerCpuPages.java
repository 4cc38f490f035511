package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import java.util.Arrays;

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

    /** First frame of each list, an unsigned pfn, or {@link MemMap#LIST_END}. */
    public final int[] head = new int[LISTS];

    /** Last frame of each list, or {@link MemMap#LIST_END}. */
    public final int[] tail = new int[LISTS];

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
        Arrays.fill(head, MemMap.LIST_END);
        Arrays.fill(tail, MemMap.LIST_END);
    }
}
