package io.pagewalk.kernel.buddy;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;

/** The forms of the page API that are made of allocating and freeing one block: by kernel address, zeroed, and of an exact size. */
public abstract sealed class PageForms permits PageAllocator {
    /** Creates the forms; {@link PageAllocator} has the blocks. */
    PageForms() {}

    /**
     * Allocates {@code 2^order} frames on the current CPU's node.
     *
     * @param gfp flags of {@link Gfp}
     * @param order 0 to 10
     */
    public abstract long allocPages(int gfp, int order);

    /**
     * Drops a reference and frees the frames when it was the last.
     *
     * @param pfn first frame
     * @param order as allocated
     */
    public abstract void freePages(long pfn, int order);

    /**
     * Turns one block that is not compound into single pages with a reference each.
     *
     * @param pfn first frame
     * @param order as allocated
     */
    public abstract void splitPage(long pfn, int order);

    /** Returns the conversions between frames and addresses. */
    public abstract AddressConversion conversion();

    /**
     * Allocates frames and returns their kernel address: {@code __get_free_pages()}.
     *
     * @param gfp flags of {@link Gfp}; high memory is never used
     * @param order 0 to 10
     * @return the address in the direct map, or {@link AddressConversion#NO_ADDRESS}
     */
    public long getFreePages(int gfp, int order) {
        long pfn = allocPages(gfp & ~Gfp.HIGHMEM, order);
        return pfn == NO_PAGE ? AddressConversion.NO_ADDRESS : conversion().pageToVirt(pfn);
    }

    /**
     * Allocates one zeroed frame and returns its kernel address: {@code get_zeroed_page()}.
     *
     * @param gfp flags of {@link Gfp}
     * @return the address in the direct map, or {@link AddressConversion#NO_ADDRESS}
     */
    public long getZeroedPage(int gfp) {
        return getFreePages(gfp | Gfp.ZERO, 0);
    }

    /**
     * Frees frames by their kernel address: {@code free_pages()}.
     *
     * @param vaddr as returned by {@link #getFreePages}; {@link AddressConversion#NO_ADDRESS} does nothing
     * @param order as allocated
     */
    public void freePagesAt(long vaddr, int order) {
        if (vaddr != AddressConversion.NO_ADDRESS) {
            freePages(conversion().virtToPage(vaddr), order);
        }
    }

    /**
     * Allocates just enough frames for a number of bytes: takes the next power of two and gives the tail back, {@code alloc_pages_exact()}.
     *
     * @param bytes at least 1; 0 or more than 4 MiB fails
     * @param gfp flags of {@link Gfp}; {@link Gfp#COMP} and {@link Gfp#HIGHMEM} are ignored
     * @return first frame, or {@link PageAllocator#NO_PAGE}. Differs from Linux: a frame, not its kernel address
     */
    public long allocPagesExact(long bytes, int gfp) {
        int order = orderOf(bytes);
        long pfn = allocPages(gfp & ~(Gfp.COMP | Gfp.HIGHMEM), order);
        if (pfn == NO_PAGE) {
            return NO_PAGE;
        }
        long used = pagesOf(bytes);
        splitPage(pfn, order);
        for (long tail = pfn + used; tail < pfn + (1L << order); tail++) {
            freePages(tail, 0);
        }
        return pfn;
    }

    /**
     * Frees what {@link #allocPagesExact} gave: {@code free_pages_exact()}.
     *
     * @param pfn first frame
     * @param bytes as allocated
     */
    public void freePagesExact(long pfn, long bytes) {
        for (long page = pfn; page < pfn + pagesOf(bytes); page++) {
            freePages(page, 0);
        }
    }

    /**
     * Returns the order whose block holds a number of bytes: {@code get_order()}. 0 bytes and numbers taken as unsigned beyond all memory give orders
     * above {@link io.pagewalk.kernel.page.MemMap#MAX_PAGE_ORDER}, which no request gets.
     *
     * @param bytes at least 1
     */
    public static int orderOf(long bytes) {
        return Long.SIZE - Long.numberOfLeadingZeros((bytes - 1) >>> 12);
    }

    private static long pagesOf(long bytes) {
        return Bits.divideRoundUp(bytes, 4096);
    }
}
