package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MigrateType;
import java.util.Arrays;

/** Free blocks of one order in one zone, a circular list per migrate type: {@code struct free_area}. Data only; {@code buddy} works on it. */
public final class FreeArea {
    /** First block of each list, an unsigned pfn, or {@link MemMap#LIST_END}. */
    public final int[] head = new int[MigrateType.TYPES];

    /** Last block of each list, or {@link MemMap#LIST_END}. */
    public final int[] tail = new int[MigrateType.TYPES];

    /** Free blocks of each migrate type. */
    public final long[] blocks = new long[MigrateType.TYPES];

    /** Free blocks of all types: {@code nr_free}. */
    public long free;

    /** Creates empty lists. */
    public FreeArea() {
        Arrays.fill(head, MemMap.LIST_END);
        Arrays.fill(tail, MemMap.LIST_END);
    }
}
