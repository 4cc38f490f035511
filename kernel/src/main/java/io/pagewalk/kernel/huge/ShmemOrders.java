package io.pagewalk.kernel.huge;

import io.pagewalk.kernel.vma.Vma;

/** Which huge pages the areas of files in memory may have, which their mounts decide: implemented above this package. */
@FunctionalInterface
public interface ShmemOrders {
    /** No such file has huge pages. */
    ShmemOrders NONE = (vma, index, asker) -> 0;

    /**
     * Returns the orders that a folio may have: {@code mm/shmem.c:shmem_allowable_huge_orders()}.
     *
     * @param vma an area of a file in memory
     * @param index page index in the file
     * @param asker who wants to know
     * @return orders as bits
     */
    int allowable(Vma vma, long index, HugePagePolicy.Asker asker);
}
